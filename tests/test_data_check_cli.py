"""`netral data check` from end to end: files and folders in, a report and an exit code out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from data_check_posts import nearly, rows, write_csv, write_jsonl

from netral_nlp.cli.main import main
from netral_nlp.corpus.check.findings import COLUMNS
from netral_nlp.formats import open_posts

OFF = ["--label-errors", "off"]


def run(capsys: pytest.CaptureFixture[str], *args: str | Path) -> tuple[int, str, str]:
    code = main(["data", "check", *map(str, args)])
    out = capsys.readouterr()
    return code, out.out, out.err


def as_json(capsys: pytest.CaptureFixture[str], *args: str | Path) -> tuple[int, dict[str, Any]]:
    code, out, _ = run(capsys, *args, "--json")
    return code, json.loads(out)


def rows_of(document: dict[str, Any], kind: str) -> list[tuple[str, int | None]]:
    return [(Path(one["file"]).name, one["row"]) for one in document["findings"] if one["kind"] == kind]


def test_sound_files_exit_with_0_and_say_what_was_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = write_jsonl(tmp_path / "train.jsonl", rows(90))
    dev = write_csv(tmp_path / "dev.csv", rows(30, 90))

    code, out, err = run(capsys, train, dev, *OFF)

    assert code == 0
    assert out.startswith("120 posts in 2 files; sides: train 90, dev 30; labels: neutral 40 (33.3 %)")
    assert "error" not in err


def test_a_leak_between_files_exits_with_1_after_the_whole_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = rows(90)
    write_jsonl(tmp_path / "a.jsonl", made)
    write_jsonl(tmp_path / "b.jsonl", [*rows(30, 90), {**made[4], "text": nearly(made[4]["text"], 0.85), "id": "x"}])

    code, out, err = run(capsys, f"train={tmp_path / 'a.jsonl'}", f"uji={tmp_path / 'b.jsonl'}", *OFF)

    assert code == 1
    assert f"{tmp_path / 'b.jsonl'}:31 ~ {tmp_path / 'a.jsonl'}:5" in out
    assert "uji and train" in out
    assert err.splitlines()[-1] == "netral: error: would spoil a training: near duplicate on two sides (1)"


def test_strict_counts_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = rows(90)
    path = write_jsonl(tmp_path / "a.jsonl", [*made, {**made[4]}])

    assert run(capsys, path, *OFF)[0] == 0
    code, _, err = run(capsys, path, "--strict", *OFF)
    assert code == 1
    assert "exact duplicate (1)" in err


def test_the_column_split_says_the_sides_unless_all_files_say_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = rows(60, split="Train") + rows(30, 60, split="dev")
    made[70]["text"] = made[7]["text"]
    one = write_jsonl(tmp_path / "semua.jsonl", made)
    assert rows_of(as_json(capsys, one, *OFF)[1], "same text on two sides") == [("semua.jsonl", 71)]

    left = write_jsonl(tmp_path / "kiri.jsonl", rows(60, split="train"))
    right = write_jsonl(tmp_path / "kanan.jsonl", [*rows(30, 60, split="train"), rows(1, 3, split="train")[0]])
    document = as_json(capsys, left, right, *OFF)[1]
    assert document["sides"] == {"kiri": 60, "kanan": 31}
    assert rows_of(document, "same text on two sides") == [("kanan.jsonl", 31)]


def test_every_bad_row_is_named_and_checking_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows(90)]
    lines[10] = '{"id": "rusak", "text": "Kotak suara'
    lines[20] = "[1, 2]"
    lines[30] = json.dumps({"id": "z", "text": ["bukan", "teks"], "label": "neutral"})
    lines[40] = json.dumps({"id": "y", "text": "Semoga lancar", "label": "neutral", "action": "menari"})
    path = tmp_path / "posts.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    code, document = as_json(capsys, path, *OFF)

    assert code == 1
    assert document["posts"] == 86
    assert rows_of(document, "row cannot be read") == [("posts.jsonl", row) for row in (11, 21, 31, 41)]
    assert "Kotak suara" not in json.dumps(document)


def test_broken_rows_of_a_csv_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_csv(tmp_path / "posts.csv", rows(90))
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[6] += ",lebih,banyak,kolom"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    code, document = as_json(capsys, path, *OFF)

    assert code == 1
    assert rows_of(document, "row cannot be read") == [("posts.csv", 6)]
    assert document["posts"] == 89


def test_a_file_that_cannot_be_read_is_a_finding_among_others_and_one_line_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write_jsonl(tmp_path / "train.jsonl", rows(90))
    bad = tmp_path / "dev.parquet"
    bad.write_bytes(b"PAR1 ini bukan parquet")
    lacking = write_csv(tmp_path / "tanpa.csv", [{"text": row["text"]} for row in rows(5)])

    code, document = as_json(capsys, good, bad, lacking, *OFF)
    assert code == 1
    assert document["posts"] == 90
    assert rows_of(document, "file cannot be read") == [("dev.parquet", None), ("tanpa.csv", None)]

    code, out, err = run(capsys, bad, *OFF)
    assert (code, out) == (1, "")
    assert err.startswith(f"netral: error: {bad}")
    assert len(err.splitlines()) == 1


def card(configs: str) -> str:
    return f"---\nlanguage:\n- id\nconfigs:\n{configs}---\n\n# Kartu data\n"


def test_a_folder_with_a_card_takes_its_sides_from_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "data"
    made = rows(60)
    write_jsonl(folder / "posts" / "train-1.jsonl", made)
    write_jsonl(folder / "posts" / "test.jsonl", [*rows(30, 60), {**made[8], "id": "q"}])
    write_jsonl(folder / "lain.jsonl", [*rows(30, 100), {**made[9], "id": "r"}])
    write_csv(folder / "labels.csv", [{"sha256": "ab" * 32, "label": "neutral"}])
    write_csv(folder / "contoh.csv", [{"text": row["text"]} for row in made[:3]])
    (folder / "README.md").write_text(
        card(
            "- config_name: posts\n  data_files:\n  - split: train\n    path: posts/train-*.jsonl\n"
            "  - split: test\n    path: [posts/test.jsonl]\n- config_name: lain\n  data_files: lain.jsonl\n"
        ),
        encoding="utf-8",
    )

    code, document = as_json(capsys, folder, *OFF)

    assert code == 1
    assert document["sides"] == {"train": 60, "test": 31}
    assert rows_of(document, "same text on two sides") == [("test.jsonl", 31)]
    assert sorted(rows_of(document, "not checked")) == [("contoh.csv", None), ("labels.csv", None)]


def test_a_folder_without_a_card_has_a_side_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = rows(60)
    write_jsonl(tmp_path / "sets" / "train.jsonl", made)
    write_jsonl(tmp_path / "sets" / "dev.jsonl", [*rows(30, 60), {**made[8], "id": "q"}])
    # What `netral data split` writes beside the sides.
    write_jsonl(tmp_path / "sets" / "left_out.jsonl", [{**made[9], "id": "r", "label": None}])
    (tmp_path / "sets" / "split.json").write_text('{"kind": "split"}', encoding="utf-8")

    code, document = as_json(capsys, tmp_path / "sets", *OFF)

    assert code == 1
    assert document["sides"] == {"train": 60, "dev": 31}
    assert rows_of(document, "same text on two sides") == [("dev.jsonl", 31)]
    assert rows_of(document, "no label") == []
    assert [name for name, _ in rows_of(document, "not checked")] == ["left_out.jsonl"]


def test_a_damaged_file_in_a_folder_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_jsonl(tmp_path / "sets" / "train.jsonl", rows(60))
    (tmp_path / "sets" / "dev.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00rusak")

    code, document = as_json(capsys, tmp_path / "sets", *OFF)

    assert code == 1
    assert rows_of(document, "file cannot be read") == [("dev.jsonl.gz", None)]


def test_folders_and_cards_that_cannot_be_used_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "kosong"
    empty.mkdir()
    assert "holds no data files" in run(capsys, empty)[2]
    write_jsonl(empty / "a.jsonl", rows(5))
    (empty / "README.md").write_text("---\nconfigs: [a: b: c\n---\n", encoding="utf-8")
    code, out, err = run(capsys, empty)
    assert (code, out) == (1, "")
    assert "is not YAML" in err
    assert "NAME=FILE" in run(capsys, f"train={empty}")[2]


def label_studio(made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    def answer(label: str, who: int, **more: Any) -> dict[str, Any]:
        result = {"value": {"choices": [label]}, "from_name": "sikap", "to_name": "text", "type": "choices"}
        return {"id": who, "completed_by": who, "was_cancelled": False, "result": [result], **more}

    tasks = [
        {"id": 500 + place, "data": {"text": row["text"]}, "annotations": [answer(row["label"], 1)], "predictions": []}
        for place, row in enumerate(made)
    ]
    tasks[3]["annotations"] = [answer("neutral", 1), answer("campaigning", 2)]
    tasks[5]["annotations"] = [answer("neutral", 1, was_cancelled=True)]
    tasks[6]["annotations"] = []
    tasks[8]["annotations"] = [answer("Mendukung", 1)]
    return tasks


def test_a_raw_label_studio_export_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "project-7.json"
    path.write_text(json.dumps(label_studio(rows(90)), ensure_ascii=False), encoding="utf-8")

    code, document = as_json(capsys, path, *OFF)
    assert code == 1
    assert document["files"][0]["format"] == "label-studio"
    assert rows_of(document, "unknown label") == [("project-7.json", 9)]
    assert rows_of(document, "annotators differ") == [("project-7.json", 4)]
    assert rows_of(document, "not annotated") == [("project-7.json", 6), ("project-7.json", 7)]
    assert run(capsys, path, "--map", "Mendukung=memihak", *OFF)[0] == 0


def test_answers_of_annotators_called_1_and_2_are_answers_to_one_post(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [{**row, "annotator": annotator} for row in rows(60) for annotator in (1, 2)]
    made[1]["label"] = "berkampanye"
    path = write_csv(tmp_path / "answers.csv", made)

    code, document = as_json(capsys, path, *OFF)

    assert (code, document["posts"]) == (0, 60)
    assert rows_of(document, "annotators differ") == [("answers.csv", 1)]


def test_an_adjudicator_has_the_last_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = [{**row, "annotator": name} for row in rows(60) for name in ("ani", "budi", "ketua")]
    made[0]["label"] = made[1]["label"] = "berkampanye"
    path = write_csv(tmp_path / "answers.csv", made)

    assert as_json(capsys, path, *OFF)[1]["labels"]["neutral"] == 19
    code, document = as_json(capsys, path, *OFF, "--adjudicator", "ketua")

    assert (code, document["labels"]["neutral"]) == (0, 20)
    assert rows_of(document, "annotators differ") == []
    assert run(capsys, path, *OFF, "--adjudicator", "dewi")[::2] == (
        1,
        "netral: error: no answers of the adjudicator 'dewi'; the annotators are 'ani', 'budi', 'ketua'\n",
    )


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".xlsx", ".parquet"])
def test_the_report_holds_every_finding_in_each_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    made = rows(90)
    posts = write_jsonl(tmp_path / "a.jsonl", [*made, {**made[4]}, {"id": "t", "text": "", "label": "neutral"}])
    report = tmp_path / f"temuan{ending}"

    code, _, err = run(capsys, posts, "--report", report, *OFF)

    assert code == 1
    assert f"wrote {report}" in err
    with open_posts(report) as reader:
        assert tuple(reader.columns) == COLUMNS
        found = [
            dict(zip(("kind", "row"), (batch.strings("kind")[place], batch.strings("row")[place]), strict=True))
            for batch in reader.batches()
            for place in range(batch.rows.num_rows)
        ]
    assert found == [{"kind": "empty text", "row": "92"}, {"kind": "exact duplicate", "row": "91"}]
    assert "is there already" in run(capsys, posts, "--report", report)[2]
    assert run(capsys, posts, "--report", report, "--overwrite", *OFF)[0] == 1


def test_no_output_holds_post_text_and_all_runs_give_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "Kampung Rawa Dalam menyimpan rahasia jagoan nomor empat belas, hubungi 0812-7654-3210"
    made = rows(120, split="train") + rows(40, 120, split="dev")
    made[130]["text"] = made[7]["text"] = secret
    made[131]["text"] = secret + " ya"
    made[8] |= {"text": secret.upper(), "label": "neutral" if made[7]["label"] != "neutral" else "supportive"}
    made[9]["label"] = secret
    made[10] |= {"text": "", "context": secret}
    path = write_jsonl(tmp_path / "a.jsonl", made)
    report = tmp_path / "r.jsonl"

    outputs = []
    for _ in range(2):
        table = run(capsys, path, "--show", "100", "--report", report, "--overwrite")
        document = run(capsys, path, "--json")
        outputs.append((*table, *document, report.read_bytes()))

    assert outputs[0] == outputs[1]
    assert "1 finding" not in outputs[0][1]
    for output in outputs[0][1:]:
        text = output.decode() if isinstance(output, bytes) else str(output)
        assert "rawa dalam" not in text.lower()
        assert "7654" not in text
        assert made[20]["text"][:30] not in text


def test_the_projects_own_data_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(__file__).parents[1] / "data"

    code, document = as_json(capsys, folder, *OFF)

    assert document["counts"]["error"] == {}
    assert code == 0


def test_a_report_never_replaces_what_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_csv(tmp_path / "train.csv", rows(30))
    before = path.read_bytes()

    for given in (path, f"train={path}"):
        code, _, err = run(capsys, given, *OFF, "--report", path, "--overwrite")
        assert code == 1
        assert err == f"netral: error: {path}: is one of the files to check; name another report\n"
    code, _, err = run(capsys, tmp_path, *OFF, "--report", path, "--overwrite")

    assert (code, path.read_bytes()) == (1, before)


def test_a_file_without_a_readable_row_says_what_is_wrong_with_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_jsonl(tmp_path / "posts.jsonl", [{"text": {"isi": "rahasia"}, "label": "netral"}] * 3)

    code, _, err = run(capsys, path, *OFF)

    assert code == 1
    assert err.splitlines()[-1] == (
        f"netral: error: {path}: row 1: 'text' holds an object, not a text; name the text with --text-column"
    )


def test_a_header_that_is_a_post_is_not_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "posts.csv"
    for first in ("Ayo kawal suara di TPS demi kemenangan kita,kampanye", "Ayo kawal suara di TPS demi kemenangan"):
        path.write_text(f"{first}\nBangga sama Bu Sari\n" if "," not in first else f"{first}\nBangga,netral\n")

        code, out, err = run(capsys, path, *OFF)

        assert code == 1
        assert "kawal suara" not in out + err
        assert "column 1 (a long name: is the first row a header?)" in err


def test_the_last_line_without_errors_is_a_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = rows(90)
    path = write_jsonl(tmp_path / "a.jsonl", made)
    assert run(capsys, path, *OFF)[1].splitlines()[-1] == "nothing would spoil a training (next: netral data split)"
    write_jsonl(path, [*made, {**made[4]}, {**made[5]}])
    sides = [f"train={path}", f"dev={write_jsonl(tmp_path / 'b.jsonl', rows(30, 90))}"]
    code, out, _ = run(capsys, *sides, *OFF)
    assert (code, out.splitlines()[-1]) == (0, "nothing would spoil a training; 2 rows to look at")
    assert "nothing would spoil" not in run(capsys, *sides, "--strict", *OFF)[1]


def test_posts_on_which_annotators_differ_are_no_hindrance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = [{**row, "ani": row["label"], "budi": row["label"]} for row in rows(90)]
    made[7]["budi"] = next(row["label"] for row in made if row["label"] != made[7]["label"])
    path = write_jsonl(tmp_path / "a.jsonl", [{k: v for k, v in row.items() if k != "label"} for row in made])
    code, document = as_json(capsys, path, "--strict", *OFF)
    assert code == 0
    assert document["counts"]["note"]["annotators differ"] == 1

"""`netral data split`: files in, files and a manifest out."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from netral_nlp.cli.main import main
from netral_nlp.corpus.labelled import read_labelled
from netral_nlp.formats import open_posts

EXPORTS = Path(__file__).parent / "exports"
LABELS = ("neutral", "supportive", "campaigning")
WORDS = (
    "warga pasar jalan rusak jembatan sekolah guru petani nelayan harga beras minyak subsidi debat surat suara saksi "
    "panitia desa kota bupati wali calon nomor urut program visi misi janji kerja nyata bersama pilih dukung coblos"
).split()


def make_posts(count: int, seed: int = 0) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    return [
        {
            "id": str(1767909117749068112 + row),
            "text": " ".join(chance.choices(WORDS, k=10)) + f" {chance.randrange(10**6)}",
            "label": chance.choices(LABELS, weights=[6, 3, 1])[0],
            "author": f"akun{row % 25}",
            "posted_at": f"2024-{1 + row * 12 // count:02d}-{1 + row % 28:02d}T08:15:00Z",
        }
        for row in range(count)
    ]


def write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def split(*argv: object) -> int:
    return main(["data", "split", *map(str, argv)])


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "posts.jsonl", make_posts(200))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -- what is written --------------------------------------------------------------------------------------------------


def test_rows_keep_every_column_and_their_order(
    tmp_path: Path, posts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {**row, "nested": {"suka": place, "tag": ["a", None]}, "big": 1767909117749068112, "score": 1.50}
        for place, row in enumerate(make_posts(200))
    ]
    rows[3]["late"] = "hanya di sini"
    write_lines(posts, rows)
    assert split(posts, "-o", tmp_path / "sets") == 0
    assert names(tmp_path / "sets") == ["dev.jsonl", "split.json", "test.jsonl", "train.jsonl"]
    order = {row["id"]: place for place, row in enumerate(rows)}
    found = 0
    for name, count in (("train", 160), ("dev", 20), ("test", 20)):
        side = read_lines(tmp_path / "sets" / f"{name}.jsonl")
        assert len(side) == count
        assert [order[row["id"]] for row in side] == sorted(order[row["id"]] for row in side)
        for row in side:
            assert row.pop("split") == name
            assert row == rows[order[row["id"]]]
            found += 1
    assert found == 200
    printed = capsys.readouterr().out
    assert "train    160  80.0 %  80.0 %" in printed
    assert len(read_labelled([tmp_path / "sets" / "train.jsonl"])) == 160


def test_the_manifest_says_what_was_done(tmp_path: Path, posts: Path) -> None:
    assert split(posts, "-o", tmp_path / "sets", "--apart", "author", "--seed", "7") == 0
    manifest = json.loads((tmp_path / "sets" / "split.json").read_text())
    assert manifest["kind"] == "netral split"
    assert manifest["inputs"] == [
        {"file": "posts.jsonl", "sha256": hashlib.sha256(posts.read_bytes()).hexdigest(), "rows": 200}
    ]
    assert manifest["options"]["seed"] == 7
    assert manifest["options"]["apart"] == ["author"]
    assert manifest["groups"]["bound_by"] == ["copies", "author"]
    assert manifest["groups"]["count"] == 25
    assert manifest["groups"]["largest"] == 8
    assert manifest["left_out"] == {}
    assert sum(output["rows"] for output in manifest["outputs"].values()) == 200
    for name, output in manifest["outputs"].items():
        content = (tmp_path / "sets" / name).read_bytes()
        assert output["sha256"] == hashlib.sha256(content).hexdigest()
        rows = read_lines(tmp_path / "sets" / name)
        assert output["rows"] == len(rows)
        assert output["labels"] == {label: sum(row["label"] == label for row in rows) for label in LABELS}
    assert str(tmp_path) not in json.dumps(manifest)


def test_the_same_request_gives_the_same_bytes_whatever_the_hash_seed(tmp_path: Path, posts: Path) -> None:
    found = []
    for hash_seed in ("1", "2"):
        folder = tmp_path / f"sets-{hash_seed}"
        argv = ["data", "split", str(posts), "-o", str(folder), "--apart", "author", "--folds", "4"]
        code = f"import sys; from netral_nlp.cli.main import main; sys.exit(main({argv!r}))"
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
        found.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert found[0] == found[1]
    assert split(posts, "-o", tmp_path / "other", "--apart", "author", "--folds", "4", "--seed", "1") == 0
    assert (tmp_path / "other" / "fold_1.jsonl").read_bytes() != found[0]["fold_1.jsonl"]


def test_folds_get_a_number_and_each_row_is_in_one(tmp_path: Path, posts: Path) -> None:
    assert split(posts, "-o", tmp_path / "folds", "--folds", "5", "--apart", "author") == 0
    rows = [row for number in range(1, 6) for row in read_lines(tmp_path / "folds" / f"fold_{number}.jsonl")]
    assert sorted(row["id"] for row in rows) == sorted(row["id"] for row in make_posts(200))
    fold_of: dict[str, set[int]] = {}
    for row in rows:
        fold_of.setdefault(row["author"], set()).add(row["fold"])
    assert all(len(folds) == 1 for folds in fold_of.values())
    assert {row["fold"] for row in read_lines(tmp_path / "folds" / "fold_3.jsonl")} == {3}


def test_what_can_stand_nowhere_is_left_out_with_its_reason(
    tmp_path: Path, posts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = make_posts(200)
    rows[190]["text"] = f"{rows[3]['text']} ya"
    rows[195]["label"] = None
    rows[20]["posted_at"] = "entah"
    write_lines(posts, rows)
    command = [posts, "-o", tmp_path / "sets", "--by-time", "posted_at"]
    assert split(*command) == 1
    assert "posts.jsonl: row 196: no label (1 of 200 posts have none)" in capsys.readouterr().err
    assert split(*command, "--unlabelled", "set-aside") == 1
    assert "1 of 200 posts have no time that can be read, the first in" in capsys.readouterr().err
    assert not (tmp_path / "sets").exists()
    assert split(*command, "--unlabelled", "set-aside", "--undated", "set-aside") == 0
    lost = read_lines(tmp_path / "sets" / "left_out.jsonl")
    assert [(row["id"], row["reason"]) for row in lost] == [
        (rows[20]["id"], "no readable time"),
        (rows[190]["id"], "copies stand in train"),
        (rows[195]["id"], "no label"),
    ]
    assert lost[0] == {**rows[20], "reason": "no readable time"}
    manifest = json.loads((tmp_path / "sets" / "split.json").read_text())
    assert manifest["left_out"] == {"copies stand in train": 1, "no label": 1, "no readable time": 1}
    assert sum(output["rows"] for output in manifest["outputs"].values()) == 200
    assert "3 rows in none of them (left_out.jsonl)" in capsys.readouterr().out


def test_an_input_column_of_that_name_is_kept_unless_it_says_the_same(tmp_path: Path, posts: Path) -> None:
    write_lines(posts, [{**row, "split": "lama"} for row in make_posts(100)])
    assert split(posts, "-o", tmp_path / "one") == 0
    row = read_lines(tmp_path / "one" / "dev.jsonl")[0]
    assert (row["split"], row["split_input"]) == ("dev", "lama")
    again = [row for name in ("train", "dev", "test") for row in read_lines(tmp_path / "one" / f"{name}.jsonl")]
    order = {row["id"]: place for place, row in enumerate(make_posts(100))}
    write_lines(posts, sorted(again, key=lambda row: order[row["id"]]))
    assert split(posts, "-o", tmp_path / "two") == 0
    assert list(read_lines(tmp_path / "two" / "dev.jsonl")[0]) == [
        *("id", "text", "label", "author", "posted_at", "split_input", "split"),
    ]


def test_sides_of_an_older_split_do_not_stand_beside_the_new_ones(tmp_path: Path, posts: Path) -> None:
    rows = [{**row, "split": ("train", "test")[place % 2]} for place, row in enumerate(make_posts(200))]
    rows[199] = {**rows[199], "text": rows[0]["text"]}
    write_lines(posts, rows)
    assert split(posts, "-o", tmp_path / "sets", "--by-time") == 0
    assert main(["data", "check", str(tmp_path / "sets"), "--may-cross", "author"]) == 0
    (lost,) = read_lines(tmp_path / "sets" / "left_out.jsonl")
    assert "split" not in lost
    assert (lost["split_input"], lost["reason"]) == ("test", "copies stand in train")
    assert split(posts, "-o", tmp_path / "folds", "--folds", "2") == 0
    assert main(["data", "check", str(tmp_path / "folds"), "--may-cross", "author"]) == 0
    given = {row["id"]: row["split"] for row in rows}
    for number in (1, 2):
        fold = read_lines(tmp_path / "folds" / f"fold_{number}.jsonl")
        assert fold
        assert not any("split" in row for row in fold)
        assert [(row["split_input"], row["fold"]) for row in fold] == [(given[row["id"]], number) for row in fold]


# -- formats ----------------------------------------------------------------------------------------------------------


def test_csv_cells_stay_as_they_are(tmp_path: Path) -> None:
    rows = make_posts(60)
    path = tmp_path / "posts.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(["id", "teks", "label", "catatan"])
        for place, row in enumerate(rows):
            note = ["=1+1", 'kata "kutip", koma', "baris\ndua", "007", " ", ""][place % 6]
            writer.writerow([row["id"], row["text"], row["label"].upper(), note])
    assert split(path, "-o", tmp_path / "sets") == 0
    found: dict[str, list[str]] = {}
    for name in ("train", "dev", "test"):
        with (tmp_path / "sets" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            header, *lines = csv.reader(file)
        assert header == ["id", "teks", "label", "catatan", "split"]
        found |= {line[0]: line for line in lines}
    with path.open(newline="", encoding="utf-8") as file:
        for line in list(csv.reader(file))[1:]:
            assert found[line[0]][:4] == line


@pytest.mark.parametrize("format", ["csv", "parquet", "xlsx", "jsonl.gz", "tsv"])
def test_any_format_is_written(tmp_path: Path, posts: Path, format: str) -> None:  # noqa: A002
    assert split(posts, "-o", tmp_path / "sets", "--output-format", format) == 0
    seen = {}
    for name in ("train", "dev", "test"):
        with open_posts(tmp_path / "sets" / f"{name}.{format}") as reader:
            for batch in reader.batches():
                texts = zip(batch.strings("id"), batch.strings("text"), batch.strings("split"), strict=True)
                seen |= {key: (text, side, name) for key, text, side in texts}
    assert {key: text for key, (text, _, _) in seen.items()} == {row["id"]: row["text"] for row in make_posts(200)}
    assert all(side == name for _, side, name in seen.values())


def test_several_inputs_of_different_formats_are_one_set(tmp_path: Path) -> None:
    rows = make_posts(90)
    first = write_lines(tmp_path / "a.jsonl", rows[:30])
    columns = ["id", "text", "label"]
    table = pa.table({name: [int(row[name]) if name == "id" else row[name] for row in rows[30:60]] for name in columns})
    pq.write_table(table.append_column("suka", pa.array(range(30))), tmp_path / "b.parquet")
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(columns)
    for row in [*rows[60:], {**rows[0], "id": "salinan"}]:
        sheet.append([row[name] for name in columns])
    book.save(tmp_path / "c.xlsx")
    assert split(first, tmp_path / "b.parquet", tmp_path / "c.xlsx", "-o", tmp_path / "sets") == 0
    side_of = {}
    for name in ("train", "dev", "test"):
        for row in read_lines(tmp_path / "sets" / f"{name}.jsonl"):
            side_of[str(row["id"])] = (name, row.get("suka"))
    assert len(side_of) == 91
    assert side_of["salinan"][0] == side_of[rows[0]["id"]][0]
    assert side_of[rows[35]["id"]][1] == 5


def test_columns_that_hold_the_same_by_another_name_become_one(
    tmp_path: Path, posts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "crawl.csv"
    with other.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["full_text", "Label", "username", "suka"])
        for row in make_posts(60, seed=1):
            writer.writerow([row["text"], row["label"], row["author"], 3])
    assert split(posts, other, "-o", tmp_path / "sets", "--apart", "author") == 0
    rows = [row for name in ("train", "dev", "test") for row in read_lines(tmp_path / "sets" / f"{name}.jsonl")]
    assert len(rows) == 260
    assert all(row["text"] and row["label"] and row["author"] for row in rows)
    assert {"full_text", "Label", "username"}.isdisjoint(rows[0])
    assert "crawl.csv: column 'full_text' is written as 'text'" in capsys.readouterr().out
    assert main(["data", "check", str(tmp_path / "sets")]) == 0
    assert len(read_labelled(tmp_path / "sets" / "train.jsonl")) == len(read_lines(tmp_path / "sets" / "train.jsonl"))

    with other.open("w", encoding="utf-8") as file:
        file.write("text,full_text,Label\nringkas,selengkapnya,neutral\n")
    command = [other, posts, "-o", tmp_path / "more", "--text-column", "full_text"]
    assert split(*command) == 1
    assert "no column 'full_text' (named by --text-column)" in capsys.readouterr().err
    with other.open("w", encoding="utf-8") as file:
        file.write("text,label,context,reply_to_text\nkita lihat besok,neutral,,rapat desa\n")
    answers = write_lines(tmp_path / "answers.jsonl", [{**row, "reply_to_text": "debat"} for row in make_posts(20)])
    assert split(answers, other, "-o", tmp_path / "more") == 1
    assert "the context is in column 'context', in other inputs in 'reply_to_text'" in capsys.readouterr().err


def test_a_broken_input_line_is_named(tmp_path: Path, posts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = posts.read_text(encoding="utf-8").splitlines()
    lines[57] = lines[57][:-9]
    posts.write_text("\n".join(lines), encoding="utf-8")
    assert split(posts, "-o", tmp_path / "sets") == 1
    said = capsys.readouterr().err
    assert "posts.jsonl: row 58" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "sets").exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--apart", "penulis_asli"], "no input has a column 'penulis_asli' (named by --apart); the columns are 'id'"),
        (["--by-time", "kapan"], "no input has a column 'kapan'"),
        (["--stratify", "label", "kanal"], "no input has a column 'kanal'"),
        (["--text-column", "isi"], "no column 'isi'"),
        (["--label-column", "kelas"], "no column 'kelas'"),
        (["--shares", "train=0.8", "test"], "NAME=SHARE"),
        (["--shares", "train=0.8", "test=0.3"], "sum to 1"),
        (["--shares", "train=0.8", "test=0.2", "--folds", "3"], "exclude each other"),
        (["--folds", "3", "--by-time"], "no order of time"),
        (["--output-format", "docx"], "unknown ending"),
        (["--near", "0"], "threshold"),
        (["--stratify", "none", "label"], "stands alone"),
    ],
)
def test_wrong_requests_are_one_clear_line(
    tmp_path: Path, posts: Path, capsys: pytest.CaptureFixture[str], argv: list[str], message: str
) -> None:
    assert split(posts, "-o", tmp_path / "sets", *argv) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "sets").exists()


def test_values_that_chain_everything_are_refused_by_name(
    tmp_path: Path, posts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lines(posts, [{**row, "source": f"repo:{place}"} for place, row in enumerate(make_posts(100))])
    assert split(posts, "-o", tmp_path / "sets", "--apart", "source", "--until", ":") == 1
    said = capsys.readouterr().err
    assert "kept apart by source, 100 posts make 1 groups, the largest of 100 (100.0 %)" in said
    assert said.endswith("into 3 sides; compare the whole values, without --until\n")
    write_lines(posts, [{**row, "source": f"r{place % 4}:{place}"} for place, row in enumerate(make_posts(100))])
    assert split(posts, "-o", tmp_path / "sets", "--apart", "source", "--until", ":", "--folds", "5") == 1
    assert "make fewer folds (--folds), or compare the whole values, without --until" in capsys.readouterr().err
    assert split(posts, "-o", tmp_path / "sets", "--apart", "source") == 0


def test_authors_on_two_sides_are_said_where_nobody_kept_them_apart(
    tmp_path: Path, posts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lines(posts, [{**row, "username": row.pop("author")} for row in make_posts(200)])
    assert split(posts, "-o", tmp_path / "one") == 0
    assert (
        " authors stand on more than one side, which `netral data check` calls an error: keep them apart (--apart "
        "author), or check with --may-cross author\n"
    ) in capsys.readouterr().out
    for place, name in enumerate(("author", "username")):
        assert split(posts, "-o", tmp_path / f"two-{place}", "--apart", name) == 0
        assert "more than one side" not in capsys.readouterr().out


def test_how_to_go_on_from_authors_and_threads_on_two_sides_is_true(
    tmp_path: Path, posts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lines(
        posts,
        [
            {**row, "thread": f"utas{place // 40}", "kanal": f"k{place % 2}"}
            for place, row in enumerate(make_posts(200))
        ],
    )
    folder = tmp_path / "sets"
    assert split(posts, "-o", folder, "--shares", "train=0.5", "test=0.5", "--apart", "kanal") == 0
    told = capsys.readouterr().out
    assert " authors and 5 threads stand on more than one side" in told
    assert "(--apart kanal author thread), or check with --may-cross author thread" in told
    sides = [folder / "train.jsonl", folder / "test.jsonl"]
    check = ["data", "check", *map(str, sides), "--label-errors", "off"]
    assert main(check) == 1
    assert main([*check, "--may-cross", "author", "thread"]) == 0


def test_an_empty_column_of_authors_gives_way_to_a_filled_one(tmp_path: Path, posts: Path) -> None:
    rows = make_posts(200)
    with posts.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id_str", "user_id_str", "full_text", "username", "label"])
        writer.writerows([row["id"], "", row["text"], row["author"], row["label"]] for row in rows)
    write_lines(posts, [{**row, "username": row["author"], "author": " "} for row in rows])
    for place, pool in enumerate((posts, posts.with_suffix(".csv"))):
        folder = tmp_path / f"sets-{place}"
        assert split(pool, "-o", folder, "--apart", "author", "--output-format", "jsonl") == 0
        sides: dict[str, set[str]] = {}
        for name in ("train", "dev", "test"):
            for row in read_lines(folder / f"{name}.jsonl"):
                sides.setdefault(row["username"], set()).add(name)
        assert len(sides) == 25
        assert {len(found) for found in sides.values()} == {1}
        assert json.loads((folder / "split.json").read_text())["columns"][0]["apart author"] == "username"


def test_the_column_of_contexts_can_be_named(tmp_path: Path, posts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_lines(
        posts, [{**row, "dijawab": f"Debat publik putaran {place}"} for place, row in enumerate(make_posts(60))]
    )
    assert split(posts, "-o", tmp_path / "sets", "--context-column", "dijawab") == 0
    assert json.loads((tmp_path / "sets" / "split.json").read_text())["columns"][0]["context"] == "dijawab"
    assert split(posts, "-o", tmp_path / "more", "--context-column", "jawab") == 1
    assert "no column 'jawab' (named by --context-column)" in capsys.readouterr().err


def test_the_last_line_names_the_folder_as_the_user_does(
    tmp_path: Path, posts: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert split(posts.name, "-o", "sets/satu") == 0
    told = capsys.readouterr().out
    assert told.splitlines()[-1] == "wrote sets/satu (train.jsonl, dev.jsonl, test.jsonl, split.json)"
    assert str(tmp_path) not in told


def test_the_column_of_times_is_found_and_dates_make_borders(tmp_path: Path, posts: Path) -> None:
    assert split(posts, "-o", tmp_path / "sets", "--test-from", "2024-11-01") == 0
    assert names(tmp_path / "sets") == ["split.json", "test.jsonl", "train.jsonl"]
    assert all(row["posted_at"] >= "2024-11" for row in read_lines(tmp_path / "sets" / "test.jsonl"))
    assert all(row["posted_at"] < "2024-11" for row in read_lines(tmp_path / "sets" / "train.jsonl"))


# -- folders ----------------------------------------------------------------------------------------------------------


def test_a_split_is_only_replaced_when_asked(tmp_path: Path, posts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "sets"
    assert split(posts, "-o", folder, "--folds", "3") == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert split(posts, "-o", folder) == 1
    assert "holds a split already; replace it with --overwrite" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert split(posts, "-o", folder, "--overwrite") == 0
    assert names(folder) == ["dev.jsonl", "split.json", "test.jsonl", "train.jsonl"]
    assert not list(tmp_path.glob("*.lock"))


def test_a_folder_with_other_files_is_never_emptied(
    tmp_path: Path, posts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sets"
    folder.mkdir()
    (folder / "catatan.txt").write_text("penting")
    assert split(posts, "-o", folder, "--overwrite") == 1
    assert "holds other files, such as catatan.txt" in capsys.readouterr().err
    (folder / "catatan.txt").unlink()
    (folder / "split.json").write_text('{"kind": "lain"}')
    assert split(posts, "-o", folder, "--overwrite") == 1
    assert (folder / "split.json").read_text() == '{"kind": "lain"}'
    (folder / "split.json").unlink()
    assert split(posts, "-o", folder) == 0
    assert split(posts, "-o", posts) == 1
    assert "is a file; name a folder" in capsys.readouterr().err


def test_a_manifest_cannot_make_it_touch_files_elsewhere(tmp_path: Path, posts: Path) -> None:
    folder = tmp_path / "sets"
    folder.mkdir()
    (folder / "split.json").write_text('{"kind": "netral split", "outputs": {"../posts.jsonl": {}, "train.jsonl": {}}}')
    before = posts.read_bytes()
    assert split(posts, "-o", folder, "--overwrite") == 0
    assert posts.read_bytes() == before


def test_a_split_does_not_replace_what_it_is_made_of(
    tmp_path: Path, posts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sets"
    assert split(posts, "-o", folder) == 0
    assert split(folder / "train.jsonl", "-o", folder, "--overwrite") == 1
    assert "would be replaced by what is made of it" in capsys.readouterr().err
    assert len(read_lines(folder / "train.jsonl")) == 160


def test_what_a_format_cannot_hold_leaves_nothing_behind(
    tmp_path: Path, posts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = make_posts(50)
    rows[10]["text"] = "panjang " * 5000
    write_lines(posts, rows)
    assert split(posts, "-o", tmp_path / "sets", "--output-format", "xlsx") == 1
    said = capsys.readouterr().err
    assert "32,767 characters" in said
    assert ".part" not in said
    assert not (tmp_path / "sets").exists()


# -- annotation exports -----------------------------------------------------------------------------------------------


def label_studio(count: int) -> list[dict[str, Any]]:
    tasks = []
    for place, post in enumerate(make_posts(count)):
        choices = [LABELS[place % 3]] * 2 if place % 10 else ["neutral", "campaigning"]
        tasks.append(
            {
                "id": place + 1,
                "data": {"text": post["text"], "author": post["author"]},
                "annotations": [
                    {
                        "id": 1000 + 2 * place + number,
                        "completed_by": number + 1,
                        "was_cancelled": False,
                        "result": [
                            {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [choice]}}
                        ],
                    }
                    for number, choice in enumerate(choices)
                ],
            }
        )
    return tasks


def test_an_annotation_export_is_imported_and_what_has_no_majority_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(label_studio(100), ensure_ascii=False), encoding="utf-8")
    assert split(path, "-o", tmp_path / "sets", "--apart", "author") == 0
    posts = read_labelled([tmp_path / "sets" / f"{name}.jsonl" for name in ("train", "dev", "test")])
    assert len(posts) == 90
    lost = read_lines(tmp_path / "sets" / "left_out.jsonl")
    assert len(lost) == 10
    assert {row["reason"] for row in lost} == {"import: no majority"}
    assert {row["text"] for row in lost} == {post["text"] for post in make_posts(100)[::10]}
    manifest = json.loads((tmp_path / "sets" / "split.json").read_text())
    assert manifest["left_out"] == {"import: no majority": 10}
    assert manifest["posts"] == 100
    assert "import: no majority" in capsys.readouterr().out


@pytest.mark.parametrize(
    "export", ["label_studio.json", "label_studio.csv", "doccano.zip", "argilla.parquet", "argilla_flat.jsonl"]
)
def test_what_the_tools_wrote_ends_in_the_files_exactly_once(tmp_path: Path, export: str) -> None:
    assert split(EXPORTS / export, "-o", tmp_path / "sets", "--shares", "a=0.5", "b=0.5") == 0
    rows = [row for name in ("a", "b", "left_out") for row in read_lines(tmp_path / "sets" / f"{name}.jsonl")]
    manifest = json.loads((tmp_path / "sets" / "split.json").read_text())
    assert len(rows) == len({row["id"] for row in rows}) == manifest["posts"]
    assert sum(manifest["left_out"].values()) == sum("reason" in row for row in rows) > 0


def test_a_spreadsheet_with_annotators_columns_is_imported(tmp_path: Path) -> None:
    rows = make_posts(60)
    path = tmp_path / "lembar.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "Ani", "Budi"])
        for place, row in enumerate(rows):
            writer.writerow([row["text"], "netral", "netral" if place % 6 else "memihak"])
    assert split(path, "-o", tmp_path / "sets", "--annotators", "Ani", "Budi") == 0
    posts = read_labelled([tmp_path / "sets" / f"{name}.jsonl" for name in ("train", "dev", "test")])
    assert len(posts) == 50
    assert len(read_lines(tmp_path / "sets" / "left_out.jsonl")) == 10


def test_label_names_of_a_project_are_mapped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names_of = {"neutral": "tidak memihak", "supportive": "mendukung", "campaigning": "ajakan"}
    path = write_lines(tmp_path / "posts.jsonl", [{**row, "label": names_of[row["label"]]} for row in make_posts(80)])
    assert split(path, "-o", tmp_path / "sets") == 1
    assert "posts.jsonl: row 1" in capsys.readouterr().err
    pairs = [f"{name}={label}" for label, name in names_of.items()]
    assert split(path, "-o", tmp_path / "sets", "--map", *pairs) == 0
    train = read_labelled([tmp_path / "sets" / "train.jsonl"])
    assert {label.value for label in train["label"]} <= set(LABELS)


def test_the_answers_of_a_model_are_no_labels(tmp_path: Path, posts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = {"p_neutral": 0.9, "p_supportive": 0.05, "p_campaigning": 0.05, "needs_review": False}
    rows = [{**row, "label_input": row["label"], "label": "neutral", **scores} for row in make_posts(200)]
    assert split(write_lines(posts, rows), "-o", tmp_path / "sets") == 0
    given = {row["id"]: row["label"] for row in make_posts(200)}
    for name in ("train", "dev", "test"):
        for row in read_lines(tmp_path / "sets" / f"{name}.jsonl"):
            assert row["label"] == given[row["id"]]
    write_lines(posts, [{name: value for name, value in row.items() if name != "label_input"} for row in rows])
    assert split(posts, "-o", tmp_path / "none") == 1
    assert "no column holds labels" in capsys.readouterr().err
    assert split(posts, "-o", tmp_path / "asked", "--label-column", "label") == 0


def test_posts_without_labels_can_be_split_too(tmp_path: Path) -> None:
    rows = [{"id": row["id"], "text": row["text"]} for row in make_posts(50)]
    path = write_lines(tmp_path / "posts.jsonl", rows)
    assert split(path, "-o", tmp_path / "sets") == 1
    assert split(path, "-o", tmp_path / "sets", "--unlabelled", "keep") == 0
    assert len(read_lines(tmp_path / "sets" / "train.jsonl")) == 40


def test_an_adjudicator_is_heeded_in_a_table_with_a_label_column_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "posts.csv"
    lines = ["id,text,label,ketua"]
    for number in range(40):
        said = "memihak" if number % 2 else "netral"
        lines.append(f"p{number},Warga RW {number} membahas jadwal ronda dan iuran {number * 7919},memihak,{said}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sets = tmp_path / "sets"
    command = ["data", "split", str(path), "-o", str(sets), "--adjudicator", "ketua", "--output-format", "jsonl"]
    assert main(command) == 0  # `label` is taken for an agreed label: where the two differ, the post is left out
    assert "adjudicated twice, differently" in capsys.readouterr().out
    assert len((sets / "left_out.jsonl").read_text(encoding="utf-8").splitlines()) == 20

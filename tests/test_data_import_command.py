"""`netral data import`: what it prints and writes."""

import json
from pathlib import Path

import pytest

from netral_nlp.cli.main import main
from netral_nlp.corpus.annotations.read import read_tasks
from netral_nlp.corpus.labelled import read_labelled
from netral_nlp.formats import write_rows

EXPORTS = Path(__file__).parent / "exports"
EXPORT = str(EXPORTS / "label_studio.json")


def run(*args):
    return main(["data", "import", *map(str, args)])


def test_it_writes_posts_that_train_reads_and_says_what_became_of_the_rest(tmp_path, capsys):
    output = tmp_path / "posts.jsonl"
    assert run(EXPORT, "-o", output) == 0
    told = capsys.readouterr()
    assert f"{EXPORT}: Label Studio, 12 tasks" in told.out
    assert "3 annotators: ani@contoh.id 10, budi@contoh.id 6, citra@contoh.id 6" in told.out
    assert "neutral (netral)               3  30.0 %" in told.out
    assert "no answer      1    8.3 %" in told.out or "no answer      1   8.3 %" in told.out
    assert "'sikap', not 'arah'" in told.err
    assert str(tmp_path / "posts.dropped.jsonl") in told.err
    texts = [task["data"]["text"] for task in json.loads(Path(EXPORT).read_text(encoding="utf-8"))]
    assert not any(text in told.out + told.err for text in texts)
    posts = read_labelled(output)
    assert len(posts) == 10
    assert set(posts.columns) == {"id", "text", "label", "platform", "author", "direction", "annotators", "unsure"}
    dropped = [json.loads(line) for line in (tmp_path / "posts.dropped.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["row"], row["id"], row["reason"], row["ratings"]) for row in dropped] == [
        (9, "ls-09", "cancelled", dict.fromkeys(("ani@contoh.id", "budi@contoh.id", "citra@contoh.id"), "skip")),
        (11, "ls-11", "no answer", {}),
    ]


def test_the_same_input_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        assert run(EXPORT, "-o", tmp_path / f"{name}.jsonl", "--labels", "soft") == 0
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert (tmp_path / "one.dropped.jsonl").read_bytes() == (tmp_path / "two.dropped.jsonl").read_bytes()


@pytest.mark.parametrize("taken", ["posts.csv", "posts.dropped.jsonl"])
def test_nothing_is_overwritten_unless_asked(tmp_path, capsys, taken):
    (tmp_path / taken).write_text("milik saya", encoding="utf-8")
    assert run(EXPORT, "-o", tmp_path / "posts.csv") == 1
    assert f"{taken}: is there already; name another file, or pass --overwrite" in capsys.readouterr().err
    assert (tmp_path / taken).read_text(encoding="utf-8") == "milik saya"
    assert run(EXPORT, "-o", tmp_path / "posts.csv", "--overwrite") == 0
    assert (tmp_path / taken).read_text(encoding="utf-8") != "milik saya"


def test_inputs_are_never_outputs(tmp_path, capsys):
    path = tmp_path / "posts.csv"
    path.write_text("text,label\nJadwal debat,netral\n", encoding="utf-8")
    assert run(path, "-o", path, "--overwrite") == 1
    assert "is one of the files to read" in capsys.readouterr().err
    assert run(path, "-o", tmp_path / "a.csv", "--dropped", tmp_path / "a.csv") == 1
    assert "--dropped names the output itself" in capsys.readouterr().err


def test_options_reach_the_import(tmp_path, capsys):
    path = tmp_path / "posts.csv"
    path.write_text(
        "isi;pertama;kedua;ketiga\nJadwal debat;Biasa;Biasa;Dukung\nSehat Pak;Dukung;Biasa;kosong\nPromo;kosong;;\n",
        encoding="utf-8",
    )
    names = ["--map", "Biasa=netral", "Dukung=memihak", "kosong="]
    asked = ["--annotators", "pertama", "kedua", "--delimiter", ";"]
    output = tmp_path / "out.jsonl"
    assert run(path, "-o", output, "--text-column", "isi", *asked, *names, "--ties", "milder") == 0
    rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [(row["label"], row["ratings"]) for row in rows] == [
        ("neutral", {"pertama": "neutral", "kedua": "neutral"}),
        ("neutral", {"pertama": "supportive", "kedua": "neutral"}),
    ]
    assert "skipped by all" in capsys.readouterr().out
    assert run(path, "-o", output, "--text-column", "isi", *names, "--adjudicator", "ketiga", "--overwrite") == 0
    rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert (rows[0]["label"], rows[0]["adjudicated"]) == ("supportive", "supportive")


@pytest.mark.parametrize(
    ("pairs", "said"), [(["Dukung"], "--map takes NAME=LABEL"), (["a=netral", "a=memihak"], "is there twice")]
)
def test_a_wrong_map_is_named(tmp_path, capsys, pairs, said):
    assert run(EXPORT, "-o", tmp_path / "posts.jsonl", "--map", *pairs) == 1
    assert said in capsys.readouterr().err
    assert run(EXPORT, "-o", tmp_path / "posts.jsonl", "--map", "pro=setuju") == 1
    assert "unknown label 'setuju'" in capsys.readouterr().err


def test_without_any_label_only_the_dropped_are_written(tmp_path, capsys):
    path = tmp_path / "posts.csv"
    path.write_text("text,label\nJadwal debat,skip\n", encoding="utf-8")
    assert run(path, "-o", tmp_path / "out.jsonl") == 1
    assert "no post has a label" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()
    assert (tmp_path / "out.dropped.jsonl").exists()


def test_dropped_posts_of_an_earlier_import_are_left_when_none_are_dropped_now(tmp_path, capsys):
    path = tmp_path / "posts.csv"
    path.write_text("text,label\nJadwal debat,netral\n", encoding="utf-8")
    (tmp_path / "out.dropped.jsonl").write_text("keputusan saya", encoding="utf-8")
    assert run(path, "-o", tmp_path / "out.jsonl.gz", "--overwrite") == 0
    assert "tells of an earlier import" in capsys.readouterr().err
    assert (tmp_path / "out.dropped.jsonl").read_text(encoding="utf-8") == "keputusan saya"


def test_the_columns_that_were_taken_are_said(tmp_path, capsys):
    path = tmp_path / "posts.csv"
    path.write_text("full_text,konteks,id_str,asal,label\nGas,Deklarasi,99,Kampanye,memihak\n", encoding="utf-8")
    assert run(path, "-o", tmp_path / "a.jsonl") == 0
    assert "  text from 'full_text', context from 'konteks', id from 'id_str'\n" in capsys.readouterr().out
    assert run(path, "-o", tmp_path / "b.jsonl", "--context-column", "asal") == 0
    assert "context from 'asal'" in capsys.readouterr().out
    assert json.loads((tmp_path / "b.jsonl").read_text(encoding="utf-8"))["context"] == "Kampanye"
    assert run(EXPORT, "-o", tmp_path / "c.jsonl") == 0
    assert "  text from 'text', id from 'post_id' (no context)\n" in capsys.readouterr().out


def test_answers_are_counted_that_changed_were_skipped_or_left_open(tmp_path, capsys):
    path = tmp_path / "posts.csv"
    path.write_text(
        "text,annotator,label\na,ani,netral\na,ani,netral\na,budi,netral\na,budi,memihak\n"
        "b,ani,lewati\nb,budi,\nc,ani,netral\n",
        encoding="utf-8",
    )
    assert run(path, "-o", tmp_path / "out.jsonl") == 0
    told = capsys.readouterr().out
    assert "7 tasks make 3 posts\n" in told
    assert "1 answers were replaced by another, later one of the same annotator\n" in told
    assert "1 answers were skipped, 1 left open\n" in told
    path.write_text("text,ani,budi\na,netral,\nb,,memihak\nc,netral,netral\n", encoding="utf-8")
    assert run(path, "-o", tmp_path / "out.jsonl", "--overwrite") == 0
    assert "2 answers were left open\n" in capsys.readouterr().out


def test_an_export_and_its_dropped_posts_together_replace_nothing(tmp_path, capsys):
    assert run(EXPORT, "-o", tmp_path / "one.jsonl") == 0
    before = capsys.readouterr().out
    assert run(EXPORT, tmp_path / "one.dropped.jsonl", "-o", tmp_path / "two.jsonl") == 0
    told = capsys.readouterr().out
    assert "14 tasks make 12 posts\n" in told
    assert [line for line in told.splitlines() if "replaced" in line] == [
        line for line in before.splitlines() if "replaced" in line
    ]


def test_one_annotator_without_a_name_and_the_kinds_of_doubt_are_told(tmp_path, capsys):
    path = tmp_path / "posts.csv"
    path.write_text("text,label,unsure\na,netral,\nb,memihak,ragu-ragu\n", encoding="utf-8")
    assert run(path, "-o", tmp_path / "out.jsonl") == 0
    told = capsys.readouterr().out
    assert "\n1 annotator, unnamed\n" in told
    assert "\n1 unsure: in 0 the annotators differ, 1 are marked so\n" in told


def test_a_map_to_no_label_names_the_option(tmp_path, capsys):
    assert run(EXPORT, "-o", tmp_path / "posts.jsonl", "--map", "Mendukung=suka") == 1
    assert "--map 'Mendukung=suka': unknown label 'suka'" in capsys.readouterr().err


def answers_of(path, count=12):
    """One row an answer: annotators 1 and 2, as a tool numbers its users, who differ on every third post."""
    lines = ["id,text,annotator,label"]
    for number in range(count):
        for annotator in (1, 2):
            label = "memihak" if annotator == 2 and number % 3 == 0 else "netral"
            lines.append(f"p{number},Jadwal debat ke-{number} diumumkan KPU,{annotator},{label}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_annotators_that_are_called_1_and_2_have_names(tmp_path, capsys):
    path = answers_of(tmp_path / "answers.csv")
    assert run(path, "-o", tmp_path / "posts.jsonl") == 0
    assert "2 annotators: 1 12, 2 12\n" in capsys.readouterr().out
    alone = tmp_path / "satu.csv"
    alone.write_text("text,annotator,label\nJadwal debat,1,netral\n", encoding="utf-8")
    assert run(alone, "-o", tmp_path / "satu.jsonl") == 0
    assert "1 annotator: 1 1\n" in capsys.readouterr().out


def test_an_unnamed_annotator_is_unnamed_after_an_import_too(tmp_path, capsys):
    path = tmp_path / "posts.csv"
    path.write_text("text,label\nJadwal debat,netral\n", encoding="utf-8")
    assert run(path, "-o", tmp_path / "once.csv") == 0
    assert run(tmp_path / "once.csv", "-o", tmp_path / "twice.csv") == 0
    assert capsys.readouterr().out.count("\n1 annotator, unnamed\n") == 2
    assert (tmp_path / "once.csv").read_bytes() == (tmp_path / "twice.csv").read_bytes()


@pytest.mark.parametrize("column", ["adjudicated", "label", " Label "])
@pytest.mark.parametrize("ending", ["jsonl", "csv", "xlsx"])
def test_decisions_on_dropped_posts_are_never_overwritten(tmp_path, capsys, ending, column):
    output, dropped = tmp_path / "posts.jsonl", tmp_path / f"posts.dropped.{ending}"
    arguments = [EXPORT, "-o", output, "--dropped", dropped]
    assert run(*arguments) == 0
    assert run(*arguments, "--overwrite") == 0
    rows = [task.fields | {"text": task.text, "id": task.id} for task in read_tasks(dropped)]
    write_rows(dropped, [row | {column: value, "ratings": {}} for row, value in zip(rows, ["netral", ""], strict=True)])
    before = (output.read_bytes(), dropped.read_bytes())
    capsys.readouterr()
    assert run(*arguments, "--overwrite") == 1
    said = capsys.readouterr().err
    assert f"{dropped}: has decisions (rows: 1), which --overwrite would undo" in said
    assert "add it to the files to read, and name another file with --dropped" in said
    assert (output.read_bytes(), dropped.read_bytes()) == before


def test_decided_posts_are_imported_together_with_the_export(tmp_path, capsys):
    output, dropped = tmp_path / "posts.jsonl", tmp_path / "posts.dropped.jsonl"
    assert run(EXPORT, "-o", output) == 0
    rows = [json.loads(line) for line in dropped.read_text(encoding="utf-8").splitlines()]
    write_rows(dropped, [row | {"adjudicated": "netral"} for row in rows])
    decided = dropped.read_bytes()
    for more in ([], ["--overwrite"]):
        assert run(EXPORT, dropped, "-o", output, *more) == 1
        assert "is one of the files to read; name another file with --dropped" in capsys.readouterr().err
    assert run(EXPORT, dropped, "-o", output, "--dropped", tmp_path / "rest.jsonl", "--overwrite") == 0
    assert len(read_labelled(output)) == 12
    assert dropped.read_bytes() == decided

"""`netral score --dry-run`: what a run would do is told, and nothing is written."""

from __future__ import annotations

import gzip
import json

import pytest

from netral_nlp.cli.main import main
from netral_nlp.cli.preview import visible
from netral_nlp.errors import ConfigError
from netral_nlp.formats import write_rows
from netral_nlp.scoring.preview import SAMPLE_ROWS, preview
from netral_nlp.scoring.request import ScoreRequest

NEW = ("label", "p_neutral", "p_supportive", "p_campaigning", "needs_review")


@pytest.fixture
def dry(tiny_model, capsys, monkeypatch, tmp_path):
    """Call `netral score --dry-run` in this process: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = main(["score", *map(str, arguments), "--model", str(tiny_model), "--threads", "1", "--dry-run"])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_it_tells_what_would_be_read_written_and_taken(dry, tmp_path):
    text = "id_str;full_text;label\n" + "".join(f"178{n};Ayo coblos nomor {n};lama\n" for n in range(12))
    (tmp_path / "crawl.csv").write_bytes(text.encode("cp1252"))
    code, out, err = dry("crawl.csv", "-o", "out.parquet")
    assert (code, err) == (0, "")
    for part in ("csv, ", "delimiter ';'", "utf-8", "tweet-harvest", "column full_text", "column id_str"):
        assert part in out
    assert "rows       12" in out
    assert "label is kept as label_input" in out
    assert f"id_str, full_text, label_input, {', '.join(NEW)}" in out
    assert "temperature 1.5" in out
    assert "neutral 0.5, supportive 0.6, campaigning 0.7" in out
    assert "ESTIMATE" in out
    assert "measured on the first 12 rows" in out
    assert "Ayo coblos nomor 4" in out
    assert "Ayo coblos nomor 5" not in out
    assert [path.name for path in tmp_path.iterdir()] == ["crawl.csv"]


def test_what_cannot_be_seen_is_spelled_out_on_one_line(dry, tmp_path):
    write_rows(tmp_path / "posts.jsonl", [{"text": "satu\ndua\u202etiga \x1b[31m " + "panjang " * 100, "x": 1}])
    code, out, _ = dry("posts.jsonl", "-o", "out.csv")
    assert code == 0
    (line,) = [line for line in out.split("\n") if "satu" in line]
    assert "satu\\ndua\\u202etiga \\u001b[31m" in line
    assert line.endswith("…")
    assert visible("👩\u200d🌾") == "👩\u200d🌾"


def test_an_existing_output_is_no_obstacle_and_is_said(dry, tmp_path):
    write_rows(tmp_path / "posts.csv", [{"text": "Pagi"}])
    (tmp_path / "out.csv").write_text("milik orang", encoding="utf-8")
    code, out, _ = dry("posts.csv", "-o", "out.csv")
    assert code == 0
    assert "out.csv (csv); it exists\n" in out
    assert "would be refused: out.csv: exists already" in out
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "milik orang"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "posts.csv"]


def test_a_wrong_column_and_a_missing_file_are_refused_as_in_a_run(dry, tmp_path):
    write_rows(tmp_path / "posts.csv", [{"isi": "Pagi", "judul": "a"}])
    for arguments, said in (
        (["posts.csv", "--text-column", "ise"], "did you mean 'isi'"),
        (["tidak-ada.csv"], "no such file"),
        (["posts.csv", "--text-column", "isi", "--source-column", "label"], "--source-column"),
    ):
        code, out, err = dry(*arguments, "-o", "out.csv")
        assert (code, out) == (1, "")
        assert err.count("netral: error:") == 1
        assert said in err


def test_as_json(dry, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "Pagi"}\nrusak\n', encoding="utf-8")
    write_rows(tmp_path / "b.xlsx", [{"text": "Siang", "action": "like"}, {"text": "Malam", "action": "aneh"}])
    code, out, _ = dry("a.jsonl", "b.xlsx", "-o", "out.csv.gz", "--source-column", "berkas", "--json")
    assert code == 0
    found = json.loads(out)
    assert [(item["format"], item["rows"], item["rejects"]) for item in found["inputs"]] == [
        ("jsonl", 2, 1),
        ("xlsx", 2, 0),
    ]
    assert found["inputs"][1]["first"][1] == {
        "number": 2, "text": "Malam", "context": None, "action": "aneh", "id": None,
    }  # fmt: skip
    assert found["columns"] == ["text", "action", "berkas", *NEW]
    assert found["output_format"] == "csv.gz"
    assert found["seconds"] > 0
    assert found["rows"] == 4


def test_rows_of_a_large_file_are_estimated_within_a_quarter(tiny_model, tmp_path, monkeypatch):
    from netral_nlp.scoring import preview as module

    monkeypatch.setattr(module, "_LOOK_BYTES", 4 * 2**20)
    count = 200_000
    path = tmp_path / "besar.csv"
    path.write_text("text\n" + "".join(f"Harga cabai naik lagi minggu ini {n:06}\n" for n in range(count)), "utf-8")
    zipped = tmp_path / "besar.csv.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    found = preview(ScoreRequest([path, zipped], tmp_path / "out.csv", model=str(tiny_model), threads=1))
    assert not found.inputs[0].rows_known
    assert abs(found.inputs[0].rows - count) < count / 4
    assert found.sample_rows == SAMPLE_ROWS
    assert found.seconds == pytest.approx(found.sample_seconds / SAMPLE_ROWS * found.rows)


def test_without_a_good_row_nothing_is_measured(dry, tmp_path):
    (tmp_path / "posts.csv").write_text("id,text\n1,a,b,c\n", encoding="utf-8")
    code, out, _ = dry("posts.csv", "-o", "out.csv")
    assert code == 0
    assert "1 of the first 1 rows cannot be read" in out
    assert "nothing to measure" in out


def test_what_the_run_would_refuse_is_told(dry, tmp_path):
    write_rows(tmp_path / "posts.csv", [{"text": "Pagi"}])
    stale = tmp_path / "out.csv.rejects.jsonl"
    stale.write_text("{}\n", encoding="utf-8")
    for options in ([], ["--resume"]):
        code, out, _ = dry("posts.csv", "-o", "out.csv", *options)
        assert code == 0
        assert "would be refused: out.csv.rejects.jsonl: exists already" in out
    assert "would be refused" not in dry("posts.csv", "-o", "out.csv", "--overwrite")[1]
    stale.unlink()
    _, out, _ = dry("posts.csv", "-o", "out.csv", "--json")
    assert json.loads(out)["in_the_way"] is None


def test_an_unfinished_run_is_told_and_left_alone(dry, tiny_model, tmp_path, monkeypatch):
    from netral_nlp.scoring import score as module

    def interrupted(*arguments):
        raise KeyboardInterrupt

    write_rows(tmp_path / "posts.csv", [{"text": "Pagi"}])
    monkeypatch.setattr(module, "assemble_output", interrupted)
    with pytest.raises(KeyboardInterrupt):
        module.score_files(ScoreRequest(["posts.csv"], "out.csv", model=str(tiny_model), threads=1))
    before = sorted(tmp_path.rglob("*"))
    code, out, _ = dry("posts.csv", "-o", "out.csv")
    assert code == 0
    assert "would be refused: out.csv.parts: holds an unfinished run with 1 scored posts" in out
    assert "would be refused" not in dry("posts.csv", "-o", "out.csv", "--resume")[1]
    assert sorted(tmp_path.rglob("*")) == before


def test_the_ray_engine_is_refused_in_one_line(dry, tmp_path):
    write_rows(tmp_path / "posts.csv", [{"text": "Pagi"}])
    for output in ("labelled", "labelled.csv"):
        code, out, err = dry("posts.csv", "-o", output, "--engine", "ray")
        assert (code, out) == (1, "")
        assert err.strip().endswith("--dry-run looks at one output file of the local engine; leave out --engine ray")
        assert err.count("\n") == 1
    with pytest.raises(ConfigError, match="leave out --engine ray"):
        preview(ScoreRequest(["posts.csv"], "labelled", engine="ray"))


@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_of_nothing_but_bad_lines_is_not_read_whole(dry, tmp_path, zipped):
    count = 200_000
    text = ('{"text": "Pagi"}\n' + "".join(f"rusak {n:06}\n" for n in range(count))).encode()
    name = "posts.jsonl.gz" if zipped else "posts.jsonl"
    (tmp_path / name).write_bytes(gzip.compress(text) if zipped else text)
    code, out, _ = dry(name, "-o", "out.csv", "--json")
    assert code == 0
    (found,) = json.loads(out)["inputs"]
    assert found["rejects"] == 100_000
    assert found["looked_at"] == 100_001
    assert not found["rows_known"]
    if not zipped:
        assert abs(found["rows"] - count) < count / 10


def test_large_bad_lines_end_the_look_by_their_bytes(dry, tmp_path, monkeypatch):
    from netral_nlp.scoring import preview as module

    monkeypatch.setattr(module, "_LOOK_BYTES", 2**20)
    line = "x" * 4095 + "\n"
    (tmp_path / "posts.jsonl").write_text('{"text": "Pagi"}\n' + line * 2000, encoding="utf-8")
    code, out, _ = dry("posts.jsonl", "-o", "out.csv", "--json")
    assert code == 0
    (found,) = json.loads(out)["inputs"]
    assert 256 <= found["rejects"] < 1000
    assert abs(found["rows"] - 2001) < 10

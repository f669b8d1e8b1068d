"""A broken file of each kind gives one clear line: file, row where there is one, remedy, and no text of a post."""

import json
import re
import zipfile
from pathlib import Path

import pytest

from netral_nlp.cli.main import main
from netral_nlp.corpus.annotations.read import read_tasks
from netral_nlp.corpus.annotations.records import Source, _named
from netral_nlp.errors import InputError, MissingExtraError

EXPORTS = Path(__file__).parent / "exports"
WHOLE = (EXPORTS / "label_studio.json").read_bytes()
MIN = (EXPORTS / "label_studio_min.json").read_bytes()
SECRET = "Coblos nomor 2 rahasia"
TASK = {"id": 1, "data": {"text": SECRET}, "annotations": []}

BROKEN = {
    "truncated.json": (WHOLE[:9000], r"row 3: the JSON breaks off before its end; export or download"),
    "truncated_min.json": (MIN[:900], r"row 3: the JSON breaks off before its end"),
    "nan.json": (json.dumps([TASK | {"score": float("nan")}]).encode(), r"row 1: .*holds NaN or Infinity"),
    "after.json": (json.dumps([TASK]).encode() + b"\n{}", "text follows after the JSON array"),
    "comma.json": (b'[{"data": {"text": "a"}, "annotations": []},]', "row 2: is not valid JSON"),
    "login.json": (b"<!DOCTYPE html><html><body>Masuk</body></html>", r"is a web page \(of a login, perhaps\)"),
    "login.csv": (b"\n<html><head><title>Log in</title>", "is a web page"),
    "error.json": (b"<?xml version='1.0'?><Error/>", "is XML or HTML, not an export"),
    "strings.json": (json.dumps([SECRET]).encode(), "row 1 is a string, not an object"),
    "numbers.json": (b"[1, 2]", "row 1 is a number, not an object"),
    "nothing.json": (b"", "the file is empty"),
    "blank.json": (b" \n ", "the file is empty"),
    "no_tasks.json": (b"[]", "holds no tasks"),
    "latin.json": (json.dumps([TASK | {"x": "caf\xe9"}], ensure_ascii=False).encode("latin-1"), "UTF-8.*--encoding"),
    "object.json": (b'{\n "data": {"text": "a"},\n "annot', r"line 3.*breaks off before its end"),
    "nan_object.json": (b'{\n "data": {"text": "a"},\n "annotations": NaN}', "holds NaN or Infinity"),
    "half_emoji.json": (b'{\n "data": {"text": "a \\ud83d"},\n "annotations": []}', "half of a surrogate pair"),
    "lines.jsonl": (b'{"text": "a", "label": "netral"}\n{"text": "b", "la\n', "row 2 .*is not valid JSON"),
    "lines.json": (b'{"text": "a", "label": "netral"}\n["b"]\n', "row 2 .*is not a JSON object"),
    "prose.json": (b"ini bukan JSON", "is not JSON, as its ending says"),
    "quotes.csv": (b'text,label\n"a"b,netral\nc,netral\n', "row 1"),
    "fields.csv": (b"text,label\na,netral\nb,c,netral\n", "row 2 .*has 3 fields instead of 2"),
    "cut.parquet": ((EXPORTS / "argilla.parquet").read_bytes()[:3000], "Parquet"),
    "cut.xlsx": (b"PK\x03\x04abcdef", "cut.xlsx"),
    "cut.zip": ((EXPORTS / "doccano.zip").read_bytes()[:2000], "the zip is damaged or not whole"),
    "cut.json.gz": (b"\x1f\x8b\x08\x00abc", "gzip data"),
    "picture.csv": (b"\x89PNG\r\n\x1a\n", "a picture"),
    "no_text.json": (json.dumps([{"data": {"isi_apa": "a"}, "annotations": []}]).encode(), "--text-column"),
    "no_text.csv": (b"judul,label\na,netral\n", "missing text column; columns are judul, label; .*--text-column"),
    "no_label.csv": (b"text,judul\na,b\n", "no column holds labels; .*--label-column"),
    "list_text.json": (json.dumps([{"data": {"text": [SECRET]}, "annotations": []}]).encode(), "row 1: 'text' holds a"),
    "half_task.json": (json.dumps([TASK, {"id": 2, "annotations": []}]).encode(), "row 2: has no 'data'"),
    "answers.json": (json.dumps([TASK | {"annotations": [1]}]).encode(), "row 1: 'annotations' is no list of"),
    "unknown.json": (WHOLE.replace(b'"memihak"', b'"dukung"'), r"'dukung' \(7 times.*--map \"dukung=LABEL\""),
    "ratings.jsonl": (
        b'{"text": "a", "ratings": {"ani": "netral"}}\n{"text": "b", "ratings": 3}\n',
        "row 2, column 'rat",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_gives_one_line(tmp_path, capsys, name):
    content, said = BROKEN[name]
    path = tmp_path / name
    path.write_bytes(content)
    output = tmp_path / "posts.jsonl"
    assert main(["data", "import", str(path), "-o", str(output)]) == 1
    told = capsys.readouterr()
    (line,) = [line for line in told.err.splitlines() if line.startswith("netral: error: ")]
    assert name in line
    assert re.search(said, line), line
    assert SECRET not in told.err + told.out
    assert "Traceback" not in told.err
    assert not output.exists()


def zipped(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_zip_names_the_file_in_it(tmp_path):
    path = zipped(tmp_path / "export.zip", {"ani.jsonl": '{"id": 1, "text": "a", "label": ["netral"]}\n{"id": 2,\n'})
    with pytest.raises(InputError) as error:
        list(read_tasks(path))
    assert str(error.value).startswith(f"{path}/ani.jsonl: row 2")


def test_a_missing_library_is_told_of_a_file_in_a_zip(tmp_path):
    inner = Source(tmp_path / "0" / "ani.jsonl", "export.zip/ani.jsonl", packed=True)
    with pytest.raises(MissingExtraError) as error, _named(inner):
        raise MissingExtraError(f"reading {inner.path}", "train")
    assert str(error.value).startswith("reading export.zip/ani.jsonl needs the extra [train]")
    assert error.value.extra == "train"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, "holds no .json"),
        ({"catatan.md": "a", "__MACOSX/a.json": "[]", ".b.json": "[]"}, "holds no .json"),
        ({"a.json": ""}, "all files in the zip are empty"),
    ],
)
def test_a_zip_without_data(tmp_path, members, said):
    with pytest.raises(InputError, match=said):
        list(read_tasks(zipped(tmp_path / "export.zip", members)))


def test_a_zip_leads_nowhere_else_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    row = '{"id": 1, "text": "a", "label": ["netral"]}\n'
    path = zipped(tmp_path / "export.zip", {"../../luar.jsonl": row, "folder/ani.jsonl": row})
    assert [task.answers[0].annotator for task in read_tasks(path)] == ["luar", "ani"]
    assert not (tmp_path.parent / "luar.jsonl").exists()
    assert list((tmp_path / "temporary").iterdir()) == []


def test_an_empty_member_is_passed_over(tmp_path):
    row = '{"id": 1, "text": "a", "label": ["netral"]}\n'
    path = zipped(tmp_path / "export.zip", {"admin.jsonl": "", "ani.jsonl": row})
    assert len(list(read_tasks(path))) == 1


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ([], "no annotated files given"),
        (["tidak_ada.json"], "no such file"),
        (["."], "did not write; name the files in it"),
    ],
)
def test_paths_that_are_no_files(tmp_path, monkeypatch, paths, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said):
        list(read_tasks(paths))


@pytest.mark.parametrize("annotations", [3, 2.5, True])
def test_annotations_that_are_a_number_are_named(tmp_path, annotations):
    path = tmp_path / "export.json"
    path.write_text(json.dumps([TASK | {"annotations": annotations}]))
    with pytest.raises(InputError, match="row 1: 'annotations' is no list of annotations"):
        list(read_tasks(path))

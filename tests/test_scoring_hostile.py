"""Files that nobody should have to read, through the real `netral score`: no row is lost, nothing ends in a traceback.

The files of `test_any_file_is_scored_or_refused` are made by hypothesis, from well-formed ones to random bytes: some
50 by default. `NETRAL_EXAMPLES=2000 pytest tests/test_scoring_hostile.py -k any_file` tries that many.
"""

from __future__ import annotations

import contextlib
import csv
import datetime
import gzip
import io
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile_texts import HOSTILE_NAMES, HOSTILE_TEXTS, SURROGATE_TEXTS
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from netral_nlp.cli.main import main
from netral_nlp.formats import open_posts, write_rows
from netral_nlp.formats.problems import cell_problem

EXAMPLES = int(os.environ.get("NETRAL_EXAMPLES", "50"))
OUTPUTS = ["csv", "tsv", "jsonl", "parquet", "xlsx"]
WHOLE = [text for text in HOSTILE_TEXTS if len(text) <= 300 and text not in SURROGATE_TEXTS]


@dataclass(frozen=True)
class Outcome:
    """What a run did, and what it left."""

    code: int
    err: str
    summary: dict
    output: Path

    @property
    def rows(self):
        """The output's rows, read by our own reader."""
        if not self.summary["rows"]:
            return []
        with open_posts(self.output) as reader:
            return [
                dict(zip(batch.rows.schema.names, row, strict=True))
                for batch in reader.batches()
                for row in zip(*(batch.strings(name) for name in batch.rows.schema.names), strict=True)
            ]

    @property
    def rejects(self):
        path = self.output.with_name(self.output.name + ".rejects.jsonl")
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def score(model, path, ending, *more):
    """Score a file beside itself and check what holds for every file."""
    output = path.with_name(f"keluar.{ending}")
    arguments = [str(path), "-o", str(output), "--model", str(model), "--threads", "1", "--json", *map(str, more)]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["score", *arguments])
    said = err.getvalue()
    assert code in (0, 1, 3), said
    assert "Traceback" not in said
    assert "unexpected" not in said  # a traceback that the command line hides
    if code == 1:
        assert [line for line in said.split("\n") if line.startswith("netral:")] == said.strip().split("\n")[-1:]
        assert not output.exists()
        assert not output.with_name(output.name + ".meta.json").exists()
        return Outcome(code, said, {}, output)
    outcome = Outcome(code, said, json.loads(out.getvalue()), output)
    assert outcome.summary["rows"] + outcome.summary["rejects"] == outcome.summary["rows_in"]
    assert (code == 3) == bool(outcome.summary["rejects"])
    if outcome.summary["rows"]:
        with open_posts(output) as reader:
            assert sum(batch.rows.num_rows for batch in reader.batches()) == outcome.summary["rows"]
    assert len(outcome.rejects) == outcome.summary["rejects"]
    assert not output.with_name(output.name + ".parts").exists()
    return outcome


# Files made at random

names = st.one_of(st.sampled_from(["text", "id", "context", "action", "full_text"]), st.sampled_from(HOSTILE_NAMES))
cells = st.one_of(
    st.sampled_from(["Pagi semua", "Ayo coblos nomor 2!", "", "like", "7"]),
    st.sampled_from(WHOLE),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.integers(1000, 40_000).map("panjang ".__mul__),
)
newlines = st.sampled_from(["\n", "\n", "\r\n", "\r"])


def quoted(cell, how, delimiter):
    if how == "broken":
        return '"' + cell
    if how == "always" or (how == "needed" and any(mark in cell for mark in f'{delimiter}"\r\n')):
        return '"' + cell.replace('"', '""') + '"'
    return cell


@st.composite
def delimited(draw):
    delimiter = draw(st.sampled_from(",,;\t|"))
    newline = draw(newlines)
    header = [draw(st.sampled_from(["text", "full_text"])), *draw(st.lists(names, max_size=4))]
    lines = [delimiter.join(quoted(name, "needed", delimiter) for name in header)]
    careful = draw(st.booleans())
    for _ in range(draw(st.integers(0, 12))):
        count = len(header) if careful else max(0, len(header) + draw(st.sampled_from([0, 0, 0, 0, -1, 1])))
        how = draw(st.sampled_from(["needed", "always"] if careful else ["needed", "always", "never", "broken"]))
        lines.append(delimiter.join(quoted(draw(cells), how, delimiter) for _ in range(count)))
        if not careful and draw(st.integers(0, 9)) == 0:
            lines.append("")
    text = newline.join(lines) + draw(st.sampled_from(["", newline]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252", "utf-16-le"]))
    data = text.encode(encoding, "replace")
    if not careful and draw(st.integers(0, 3)) == 0:  # two exports, joined by hand
        data += newline.encode() + text.encode(draw(st.sampled_from(["latin-1", "utf-16-be", "utf-8"])), "replace")
    return data


values = st.recursive(
    st.one_of(
        cells,
        st.sampled_from(SURROGATE_TEXTS),
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.just(10**300),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=4,
)


@st.composite
def json_lines(draw):
    lines = ['{"text": "Pagi semua"}'] if draw(st.integers(0, 9)) else []
    for _ in range(draw(st.integers(0, 12))):
        row = {**draw(st.dictionaries(names, values, max_size=4)), "text": draw(values)}
        line = json.dumps(row, ensure_ascii=draw(st.booleans()))
        kind = draw(st.sampled_from(["row"] * 12 + ["cut", "text", "deep", "twice", "blank", "any"]))
        lines.append(
            {
                "row": line,
                "cut": line[: len(line) // 2],
                "text": "bukan JSON",
                "deep": '{"text": ' + "[" * 3000 + "]" * 3000 + "}",
                "twice": '{"text": 1, "text": 2}',
                "blank": " \t",
                "any": json.dumps(draw(values)),
            }[kind]
        )
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16"]))
    errors = "replace" if encoding == "utf-16" else "surrogatepass"
    return draw(newlines.filter(lambda end: end != "\r")).join(lines).encode(encoding, errors)


typed = st.one_of(
    st.tuples(st.just(pa.string()), cells),
    st.tuples(st.just(pa.large_string()), cells),
    st.tuples(st.just(pa.string_view()), cells),
    st.tuples(st.just(pa.dictionary(pa.int32(), pa.string())), cells),
    st.tuples(st.just(pa.int64()), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just(pa.float64()), st.floats()),
    st.tuples(st.just(pa.bool_()), st.booleans()),
    st.tuples(st.just(pa.binary()), st.binary(max_size=8)),
    st.tuples(st.just(pa.timestamp("us", "Asia/Jakarta")), st.integers(-(2**62), 2**62)),
    st.tuples(st.just(pa.list_(pa.date32())), st.lists(st.integers(-(2**30), 2**30), max_size=2)),
    st.tuples(st.just(pa.list_(pa.string())), st.lists(cells, max_size=2)),
    st.tuples(st.just(pa.struct([("a", pa.duration("s"))])), st.fixed_dictionaries({"a": st.integers(0, 2**62)})),
    st.tuples(st.just(pa.null()), st.none()),
)


@st.composite
def parquet(draw):
    rows = draw(st.integers(0, 10))
    text = draw(st.lists(st.none() | cells, min_size=rows, max_size=rows))
    columns, header = [pa.array(text, pa.string())], ["text"]
    for _ in range(draw(st.integers(0, 4))):
        kind, value = draw(typed)
        columns.append(pa.array([draw(st.sampled_from([value, None])) for _ in range(rows)], kind))
        header.append(draw(names))
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, names=header), sink, row_group_size=draw(st.integers(1, 5)))
    return sink.getvalue()


@st.composite
def sheets(draw):
    header = ["text", *draw(st.lists(names.filter(lambda name: cell_problem(name, "xlsx") is None), max_size=3))]
    fitting = cells.filter(lambda cell: cell_problem(cell, "xlsx") is None)
    rows = draw(st.lists(st.lists(fitting, min_size=len(header), max_size=len(header)), max_size=8))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lembar.xlsx"
        write_rows(path, [dict(zip(header, row, strict=True)) for row in rows], columns=list(dict.fromkeys(header)))
        return path.read_bytes()


@st.composite
def files(draw):
    """A file: its name and its bytes."""
    kind = draw(st.sampled_from(["csv", "csv", "tsv", "jsonl", "jsonl", "parquet", "xlsx"]))
    made = {"csv": delimited(), "tsv": delimited(), "jsonl": json_lines(), "parquet": parquet(), "xlsx": sheets()}
    damage = draw(st.sampled_from(["none"] * 12 + ["cut", "byte", "random", "empty", "renamed"]))
    data = b"" if damage == "empty" else draw(st.binary(max_size=400) if damage == "random" else made[kind])
    ending = kind
    if kind in ("csv", "tsv", "jsonl"):
        packing = draw(st.sampled_from(["", "", "", ".gz", ".zst"]))
        if packing == ".gz":
            data = gzip.compress(data, mtime=0)
        elif packing == ".zst":
            data = pa.compress(data, "zstd", asbytes=True) if data else data
        ending += packing
    if damage == "cut" and data:
        data = data[: draw(st.integers(0, len(data) - 1))]
    elif damage == "byte" and data:
        place = draw(st.integers(0, len(data) - 1))
        data = data[:place] + draw(st.binary(min_size=1, max_size=3)) + data[place + 1 :]
    elif damage == "renamed":
        ending = draw(st.sampled_from(["csv", "jsonl", "json", "parquet", "xlsx", "csv.gz", "txt"]))
    return f"kiriman.{ending}", data


options = st.one_of(
    st.just([]),
    st.just([]),
    st.sampled_from([["--source-column", "berkas"], ["--delimiter", ";"], ["--encoding", "latin-1"]]),
    st.sampled_from([["--text-column", "id"], ["--max-rejects", "1"], ["--source-column", "text"]]),
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(file=files(), ending=st.sampled_from([*OUTPUTS, "csv.gz", "jsonl.zst"]), rows=st.integers(1, 9), more=options)
def test_any_file_is_scored_or_refused(tiny_model, file, ending, rows, more):
    name, data = file
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        outcome = score(tiny_model, path, ending, "--chunk-rows", rows, *more)
        note(f"{outcome.code} {outcome.summary} {outcome.err}")


# Every hostile text, through every format


def write_texts(path, texts):
    """A file with a column of ids and one of texts, spelled as well as its format can."""
    if path.suffix == ".csv":
        rows = io.StringIO(newline="")
        csv.writer(rows, quoting=csv.QUOTE_ALL).writerows([("id", "text"), *texts])
        path.write_bytes(rows.getvalue().encode("utf-8", "surrogatepass"))
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps({"id": key, "text": text}) + "\n" for key, text in texts), encoding="ascii")
    elif path.suffix == ".parquet":
        data = pa.array([text.encode("utf-8", "surrogatepass") for _, text in texts], pa.binary())
        column = pa.Array.from_buffers(pa.string(), len(texts), data.buffers())
        pq.write_table(pa.table({"id": [key for key, _ in texts], "text": column}), path)
    else:
        write_rows(path, [{"id": key, "text": text} for key, text in texts])
    return path


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "xlsx"])
def test_every_hostile_text_comes_out_as_it_was_or_is_rejected(tiny_model, tmp_path, kind):
    texts = [(f"{1780000000000000000 + number}", text) for number, text in enumerate(HOSTILE_TEXTS)]
    if kind == "xlsx":
        whole = [(key, text) for key, text in texts if text not in SURROGATE_TEXTS]
        texts = [(key, text) for key, text in whole if cell_problem(text, "xlsx") is None]
    path = write_texts(tmp_path / f"masuk.{kind}", texts)
    for ending in OUTPUTS:
        outcome = score(tiny_model, path, ending, "--chunk-rows", 50)
        assert outcome.summary["rows_in"] == len(texts)
        out = {reject["row"] for reject in outcome.rejects}
        kept = [pair for number, pair in enumerate(texts, start=1) if number not in out]
        assert [(row["id"], row["text"] or "") for row in outcome.rows] == kept
        assert len(out) == outcome.summary["rejects"] < 40
        assert all(reject["reason"].isprintable() for reject in outcome.rejects)


@pytest.mark.parametrize("ending", OUTPUTS)
def test_every_hostile_column_name_is_kept_or_its_rows_are_rejected(tiny_model, tmp_path, ending):
    path = tmp_path / "posts.jsonl"
    rows = [{"id": str(n), "text": f"Pagi {n}", name: f"nilai {n}"} for n, name in enumerate(HOSTILE_NAMES)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="ascii")
    outcome = score(tiny_model, path, ending, "--chunk-rows", 4)
    kept = {row["id"]: row for row in outcome.rows}
    for number, name in enumerate(HOSTILE_NAMES):
        if str(number) in kept:
            assert f"nilai {number}" in kept[str(number)].values(), name
    assert outcome.summary["rejects"] == {"csv": 1, "tsv": 1, "xlsx": 4}.get(ending, 0)


# What these found, by name


@pytest.fixture
def scored(tiny_model, tmp_path):
    """Score rows of JSON lines."""

    def call(lines, ending, *more):
        path = tmp_path / "posts.jsonl"
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path.write_text("".join(text + "\n" for text in texts), encoding="utf-8")
        return score(tiny_model, path, ending, *more)

    return call


@pytest.fixture
def scored_table(tiny_model, tmp_path):
    """Score an Arrow table from Parquet."""

    def call(columns, ending, *more):
        path = tmp_path / "posts.parquet"
        pq.write_table(pa.table(columns), path)
        return score(tiny_model, path, ending, *more)

    return call


@pytest.mark.parametrize("ending", ["csv", "tsv", "csv.gz"])
def test_a_nul_in_a_json_column_is_rejected_where_csv_cannot_hold_it(scored, ending):
    rows = [
        {"text": "Pagi", "x": [1, "a\0b"]},  # inside a list it stays escaped
        {"text": "Siang", "x": "a\0b"},
        {"text": "nol \0", "x": 1},
        {"text": 5, "x": "\\u0000"},  # spelled out, no NUL
    ]
    outcome = scored(rows, ending)
    assert [row["text"] for row in outcome.rows] == ["Pagi", "5"]
    assert outcome.rows[1]["x"] == "\\u0000"
    assert [(reject["row"], reject["reason"].partition(":")[0]) for reject in outcome.rejects] == [
        (2, "column x"),
        (3, "column text"),
    ]


def test_a_nul_in_the_name_of_a_key_costs_its_rows_not_the_run(scored):
    rows = [{"text": "Pagi"}, {"text": "Siang", "x\0y": 1}, {"text": "Malam"}]
    outcome = scored(rows, "csv", "--chunk-rows", 1)
    assert [row["text"] for row in outcome.rows] == ["Pagi", "Malam"]
    (reject,) = outcome.rejects
    assert "'x\\x00y'" in reject["reason"]
    assert json.loads(reject["raw"]) == rows[1]


def test_a_name_that_csv_cannot_hold_is_refused_before_anything_is_scored(scored_table, tmp_path):
    outcome = scored_table({"text": ["Pagi"], "x\0y": ["a"]}, "csv")
    assert outcome.code == 1
    assert "posts.parquet: the name of column 'x\\x00y' cannot be written" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["posts.parquet"]


def test_too_many_columns_for_a_sheet_are_refused_before_anything_is_scored(scored, tmp_path):
    outcome = scored([{"text": "Pagi", **{f"k{n}": "" for n in range(16_380)}}], "xlsx")
    assert outcome.code == 1
    assert "16,384 columns" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["posts.jsonl"]


def test_ten_thousand_columns_are_kept(scored):
    outcome = scored([{"text": "Pagi", **{f"k{n}": str(n) for n in range(10_000)}}], "csv")
    with outcome.output.open(encoding="utf-8") as file:
        assert len(next(csv.reader(file))) == 10_006


@pytest.mark.parametrize(("ending", "rejects"), [("csv", 2), ("jsonl", 0), ("parquet", 0), ("xlsx", 1)])
def test_more_lines_than_our_reader_takes_for_one_row_are_rejected(scored, ending, rejects):
    rows = [{"text": "a\n" * 1000}, {"text": "\n" * 20_000}, {"text": "b", "x": "\n" * 40_000}]
    rows.append({"text": "c", "x": ["\n" * 2000]})
    assert scored(rows, ending).summary["rejects"] == rejects


@pytest.mark.parametrize(("ending", "rejects"), [("csv", 1), ("jsonl", 1), ("parquet", 0)])
def test_a_row_that_grows_beyond_the_limit_when_it_is_written_is_rejected(scored, ending, rejects):
    outcome = scored([{"text": "Pagi"}, {"text": "Besar", "x": "b" * (2**24 - 40)}], ending)
    assert outcome.summary["rejects"] == rejects
    assert rejects == 0 or "larger than 16 MiB" in outcome.rejects[0]["reason"]


def test_a_first_column_that_reads_like_another_kind_of_file_is_quoted(scored):
    outcome = scored([{"%PDF-1": "x", "text": "Pagi"}], "csv")
    assert list(outcome.rows[0])[:2] == ["%PDF-1", "text"]


def test_halves_of_surrogate_pairs_in_a_sheet_stay_as_they_are_spelled(tiny_model, tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    for row in (["text", "x_xD83D_"], ["putus _xD83D_", "a"], ["utuh _xD83D__xDE00_", "b"], ["_xDE00__xd83d_", "c"]):
        book.active.append(row)
    book.save(tmp_path / "posts.xlsx")
    outcome = score(tiny_model, tmp_path / "posts.xlsx", "jsonl")
    assert [row["text"] for row in outcome.rows] == ["putus _xD83D_", "utuh 😀", "_xDE00__xd83d_"]
    assert "x_xD83D_" in outcome.rows[0]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "xlsx"])
def test_dates_that_python_does_not_have_are_kept_inside_lists_too(scored_table, ending):
    far = {
        "dates": pa.array([[2**30], [19_000]], pa.list_(pa.date32())),
        "moments": pa.array([{"a": 2**62}, {"a": 0}], pa.struct([("a", pa.timestamp("us", "Asia/Jakarta"))])),
        "spans": pa.array([[2**62], None], pa.list_(pa.duration("s"))),
        "zone": pa.array([0, None], pa.timestamp("us", "Mars/Kota")),
    }
    outcome = scored_table({"text": ["Pagi", "Siang"], **far}, ending)
    assert outcome.code == 0
    first = outcome.rows[0]
    assert str(2**62) in first["spans"]
    assert first["zone"] == "1970-01-01T00:00:00.000000Z"
    assert datetime.date(2022, 1, 8).isoformat() in outcome.rows[1]["dates"]


@pytest.mark.parametrize("ending", OUTPUTS)
def test_string_views_are_strings(scored_table, ending):
    texts = ["Pagi", "nol \0", None, "Sebuah teks yang tidak muat di dalam penunjuk"]
    outcome = scored_table({"text": pa.array(texts, pa.string_view())}, ending, "--chunk-rows", 3)
    assert [row["text"] or None for row in outcome.rows if "\0" not in (row["text"] or "")] == [texts[0], *texts[2:]]
    assert outcome.summary["rejects"] == (ending in ("csv", "tsv", "xlsx"))


@pytest.mark.parametrize("ending", OUTPUTS)
def test_nested_texts_that_are_not_utf8_cost_their_row_only(scored_table, ending):
    bad = pa.Array.from_buffers(pa.string(), 2, pa.array([b"baik", b"\xff"], pa.binary()).buffers())
    nested = pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), bad)
    outcome = scored_table({"text": ["Pagi", "Siang"], "x": nested}, ending)
    assert [row["text"] for row in outcome.rows] == ["Pagi"]
    assert outcome.rejects[0]["reason"] == "column x is not valid UTF-8"
    assert "\\xff" in outcome.rejects[0]["raw"]


def test_a_parquet_column_name_that_is_not_utf8_is_one_clear_error(tiny_model, tmp_path):
    path = tmp_path / "posts.parquet"
    pq.write_table(pa.table({"text": ["Pagi"], "QQQQ": ["a"]}), path)
    path.write_bytes(path.read_bytes().replace(b"QQQQ", b"Q\xff\xfeQ"))
    outcome = score(tiny_model, path, "csv")
    assert outcome.code == 1
    assert "a column name is not valid UTF-8" in outcome.err


@pytest.mark.skipif(os.name == "nt", reason="file names are Unicode there")
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_name_that_is_not_utf8_is_no_obstacle(tiny_model, tmp_path, ending):
    path = tmp_path / os.fsdecode(b"pos\xe9.csv")
    path.write_bytes(b"text,x\nPagi,a\nrusak\n")
    outcome = score(tiny_model, path, ending, "--source-column", "berkas")
    assert outcome.rows[0]["berkas"] == "pos\\xe9.csv"
    assert os.fsencode(outcome.rejects[0]["source"]) == os.fsencode(path)
    meta = json.loads(outcome.output.with_name(outcome.output.name + ".meta.json").read_bytes())
    assert os.fsencode(meta["inputs"][0]["name"]) == b"pos\xe9.csv"


@pytest.mark.parametrize("name", ["label", "p_neutral", "needs_review", "a\nb", "\udcff"])
def test_a_source_column_that_clashes_or_cannot_be_written_is_refused(scored, name):
    outcome = scored([{"text": "Pagi"}], "jsonl", "--source-column", name)
    assert outcome.code == 1
    assert "--source-column" in outcome.err


def test_the_remedy_for_a_json_array_does_not_overwrite_the_file(scored):
    outcome = scored(['[{"text": "Pagi"}]'], "csv")
    assert outcome.code == 1
    assert "posts.jsonl > posts.lines.jsonl" in outcome.err

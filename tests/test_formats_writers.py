"""Writers: what is written is read back, on any format; and the same rows give the same bytes."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netral_nlp.errors import InputError
from netral_nlp.formats import (
    FileFormat,
    Reject,
    RejectsFile,
    conform,
    detect_format,
    open_posts,
    open_writer,
    row_problems,
    unify_schemas,
)

ENDINGS = [".csv", ".tsv", ".txt", ".jsonl", ".parquet", ".xlsx", ".csv.gz", ".tsv.zst", ".jsonl.gz", ".jsonl.zst"]
FAST = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
anything = st.characters(exclude_categories=["Cs"])
in_csv = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
in_xlsx = st.characters(
    exclude_categories=["Cs"],
    exclude_characters="".join(map(chr, [*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF])),
)


@st.composite
def tables(draw, alphabet) -> pa.Table:
    """A table of strings with at least one row; names are distinct and not blank, each row has an id."""
    awkward = st.sampled_from(
        ["=1+1", " ", '"', '""', "a,b;c|d\te", "\r\n", "\ufeff", "_x000D_", "null", "007", "\u2028"]
    )
    cells = st.text(alphabet, max_size=12) | awkward
    names = draw(
        st.lists(st.text(alphabet, min_size=1, max_size=6).filter(lambda name: name.strip()), max_size=3, unique=True)
    )
    size = draw(st.integers(1, 6))
    columns = {"id": [f"{number:03}" for number in range(size)]}
    first = draw(st.booleans())
    others = {name: draw(st.lists(cells, min_size=size, max_size=size)) for name in names if name != "id"}
    columns = columns | others if first else others | columns
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def round_trip(path: Path, table: pa.Table) -> list[dict]:
    with open_writer(path, table.schema) as writer:
        for batch in table.to_batches(max_chunksize=4):
            writer.write(batch)
    with open_posts(path) as reader:
        batches = [batch.rows for batch in reader.batches()]
    schema = unify_schemas(batch.schema for batch in batches)
    return pa.Table.from_batches([conform(batch, schema) for batch in batches]).to_pylist()


@FAST
@given(tables(in_csv))
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".txt", ".csv.gz", ".tsv.zst"])
def test_any_text_is_read_back_from_csv(tmp_path, ending, table):
    assert round_trip(tmp_path / f"posts{ending}", table) == table.to_pylist()


@FAST
@given(tables(anything))
@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".parquet"])
def test_any_text_is_read_back_from_json_lines_and_parquet(tmp_path, ending, table):
    assert round_trip(tmp_path / f"posts{ending}", table) == table.to_pylist()


@FAST
@given(tables(in_xlsx))
def test_any_text_is_read_back_from_xlsx(tmp_path, table):
    assert round_trip(tmp_path / "posts.xlsx", table) == table.to_pylist()


@FAST
@given(st.lists(st.text(in_csv, max_size=8), min_size=1, max_size=5))
def test_a_single_column_keeps_its_empty_rows(tmp_path, texts):
    table = pa.table({"text": texts})
    assert round_trip(tmp_path / "posts.csv", table) == table.to_pylist()


@pytest.mark.parametrize("ending", ENDINGS)
def test_bytes_do_not_depend_on_the_batches(tmp_path, ending):
    dice = random.Random(7)
    table = pa.table(
        {"id": [str(i) for i in range(900)], "text": ["".join(dice.choices("abcdefgh ,", k=90)) for _ in range(900)]}
    )
    written = set()
    for size in (7, 900):
        path = tmp_path / f"{size}{ending}"
        with open_writer(path, table.schema) as writer:
            for batch in table.to_batches(max_chunksize=size):
                writer.write(batch)
        written.add(path.read_bytes())
    assert len(written) == 1


def test_large_compressed_output_does_not_depend_on_the_batches(tmp_path):
    dice = random.Random(7)
    table = pa.table({"text": ["".join(dice.choices("abcdefgh ,", k=200)) for _ in range(7_000)]})
    for ending in (".csv.gz", ".csv.zst"):
        written = set()
        for size in (333, 7_000):
            path = tmp_path / f"{size}{ending}"
            with open_writer(path, table.schema) as writer:
                for batch in table.to_batches(max_chunksize=size):
                    writer.write(batch)
            written.add(path.read_bytes())
        assert len(written) == 1


def test_gzip_holds_no_time(tmp_path):
    path = tmp_path / "posts.csv.gz"
    with open_writer(path, pa.schema([("text", pa.string())])) as writer:
        writer.write(pa.record_batch({"text": ["Halo"]}))
    assert path.read_bytes()[4:8] == b"\0\0\0\0"
    assert gzip.decompress(path.read_bytes()) == b"text\nHalo\n"


def test_numbers_and_booleans_in_text_formats(tmp_path):
    batch = pa.record_batch(
        {
            "id": ["1"],
            "skor": [1234567.125],
            "label": ["neutral"],
            "p_neutral": pa.array([0.98765432], pa.float32()),
            "p_supportive": [1e-9],
            "needs_review": [False],
        }
    )
    for name in ("a.csv", "a.tsv", "a.jsonl"):
        with open_writer(tmp_path / name, batch.schema) as writer:
            writer.write(batch)
    assert (tmp_path / "a.csv").read_text().splitlines()[1] == "1,1234567.125,neutral,0.987654,0.000000,false"
    assert (tmp_path / "a.tsv").read_text().splitlines()[1].split("\t")[-1] == "false"
    assert (tmp_path / "a.jsonl").read_text() == (
        '{"id": "1", "skor": 1234567.125, "label": "neutral", "p_neutral": 0.987654, "p_supportive": 0.000000, '
        '"needs_review": false}\n'
    )


@pytest.mark.parametrize("ending", [".csv", ".xlsx", ".parquet"])
def test_json_values_are_plain_text_in_tables(tmp_path, ending):
    source = tmp_path / "posts.jsonl"
    source.write_text('{"id": 1, "text": "Halo", "tag": [1]}\n{"id": "dua", "text": null}\n')
    with open_posts(source) as reader:
        [batch] = reader.batches()
    path = tmp_path / f"posts{ending}"
    with open_writer(path, batch.rows.schema) as writer:
        writer.write(batch.rows)
    with open_posts(path) as reader:
        [again] = reader.batches()
    assert again.strings("id") == ["1", "dua"]
    assert [cell or "" for cell in again.strings("text")] == ["Halo", ""]
    assert [cell or "" for cell in again.strings("tag")] == ["[1]", ""]


def test_format_can_differ_from_the_ending(tmp_path):
    path = tmp_path / "posts.csv.part"
    with open_writer(path, pa.schema([("text", pa.string())]), format=FileFormat("jsonl", "gzip")) as writer:
        writer.write(pa.record_batch({"text": ["Halo"]}))
    assert json.loads(gzip.decompress(path.read_bytes())) == {"text": "Halo"}
    with open_posts(path, format="jsonl.gz") as reader:
        assert reader.columns == ["text"]


def test_a_row_with_nul_is_refused_in_csv(tmp_path):
    batch = pa.record_batch({"id": ["1", "2"], "text": ["baik", "nol\0"]})
    assert list(row_problems(batch, FileFormat("csv"))) == [1]
    assert row_problems(batch, FileFormat("jsonl")) == {}
    with (
        pytest.raises(InputError, match="row 2 cannot be written: column text"),
        open_writer(tmp_path / "a.csv", batch.schema) as writer,
    ):
        writer.write(batch)


def test_full_disk_is_one_clear_line():
    batch = pa.record_batch({"text": ["Halo " * 1000] * 1000})
    for kind in ("csv", "jsonl.gz", "csv.zst", "parquet"):
        with (
            pytest.raises(InputError, match=r"/dev/full: cannot be written: .*space"),
            open_writer("/dev/full", batch.schema, format=kind) as writer,
        ):
            writer.write(batch)


def test_places_that_cannot_be_written(tmp_path):
    schema = pa.schema([("text", pa.string())])
    with pytest.raises(InputError, match="No such file or directory"):
        open_writer(tmp_path / "tidak" / "ada.csv", schema)
    with pytest.raises(InputError, match="is a folder"):
        open_writer(tmp_path, schema, format="csv")
    with pytest.raises(InputError, match=r"name it \.jsonl"):
        open_writer(tmp_path / "a.json", schema)


def test_writing_after_close_or_with_unknown_columns_is_an_error(tmp_path):
    writer = open_writer(tmp_path / "a.csv", pa.schema([("text", pa.string())]))
    with pytest.raises(ValueError, match="columns lain are not in the schema"):
        writer.write(pa.record_batch({"lain": ["x"]}))
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="is closed"):
        writer.write(pa.record_batch({"text": ["x"]}))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", FileFormat("csv")),
        ("A.CSV.GZ", FileFormat("csv", "gzip")),
        ("a.b.tsv.zst", FileFormat("tsv", "zstd")),
        ("a.txt", FileFormat("csv")),
        ("a.ndjson", FileFormat("jsonl")),
        ("a.parquet", FileFormat("parquet")),
        ("a.xlsx", FileFormat("xlsx")),
    ],
)
def test_format_is_found_by_the_ending(name, expected):
    assert detect_format(name) == expected
    assert str(expected) == expected.ending[1:]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("a.xls", "save it as"),
        ("a.csv.bz2", r"\.gz or \.zst"),
        ("a.parquet.gz", "without .gz"),
        ("a.zip", "unpack"),
        ("a", "no ending"),
        ("a.gz", "no ending"),
        ("a.doc", r"\.csv, \.tsv"),
    ],
)
def test_unknown_endings_say_what_to_do(name, remedy):
    with pytest.raises(InputError, match=remedy):
        detect_format(name)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        open_posts(tmp_path / "tidak-ada.csv")
    with pytest.raises(InputError, match="is a folder"):
        open_posts(tmp_path)
    for ending in ENDINGS:
        (tmp_path / f"kosong{ending}").touch()
        with pytest.raises(InputError, match="empty"):
            open_posts(tmp_path / f"kosong{ending}")


@pytest.mark.parametrize("ending", [".csv.gz", ".csv.zst", ".jsonl.gz", ".jsonl.zst"])
def test_truncated_compression_is_one_clear_line(tmp_path, ending):
    dice = random.Random(1)
    path = tmp_path / f"posts{ending}"
    with open_writer(path, pa.schema([("text", pa.string())])) as writer:
        for _ in range(6):
            writer.write(pa.record_batch({"text": ["".join(dice.choices("abcdefghijk", k=5000)) for _ in range(25)]}))
    whole = path.read_bytes()
    for size in (15, len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="breaks off") as caught, open_posts(path) as reader:
            list(reader.batches())
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", [".csv.gz", ".csv.zst"])
def test_several_compressed_members_are_read_as_one(tmp_path, ending):
    path = tmp_path / f"posts{ending}"
    with open_writer(path, pa.schema([("text", pa.string())])) as writer:
        writer.write(pa.record_batch({"text": ["Halo"]}))
    path.write_bytes(path.read_bytes() * 2)
    with open_posts(path) as reader:
        assert [batch.strings("text") for batch in reader.batches()] == [["Halo", "text", "Halo"]]


def test_rejects_file_is_made_at_the_first_reject(tmp_path):
    path = tmp_path / "rejects.jsonl"
    with RejectsFile(path) as rejects:
        assert not path.exists()
        rejects.write(Reject("posts.csv", 3, 41, "has 1 fields instead of 2", "satu, 🙏".encode(), 10))
        rejects.write(Reject("posts.csv", 4, 60, "is not valid utf-8", b"\xff\xfe", 2))
        rejects.write(Reject("posts.csv", 5, None, "too long", ("é" * 40_000).encode()[1:][1:] + b"x", 90_000))
    assert rejects.count == 3
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0] == {
        "source": "posts.csv",
        "row": 3,
        "byte_offset": 41,
        "reason": "has 1 fields instead of 2",
        "raw": "satu, 🙏",
        "raw_encoding": "utf-8",
        "raw_bytes": 10,
    }
    assert (lines[1]["raw"], lines[1]["raw_encoding"]) == ("//4=", "base64")
    assert lines[2]["raw"] == "é" * 32_768
    assert lines[2]["byte_offset"] is None


def test_rejects_file_cut_in_the_middle_of_a_character_stays_text():
    reject = Reject("posts.csv", 1, 0, "too long", b"a" + "é".encode() * 40_000, 80_001)
    assert json.loads(reject.as_json())["raw"] == "a" + "é" * 32_767


def test_rejects_file_can_go_on_where_it_stopped(tmp_path):
    path = tmp_path / "rejects.jsonl"
    reject = Reject("a.csv", 1, 0, "x", b"y", 1)
    for append in (False, True):
        with RejectsFile(path, append=append) as rejects:
            rejects.write(reject)
            rejects.flush()
    assert len(path.read_text().splitlines()) == 2
    with RejectsFile(path) as rejects:
        rejects.write(reject)
    assert len(path.read_text().splitlines()) == 1


def test_rejects_file_tells_a_full_disk():
    rejects = RejectsFile("/dev/full")
    rejects.write(Reject("a.csv", 1, 0, "x", b"y", 1))
    with pytest.raises(InputError, match="cannot write the rejects"):
        rejects.flush()
    with pytest.raises(InputError, match="cannot write the rejects"):
        rejects.close()


def test_unify_never_turns_whole_numbers_into_floats():
    schema = unify_schemas(
        [
            pa.schema([("id", pa.int64()), ("n", pa.int32()), ("t", pa.string()), ("k", pa.null())]),
            pa.schema([("id", pa.float64()), ("n", pa.int64()), ("t", pa.large_string()), ("k", pa.bool_())]),
            pa.schema([("id", pa.string()), ("baru", pa.date32()), ("f", pa.float32())]),
            pa.schema([("f", pa.float64())]),
        ]
    )
    assert [(field.name, field.type) for field in schema] == [
        ("id", pa.string()),
        ("n", pa.int64()),
        ("t", pa.large_string()),
        ("k", pa.bool_()),
        ("baru", pa.date32()),
        ("f", pa.float64()),
    ]
    batch = pa.record_batch({"id": pa.array([1234567890123456789]), "n": pa.array([1], pa.int32())})
    assert conform(batch, schema).to_pylist() == [
        {"id": "1234567890123456789", "n": 1, "t": None, "k": None, "baru": None, "f": None}
    ]


def test_writing_parquet_groups_rows(tmp_path):
    table = pa.table({"n": list(range(70_000))})
    path = tmp_path / "a.parquet"
    with open_writer(path, table.schema) as writer:
        for batch in table.to_batches(max_chunksize=999):
            writer.write(batch)
    assert writer.rows == 70_000
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)] == [65_536, 4_464]
    assert pq.read_table(path).equals(table)


@pytest.mark.parametrize("kind", ["xlsx", "jsonl.zst", "csv.gz", "parquet", "jsonl"])
@pytest.mark.parametrize("words", [1, 1000])
def test_full_disk_leaves_nothing_that_complains_later(kind, words):
    script = f"""
import pyarrow as pa
from netral_nlp.errors import InputError
from netral_nlp.formats import open_writer
batch = pa.record_batch({{"text": ["Halo " * {words}] * {words}}})
try:
    with open_writer("/dev/full", batch.schema, format="{kind}") as writer:
        writer.write(batch)
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("/dev/full: cannot be written: ")
    assert done.stderr == ""


def test_disk_that_fills_up_on_the_way_leaves_nothing_that_complains_later(tmp_path):
    script = f"""
import random, resource, signal
import pyarrow as pa
from netral_nlp.errors import InputError
from netral_nlp.formats import open_writer
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
batch = pa.record_batch({{"text": [random.Random(n).randbytes(2000).hex() for n in range(1000)]}})
try:
    with open_writer({str(tmp_path / "posts.jsonl.zst")!r}, batch.schema) as writer:
        writer.write(batch)
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "posts.jsonl.zst: cannot be written: File too large" in done.stdout
    assert done.stderr == ""

"""JSON lines: values come back as they went in; bad lines become rejects."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netral_nlp.errors import InputError
from netral_nlp.formats import Reject, conform, open_posts, open_writer, unify_schemas

SAFE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def put(folder: Path, content: bytes | str, name: str = "posts.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, **options) -> tuple[list[pa.RecordBatch], list[int], list[Reject]]:
    rejects: list[Reject] = []
    with open_posts(path, on_reject=rejects.append, **options) as reader:
        batches = list(reader.batches())
    return [batch.rows for batch in batches], [n for batch in batches for n in batch.numbers], rejects


@pytest.mark.parametrize("size", [17 * 2**20, 18 * 2**20, 18 * 2**20 + 7])
@pytest.mark.parametrize("end", ["\n", ""])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_rows_behind_a_line_that_is_too_long_are_kept(tmp_path, size, end, encoding):
    rows = [f'{{"id": "{number}", "text": "Rapat RT malam ini"}}' for number in range(6)]
    lines = [*rows[:3], '{"text": "' + "a" * size + '"}', *rows[3:]]
    batches, numbers, rejects = read(put(tmp_path, ("\n".join(lines) + end).encode(encoding)))
    assert [text for batch in batches for text in batch.column("id").to_pylist()] == ["0", "1", "2", "3", "4", "5"]
    assert numbers == [1, 2, 3, 5, 6, 7]
    assert [reject.row for reject in rejects] == [4]


def copy(source: Path, target: Path, **options) -> list[Reject]:
    """Read a file and write it again."""
    batches, _, rejects = read(source, **options)
    with open_writer(target, unify_schemas(batch.schema for batch in batches)) as writer:
        for batch in batches:
            writer.write(batch)
    return rejects


LINES = [
    '{"id": 1234567890123456789, "text": "Selamat pagi 🙏", "skor": 1.10, "aktif": true}',
    '{"id": "0012", "text": null, "skor": 1e5}',
    '{"id": 3, "text": "", "tag": ["a", {"b": 1.50}], "aktif": false}',
    '{"id": 4, "text": "baris\\nbaru \\u0000", "baru": {"x": null}, "": "kunci kosong"}',
]


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_round_trip_keeps_every_value_and_absence(tmp_path, batch_rows):
    source = put(tmp_path, "\n".join(LINES) + "\n")
    target = tmp_path / "out.jsonl"
    assert copy(source, target, batch_rows=batch_rows) == []
    wrote = target.read_text().splitlines()
    exactly = {"parse_float": str, "parse_int": str}
    assert [json.loads(line, **exactly) for line in wrote] == [json.loads(line, **exactly) for line in LINES]
    assert list(json.loads(wrote[3])) == ["id", "text", "baru", ""]


def test_strings_gives_plain_text(tmp_path):
    with open_posts(put(tmp_path, "\n".join(LINES))) as reader:
        assert reader.columns == ["id", "text", "skor", "aktif", "tag", "baru", ""]
        [batch] = reader.batches()
    assert batch.strings("id") == ["1234567890123456789", "0012", "3", "4"]
    assert batch.strings("text") == ["Selamat pagi 🙏", None, "", "baris\nbaru \0"]
    assert batch.strings("skor") == ["1.10", "1e5", None, None]
    assert batch.strings("aktif") == ["true", None, "false", None]
    assert batch.strings("tag") == [None, None, '["a", {"b": 1.50}]', None]


def test_columns_say_how_they_are_stored(tmp_path):
    batches, _, _ = read(put(tmp_path, '{"id": 1, "text": "a"}\n'))
    assert batches[0].schema.field("id").metadata == {b"netral": b"json"}
    assert batches[0].schema.field("text").metadata == {b"netral": b"text"}
    assert {field.type for field in batches[0].schema} == {pa.string()}


def test_keys_that_appear_late_are_kept_in_first_seen_order(tmp_path):
    lines = ['{"id": "1", "text": "a"}'] * 5000 + [
        '{"text": "b", "zona": "WIB", "id": "2"}',
        '{"id": "3", "alamat": 1}',
    ]
    source = put(tmp_path, "\n".join(lines))
    batches, numbers, _ = read(source, batch_rows=1000)
    schema = unify_schemas(batch.schema for batch in batches)
    assert schema.names == ["id", "text", "zona", "alamat"]
    table = pa.Table.from_batches([conform(batch, schema) for batch in batches])
    assert table.num_rows == 5002 == len(numbers)
    assert table.column("zona").to_pylist()[-2:] == ["WIB", None]
    target = tmp_path / "out.jsonl"
    copy(source, target, batch_rows=1000)
    assert [json.loads(line) for line in target.read_text().splitlines()] == [json.loads(line) for line in lines]


def test_bad_lines_are_rejected_and_blank_ones_are_no_rows(tmp_path):
    bad = [
        b"bukan json",
        b"[1, 2]",
        b'{"id": 1',
        b'{"id": 1} sisa',
        b'{"id": 1, "id": 2}',
        b'{"id": "nol\0"}',
        b'{"id": "\xff"}',
        b'{"id": "\\ud83d"}',
        b'{"id": 01}',
        b"{'id': 1}",
        b'{"a": ' + b"[" * 200_000,
        b"null",
        b'{"id" 1}',
        b'{"id": 1,}',
    ]
    content = b'\xef\xbb\xbf{"id": "awal"}\n\n  \r\n' + b"\n".join(bad) + b'\n{"id": "akhir"}\r\n{}'
    path = put(tmp_path, content)
    batches, numbers, rejects = read(path)
    assert batches[0].column("id").to_pylist() == ["awal", "akhir", None]
    assert numbers == [1, 2 + len(bad), 3 + len(bad)]
    assert [reject.raw for reject in rejects] == [line[: 64 * 1024] for line in bad]
    assert [reject.row for reject in rejects] == list(range(2, 2 + len(bad)))
    for reject in rejects:
        assert content[reject.byte_offset :].startswith(reject.raw)
        assert reject.reason
        assert "bukan" not in reject.reason
    assert "utf-8" in rejects[6].reason


def test_utf16_with_a_mark_is_read(tmp_path):
    path = put(tmp_path, '{"id": "1", "text": "Halo 👍"}\r\n'.encode("utf-16"))
    batches, _, _ = read(path)
    assert batches[0].to_pylist() == [{"id": "1", "text": "Halo 👍"}]


def test_endless_line_is_rejected_in_flat_memory(tmp_path):
    path = tmp_path / "posts.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b'{"id": "1"}\n{"id": "')
        for _ in range(60):
            file.write(b"a" * 2**20)
        file.write(b'"}\n{"id": "3"}')
    tracemalloc.start()
    _, numbers, rejects = read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert numbers == [1, 3]
    assert [(reject.row, reject.byte_offset, reject.raw_bytes) for reject in rejects] == [(2, 12, 60 * 2**20 + 10)]
    assert peak < 90 * 2**20


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ('[{"id": 1}]', "a.json", "jq -c"),
        ('\ufeff\n [\n{"id": 1}]', "a.jsonl", "jq -c"),
        ("\n \n", "a.jsonl", "empty"),
        ("id,text\n1,Halo\n", "a.jsonl", "none of its first 2 lines"),
        (b"\x80\x81\xfe\xff\n" * 9, "a.jsonl", "--encoding"),
        ('{"id": 1}\n'.encode("utf-16-le"), "a.jsonl", "utf-16-le"),
    ],
)
def test_files_that_cannot_be_read_are_one_clear_line(tmp_path, content, name, message):
    with pytest.raises(InputError, match=message) as caught:
        open_posts(put(tmp_path, content, name))
    assert "\n" not in str(caught.value)


def test_a_first_line_that_is_an_array_is_one_bad_row(tmp_path):
    _, numbers, rejects = read(put(tmp_path, '[1, 2]\n{"id": "1"}\n'))
    assert numbers == [2]
    assert [reject.row for reject in rejects] == [1]


def test_json_lines_may_be_called_json(tmp_path):
    batches, _, _ = read(put(tmp_path, '{"id": "1"}\n{"id": "2"}\n', "posts.json"))
    assert batches[0].num_rows == 2


text = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=10)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


@SAFE
@given(st.lists(st.dictionaries(text, values, max_size=4), min_size=1, max_size=6), st.booleans())
def test_any_objects_round_trip(tmp_path, objects, ascii_only):
    source = put(tmp_path, "\n".join(json.dumps(item, ensure_ascii=ascii_only) for item in objects))
    target = tmp_path / "out.jsonl"
    assert copy(source, target, batch_rows=2) == []
    wrote = target.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    assert [json.loads(line) for line in wrote] == objects


@SAFE
@given(
    st.binary(max_size=300), st.sampled_from([b"", b'{"id": "1"}\n', b"\xff\xfe", b"\xef\xbb\xbf{}\n", b'{"a": [1,'])
)
def test_any_bytes_raise_nothing_but_input_errors(tmp_path, content, start):
    path = put(tmp_path, start + content)
    try:
        _, numbers, rejects = read(path)
    except InputError:
        return
    total = len(numbers) + len(rejects)
    assert sorted(numbers + [reject.row for reject in rejects]) == list(range(1, total + 1))
    if start.startswith(b"{") and start.endswith(b"\n"):
        filled = [line for line in (start + content).split(b"\n") if line.strip(b" \t\r")]
        assert total == len(filled)


@SAFE
@given(st.text(alphabet='{}[]":,ab1\\u \t', max_size=30))
def test_a_line_is_accepted_exactly_if_python_reads_an_object(tmp_path, line):
    from netral_nlp.formats.jsonlines import parse_object

    def pairs(items):
        if len({key for key, _ in items}) < len(items):
            raise ValueError("twice")
        return dict(items)

    try:
        expected = json.loads(line, object_pairs_hook=pairs)
    except ValueError:
        expected = None
    if not isinstance(expected, dict):
        with pytest.raises(ValueError, match=r"\S"):
            parse_object(line)
    else:
        assert list(parse_object(line)) == list(expected)

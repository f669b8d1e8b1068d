"""CSV and TSV: what a dump's cells, encodings and broken rows become."""

from __future__ import annotations

import csv
import gzip
import io
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netral_nlp.errors import InputError
from netral_nlp.formats import Reject, open_posts

SAFE = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path: Path, **options) -> tuple[list[dict], list[int], list[Reject]]:
    """All rows, their numbers, and the rejects."""
    rejects: list[Reject] = []
    rows: list[dict] = []
    numbers: list[int] = []
    with open_posts(path, on_reject=rejects.append, **options) as reader:
        for batch in reader.batches():
            assert batch.rows.num_rows == len(batch.numbers)
            rows += batch.rows.to_pylist()
            numbers += batch.numbers
    return rows, numbers, rejects


def put(folder: Path, content: bytes | str, name: str = "posts.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_cells_stay_as_they_stand(tmp_path):
    path = put(
        tmp_path, 'id,text,n\n0012345678901234567, Selamat pagi  ,1.10\n2,"Kata Pak RT: ""ayo, kerja bakti""\nbesok",\n'
    )
    rows, numbers, rejects = read(path)
    assert rows == [
        {"id": "0012345678901234567", "text": " Selamat pagi  ", "n": "1.10"},
        {"id": "2", "text": 'Kata Pak RT: "ayo, kerja bakti"\nbesok', "n": ""},
    ]
    assert numbers == [1, 2]
    assert rejects == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found(tmp_path, delimiter):
    rows = [["id", "text", "user"], ["1", "Halo semua", "ani"], ["2", "Pagi", "budi"]]
    path = put(tmp_path, "".join(delimiter.join(row) + "\n" for row in rows))
    with open_posts(path) as reader:
        assert reader.delimiter == delimiter
        assert reader.columns == ["id", "text", "user"]


def test_delimiter_is_the_one_that_rows_agree_on(tmp_path):
    path = put(tmp_path, "id;text\n1;Beras, gula, minyak naik\n2;Cabai, bawang, telur turun\n")
    assert [row["text"] for row in read(path)[0]] == ["Beras, gula, minyak naik", "Cabai, bawang, telur turun"]


def test_one_column_of_unquoted_text_is_kept_whole(tmp_path):
    path = put(tmp_path, "text\nHalo, apa kabar\nBaik, terima kasih\n", "posts.txt")
    assert [row["text"] for row in read(path)[0]] == ["Halo, apa kabar", "Baik, terima kasih"]


@pytest.mark.parametrize(("asked", "delimiter"), [("tab", "\t"), ("\\t", "\t"), ("semicolon", ";"), ("~", "~")])
def test_delimiter_can_be_named(tmp_path, asked, delimiter):
    path = put(tmp_path, f"id{delimiter}text\n1{delimiter}Halo, semua\n")
    assert read(path, delimiter=asked)[0] == [{"id": "1", "text": "Halo, semua"}]


def test_delimiter_of_two_characters_is_refused(tmp_path):
    with pytest.raises(InputError, match="one character"):
        open_posts(put(tmp_path, "id,text\n1,a\n"), delimiter="||")


@pytest.mark.parametrize(
    ("encoded", "name"),
    [
        ("id,text\n1,Ayo gotong royong 🙏\n".encode(), "utf-8"),
        ("id,text\n1,Ayo gotong royong 🙏\n".encode("utf-8-sig"), "utf-8-sig"),
        ("id,text\n1,Ayo gotong royong 🙏\n".encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + "id,text\n1,Ayo gotong royong 🙏\n".encode("utf-16-be"), "utf-16"),
        (b"\xff\xfe\0\0" + "id,text\n1,Ayo gotong royong 🙏\n".encode("utf-32-le"), "utf-32"),
    ],
)
def test_encoding_is_found(tmp_path, encoded, name):
    path = put(tmp_path, encoded)
    with open_posts(path) as reader:
        assert reader.encoding == name
        assert reader.columns == ["id", "text"]
    assert read(path)[0] == [{"id": "1", "text": "Ayo gotong royong 🙏"}]


def test_windows_1252_is_the_fallback(tmp_path):
    path = put(tmp_path, "id;text\r\n1;Katanya “siap” – ya\r\n2;kafé di pojok\r\n".encode("windows-1252"))
    with open_posts(path) as reader:
        assert reader.encoding == "windows-1252"
    assert [row["text"] for row in read(path)[0]] == ["Katanya “siap” – ya", "kafé di pojok"]


def test_utf16_whose_characters_contain_newline_bytes(tmp_path):
    # U+0A0A and U+0D0A hold the byte of a line feed; U+0A00 and U+000A side by side must not be confused.
    text = "\u0a0a\u0d0aਊ਀"
    path = put(tmp_path, f"id,text\n1,{text}\n2,{text}\n".encode("utf-16"))
    assert [row["text"] for row in read(path)[0]] == [text, text]


def test_utf16_without_mark_says_how_to_name_it(tmp_path):
    path = put(tmp_path, "id,text\n1,Halo\n".encode("utf-16-le"))
    with pytest.raises(InputError, match=r"--encoding \(try utf-16-le\)"):
        open_posts(path)
    assert read(path, encoding="utf-16-le")[0] == [{"id": "1", "text": "Halo"}]


@pytest.mark.parametrize(
    "content", [bytes(range(256)) * 20, b"\x7fELF\x02\x01\x01\0\0\0\0", b"\xff\xd8\xff\xe0\0\x10JFIF"]
)
def test_binary_content_is_one_clear_error(tmp_path, content):
    with pytest.raises(InputError) as caught:
        open_posts(put(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_unknown_encoding_is_refused(tmp_path):
    path = put(tmp_path, "id,text\n1,a\n")
    with pytest.raises(InputError, match="unknown encoding 'klingon'"):
        open_posts(path, encoding="klingon")
    with pytest.raises(InputError, match="line by line"):
        open_posts(path, encoding="cp037")
    with pytest.raises(InputError, match="line by line"):
        open_posts(path, encoding="base64")


def test_invalid_bytes_late_in_a_utf8_file_cost_one_row(tmp_path):
    good = "".join(f"{i},Selamat siang {'pak ' * 30}👋\n" for i in range(40_000)).encode()
    path = put(tmp_path, b"id,text\n" + good + b"x,rusak \xe9 di sini\n" + b"y,baik\n")
    rows, numbers, rejects = read(path)
    assert len(rows) == 40_001
    assert rows[-1] == {"id": "y", "text": "baik"}
    assert numbers[-1] == 40_002
    [reject] = rejects
    assert reject.row == 40_001
    assert "utf-8" in reject.reason
    assert reject.raw == b"x,rusak \xe9 di sini"
    assert reject.byte_offset == 8 + len(good)
    assert path.read_bytes()[reject.byte_offset :].startswith(reject.raw)


def test_utf8_file_with_a_few_invalid_bytes_at_its_start_stays_utf8(tmp_path):
    good = "".join(f"{i},kafé Bu Tini 👍\n" for i in range(20)).encode()
    path = put(tmp_path, b"id,text\nx,kaf\xe9\n" + good)
    rows, _, rejects = read(path)
    assert {row["text"] for row in rows} == {"kafé Bu Tini 👍"}
    assert [reject.row for reject in rejects] == [1]


def test_ascii_file_with_one_garbled_row_is_read(tmp_path):
    path = put(tmp_path, b"id,text\n1,Halo\n2,\xff\xfe\x81\n3,Pagi\n4,Siang\n")
    rows, _, rejects = read(path)
    assert [row["id"] for row in rows] == ["1", "3", "4"]
    assert [reject.row for reject in rejects] == [2]


def test_bad_rows_are_rejected_with_number_offset_and_reason(tmp_path):
    content = b'id,text\n1,Halo\n\n2,Pagi,lebih\n3\n4,nol\x00byte\n5,"kutip"sisa\n6,Malam\n'
    path = put(tmp_path, content)
    rows, numbers, rejects = read(path)
    assert [row["id"] for row in rows] == ["1", "6"]
    assert numbers == [1, 6]  # the blank line is no row
    assert [(reject.row, reject.reason) for reject in rejects] == [
        (2, "has 3 fields instead of 2"),
        (3, "has 1 fields instead of 2"),
        (4, "holds NUL bytes"),
        (5, "broken quotes: text follows a closing quote"),
    ]
    for reject in rejects:
        assert content[reject.byte_offset : reject.byte_offset + reject.raw_bytes] == reject.raw
        assert reject.source == str(path)


@pytest.mark.parametrize("rest", ["", "2,Halo\n3,Pagi\n", '2,"Halo, Bu"\n3,"Pagi"\n', '2,"dua\nbaris"\n3,x\n'])
def test_unclosed_quote_costs_its_own_line_only(tmp_path, rest):
    path = put(tmp_path, 'id,text\n0,Awal\n1,"tidak ditutup\n' + rest)
    rows, numbers, rejects = read(path)
    expected = list(csv.reader(io.StringIO(rest, newline="")))
    assert [list(row.values()) for row in rows] == [["0", "Awal"], *expected]
    assert [reject.row for reject in rejects] == [2]
    assert rejects[0].raw == b'1,"tidak ditutup'
    assert numbers == [1, *range(3, 3 + len(expected))]


def test_unclosed_quote_in_a_long_file_is_bounded(tmp_path):
    rest = "".join(f"{i},Selamat pagi\n" for i in range(50_000))
    path = put(tmp_path, 'id,text\n1,"tidak ditutup\n' + rest)
    rows, _, rejects = read(path)
    assert len(rows) == 50_000
    assert "not closed within" in rejects[0].reason


def test_quote_closed_in_a_later_row_does_not_swallow_the_rows_between(tmp_path):
    rows_between = "".join(f"{i},Pagi,ani\n" for i in range(2, 12))
    path = put(tmp_path, f'id,text,user\n1,"terbuka,ani\n{rows_between}12,"ditutup",budi\n')
    rows, _, rejects = read(path)
    assert [row["id"] for row in rows] == [str(i) for i in range(2, 13)]
    assert [reject.row for reject in rejects] == [1]


def test_quote_that_swallows_rows_into_a_wrong_width_is_undone(tmp_path):
    path = put(tmp_path, 'id,text,user\n1,"terbuka,ani\n2,Pagi,budi\n3,tutup",citra,x\n4,Malam,dewi\n')
    rows, _, rejects = read(path)
    assert [row["id"] for row in rows] == ["2", "4"]
    assert [reject.row for reject in rejects] == [1, 3]


def test_quoted_row_over_several_lines_with_a_missing_field_is_one_reject(tmp_path):
    path = put(tmp_path, 'id,text,user\n1,"baris satu\nbaris dua\nbaris tiga"\n2,Pagi,ani\n')
    rows, _, rejects = read(path)
    assert [row["id"] for row in rows] == ["2"]
    assert rejects[0].raw == b'1,"baris satu\nbaris dua\nbaris tiga"'


def test_quote_inside_an_unquoted_field_is_plain_text(tmp_path):
    assert read(put(tmp_path, 'id,text\n1,layar 14" murah\n'))[0] == [{"id": "1", "text": 'layar 14" murah'}]


def test_line_ends_of_windows_and_old_macs(tmp_path):
    assert read(put(tmp_path, 'id,text\r\n1,"a\r\nb"\r\n2,c\r\n'))[0] == [
        {"id": "1", "text": "a\r\nb"},
        {"id": "2", "text": "c"},
    ]
    assert read(put(tmp_path, "id,text\r1,Halo\r2,Pagi\r"))[0] == [
        {"id": "1", "text": "Halo"},
        {"id": "2", "text": "Pagi"},
    ]


def test_last_row_needs_no_line_end(tmp_path):
    assert read(put(tmp_path, "id,text\n1,Halo"))[0] == [{"id": "1", "text": "Halo"}]


def test_post_of_a_megabyte_is_a_good_row(tmp_path):
    long = "Gotong royong, warga! " * 50_000
    rows, _, rejects = read(put(tmp_path, f'id,text\n1,"{long}"\n2,"Pagi\nhari"\n'))
    assert [row["text"] for row in rows] == [long, "Pagi\nhari"]
    assert rejects == []
    text = "Gotong royong, warga! " * 100 + "\n"
    rows, _, rejects = read(put(tmp_path, f'id,text\n1,"{text * 500}"\n2,Pagi\n'))
    assert [row["text"] for row in rows] == [text * 500, "Pagi"]
    assert rejects == []


def test_endless_line_is_rejected_in_flat_memory(tmp_path):
    path = tmp_path / "posts.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"id,text\n1,Halo\n2,")
        for _ in range(60):
            file.write(b"a" * 2**20)
        file.write(b"\n3,Pagi\n")
    tracemalloc.start()
    rows, _, rejects = read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [row["id"] for row in rows] == ["1", "3"]
    [reject] = rejects
    assert (reject.row, reject.raw_bytes) == (2, 60 * 2**20 + 2)
    assert len(reject.raw) == 64 * 1024
    assert "larger than 16 MiB" in reject.reason
    assert reject.byte_offset == 15
    assert peak < 90 * 2**20


def test_long_rows_make_short_batches(tmp_path, monkeypatch):
    monkeypatch.setattr("netral_nlp.formats.delimited.MAX_BATCH_BYTES", 32_000)
    path = put(tmp_path, "id,text\n" + "".join(f"{i},{'x' * 9_000}\n" for i in range(6)))
    with open_posts(path) as reader:
        sizes = [batch.rows.num_rows for batch in reader.batches()]
    assert sizes == [4, 2]


def test_header_names_are_made_unique_and_said(tmp_path):
    path = put(tmp_path, "id,text,,text,text_2\n1,a,b,c,d\n")
    with open_posts(path) as reader:
        assert reader.columns == ["id", "text", "column_3", "text_3", "text_2"]
        assert len(reader.notes) == 2
        assert "column 3 has no name" in reader.notes[0]


def test_batches_can_be_read_again_and_have_at_most_the_asked_rows(tmp_path):
    path = put(tmp_path, "id,text\n" + "".join(f"{i},a\n" for i in range(10)))
    with open_posts(path, batch_rows=4) as reader:
        assert [batch.numbers for batch in reader.batches()] == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
        assert [len(batch.numbers) for batch in reader.batches()] == [4, 4, 2]
        assert reader.bytes_read == reader.bytes_total == path.stat().st_size


def test_without_on_reject_the_first_bad_row_raises(tmp_path):
    path = put(tmp_path, "id,text\n1,a\n2\n")
    with open_posts(path) as reader, pytest.raises(InputError, match=r"posts\.csv: row 2 \(byte 12\): has 1 fields"):
        list(reader.batches())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,text\n", "header but no rows"),
        ("id,text\n\n\n", "header but no rows"),
        ("\n\n", "empty"),
        ('id,"text\n1,a\n', "header cannot be read"),
        (b"id,te\0xt\n1,a\n", "header cannot be read"),
        (b"PK\x03\x04 something", "XLSX"),
        (b"\x1f\x8b\x08", r"\.gz"),
        (b"%PDF-1.7\n", "PDF"),
    ],
)
def test_files_that_cannot_be_read_are_one_clear_line(tmp_path, content, message):
    with pytest.raises(InputError, match=message) as caught:
        open_posts(put(tmp_path, content))
    assert "\n" not in str(caught.value)
    assert "posts.csv" in str(caught.value)


lines = st.lists(st.text(alphabet='ab,"\n\r\t;é', max_size=12), max_size=12)


@SAFE
@given(lines)
def test_every_line_ends_in_a_row_or_a_reject(tmp_path, lines):
    body = "\n".join(lines)
    path = put(tmp_path, "id,text\nawal,baik\n" + body)
    rows, numbers, rejects = read(path, delimiter=",", encoding="utf-8", batch_rows=3)
    assert sorted(numbers + [reject.row for reject in rejects]) == list(range(1, len(numbers) + len(rejects) + 1))
    content = path.read_bytes()
    used = sum(1 + sum(cell.count("\n") for cell in row.values()) for row in rows)
    for reject in rejects:
        assert content[reject.byte_offset : reject.byte_offset + reject.raw_bytes] == reject.raw
        used += 1 + reject.raw.count(b"\n")
    physical = content.decode().split("\n")[1:]
    filled = [line for line in physical if line not in ("", "\r")]
    assert len(filled) <= used <= len(physical)


@SAFE
@given(st.binary(max_size=300), st.sampled_from([b"", b"id,text\n1,a\n", b"\xff\xfe", b"\xef\xbb\xbfid;text\n"]))
def test_any_bytes_raise_nothing_but_input_errors(tmp_path, content, start):
    path = put(tmp_path, start + content)
    try:
        _, numbers, rejects = read(path)
    except InputError:
        return
    assert sorted(numbers + [reject.row for reject in rejects]) == list(range(1, len(numbers) + len(rejects) + 1))


cells = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20)


@SAFE
@given(
    st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=8),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_reads_what_the_csv_module_writes(tmp_path, table, quoting, delimiter, line_end):
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator=line_end)
    writer.writerow(["id", "text", "user"])
    writer.writerows(table)
    rows, _, rejects = read(put(tmp_path, buffer.getvalue()), delimiter=delimiter)
    assert [tuple(row.values()) for row in rows] == table
    assert rejects == []


def test_columns_are_arrow_strings_without_nulls(tmp_path):
    with open_posts(put(tmp_path, "id,text\n1,\n")) as reader:
        [batch] = reader.batches()
    assert batch.rows.schema == pa.schema([("id", pa.string()), ("text", pa.string())])
    assert batch.strings("text") == [""]
    assert batch.strings("tidak_ada") == [None]

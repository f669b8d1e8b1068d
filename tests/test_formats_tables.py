"""Parquet and XLSX."""

from __future__ import annotations

import datetime
import io
import json
import re
import zipfile
from decimal import Decimal
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from netral_nlp.errors import InputError
from netral_nlp.formats import Reject, open_posts, open_writer, row_problems
from netral_nlp.formats.spreadsheet import _StringsOnDisk


def read(path: Path, **options) -> tuple[pa.Table, list[int], list[Reject]]:
    rejects: list[Reject] = []
    with open_posts(path, on_reject=rejects.append, **options) as reader:
        batches = list(reader.batches())
    return pa.Table.from_batches([b.rows for b in batches]), [n for b in batches for n in b.numbers], rejects


def sheet(path: Path, rows: list[list], title: str = "Sheet") -> Path:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def with_shared_strings(source: Path, path: Path) -> Path:
    """The workbook as Excel writes it: texts in a table of their own (openpyxl puts them into the cells)."""
    texts: list[str] = []

    def share(match: re.Match[bytes]) -> bytes:
        texts.append(match[2].decode())
        return b'<c r="%s" t="s"><v>%d</v></c>' % (match[1], len(texts) - 1)

    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                cell = rb'<c r="(\w+)" t="inlineStr"><is>(<t[^>]*>[^<]*</t>)</is></c>'
                part = re.sub(cell, share, part)
                assert b"inlineStr" not in part
            elif name == "[Content_Types].xml":
                kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
                override = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'
                part = part.replace(b"</Types>", override.encode())
            new.writestr(name, part)
        items = "".join(f"<si>{text}</si>" for text in texts)
        head = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        new.writestr("xl/sharedStrings.xml", f"{head}{items}</sst>")
    return path


TYPED = pa.table(
    {
        "id": pa.array([1234567890123456789, None], pa.int64()),
        "text": ["Selamat pagi", None],
        "waktu": pa.array([datetime.datetime(2024, 1, 5, 7, 30), None], pa.timestamp("us")),
        "hari": pa.array([datetime.date(2024, 1, 5), None]),
        "skor": pa.array([0.1, 5.0], pa.float32()),
        "aktif": [True, None],
        "harga": pa.array([Decimal("1.10"), None]),
        "tag": pa.array([["a", "b"], None], pa.list_(pa.string())),
        "jenis": pa.array(["post", "share"]).dictionary_encode(),
        "kosong": pa.nulls(2),
        "bita": pa.array([b"abc", b"\xff"]),
    }
)


def test_parquet_types_are_untouched(tmp_path):
    path = tmp_path / "posts.parquet"
    pq.write_table(TYPED, path)
    table, numbers, _ = read(path)
    assert table.schema.equals(TYPED.schema)
    assert table.to_pylist() == TYPED.to_pylist()
    assert numbers == [1, 2]
    with open_writer(tmp_path / "out.parquet", table.schema) as writer:
        for batch in table.to_batches():
            writer.write(batch)
    assert pq.read_table(tmp_path / "out.parquet").equals(TYPED)


def test_parquet_strings_are_plain_text(tmp_path):
    path = tmp_path / "posts.parquet"
    pq.write_table(TYPED, path)
    with open_posts(path) as reader:
        assert reader.row_count_hint == 2
        [batch] = reader.batches()
        assert reader.bytes_read == reader.bytes_total
    assert {name: batch.strings(name) for name in reader.columns} == {
        "id": ["1234567890123456789", None],
        "text": ["Selamat pagi", None],
        "waktu": ["2024-01-05T07:30:00.000000", None],
        "hari": ["2024-01-05", None],
        "skor": ["0.1", "5"],
        "aktif": ["true", None],
        "harga": ["1.10", None],
        "tag": ['["a", "b"]', None],
        "jenis": ["post", "share"],
        "kosong": [None, None],
        "bita": ["abc", "/w=="],
    }


def test_parquet_to_json_lines_and_csv(tmp_path):
    path = tmp_path / "posts.parquet"
    pq.write_table(TYPED, path)
    table, _, _ = read(path)
    for name in ("out.jsonl", "out.csv"):
        with open_writer(tmp_path / name, table.schema) as writer:
            for batch in table.to_batches():
                writer.write(batch)
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert first["id"] == 1234567890123456789
    assert first["tag"] == ["a", "b"]
    assert first["aktif"] is True
    assert (second["id"], second["text"], second["kosong"]) == (None, None, None)
    assert (tmp_path / "out.csv").read_text().splitlines()[2] == ",,,,5,,,,share,,/w=="


def test_parquet_row_that_is_no_utf8_is_rejected(tmp_path):
    path = tmp_path / "posts.parquet"
    text = pa.Array.from_buffers(pa.string(), 3, pa.array([b"baik", b"\xff\xfe", b"ya"]).buffers())
    pq.write_table(pa.table({"id": ["1", "2", "3"], "text": text}), path)
    table, numbers, rejects = read(path)
    assert table.column("text").to_pylist() == ["baik", "ya"]
    assert numbers == [1, 3]
    assert [(reject.row, reject.raw, reject.byte_offset) for reject in rejects] == [(2, b"\xff\xfe", None)]


def test_parquet_with_long_rows_comes_in_short_batches(tmp_path, monkeypatch):
    monkeypatch.setattr("netral_nlp.formats.parquet.MAX_BATCH_BYTES", 100_000)
    path = tmp_path / "posts.parquet"
    pq.write_table(pa.table({"text": ["x" * 9_000 for _ in range(30)]}), path, use_dictionary=False)
    with open_posts(path) as reader:
        assert [batch.rows.num_rows for batch in reader.batches()] == [11, 11, 8]


def test_parquet_with_the_same_name_twice(tmp_path):
    path = tmp_path / "posts.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array(["1"]), pa.array(["a"])], names=["text", "text"]), path)
    table, _, _ = read(path)
    assert table.to_pylist() == [{"text": "1", "text_2": "a"}]


def test_truncated_parquet_is_one_clear_line(tmp_path):
    path = tmp_path / "posts.parquet"
    pq.write_table(TYPED, path)
    whole = path.read_bytes()
    for size in (4, 100, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="not a whole Parquet file") as caught:
            open_posts(path)
        assert "\n" not in str(caught.value)


def test_parquet_damaged_inside_is_one_clear_line(tmp_path):
    path = tmp_path / "posts.parquet"
    pq.write_table(pa.table({"text": [f"pos {i}" for i in range(5000)]}), path, compression="zstd")
    damaged = bytearray(path.read_bytes())
    damaged[40:400] = bytes(360)
    path.write_bytes(damaged)
    with pytest.raises(InputError, match="not a whole Parquet file"), open_posts(path) as reader:
        list(reader.batches())


def test_parquet_without_rows(tmp_path):
    path = tmp_path / "posts.parquet"
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    with pytest.raises(InputError, match="no rows"):
        open_posts(path)


def test_xlsx_cells_become_text(tmp_path):
    waktu = datetime.datetime(2024, 2, 14, 7, 30)
    path = sheet(
        tmp_path / "posts.xlsx",
        [
            ["id", "text", "suka", "waktu", "aktif"],
            ["0012345678901234567", "Selamat pagi", 5, waktu, True],
            [2.0, "  spasi  ", 1.5, datetime.date(2024, 2, 14), False],
            [None, None, None, None, None],
            ["4", None, 10**14, None, None],
            [None, None],
        ],
    )
    table, numbers, rejects = read(path)
    assert table.to_pylist() == [
        {"id": "0012345678901234567", "text": "Selamat pagi", "suka": "5", "waktu": waktu.isoformat(), "aktif": "true"},
        {"id": "2", "text": "  spasi  ", "suka": "1.5", "waktu": "2024-02-14T00:00:00", "aktif": "false"},
        dict.fromkeys(["id", "text", "suka", "waktu", "aktif"], ""),
        {"id": "4", "text": "", "suka": "100000000000000", "waktu": "", "aktif": ""},
    ]
    assert numbers == [1, 2, 3, 4]
    assert rejects == []


def test_xlsx_row_wider_than_the_header_is_rejected(tmp_path):
    path = sheet(tmp_path / "posts.xlsx", [["id", "text"], ["1", "a"], ["2", "b", "lebih"], ["3"]])
    table, numbers, rejects = read(path)
    assert table.column("id").to_pylist() == ["1", "3"]
    assert numbers == [1, 3]
    assert rejects[0].row == 2
    assert json.loads(rejects[0].raw) == ["2", "b", "lebih"]


def test_xlsx_sheet_can_be_named(tmp_path):
    path = tmp_path / "posts.xlsx"
    book = openpyxl.Workbook()
    book.active.append(["id", "text"])
    book.active.append(["1", "pertama"])
    book.create_sheet("Kedua").append(["id", "text"])
    book["Kedua"].append(["2", "kedua"])
    book.save(path)
    assert read(path)[0].column("text").to_pylist() == ["pertama"]
    assert read(path, sheet="Kedua")[0].column("text").to_pylist() == ["kedua"]
    with pytest.raises(InputError, match="its sheets are Sheet, Kedua"):
        open_posts(path, sheet="Ketiga")


def test_xlsx_with_a_wrong_stated_size_is_read_whole(tmp_path):
    source = sheet(tmp_path / "a.xlsx", [["id", "text"], ["1", "a"], ["2", "b"]])
    path = tmp_path / "posts.xlsx"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'<dimension ref="A1:B3"', b'<dimension ref="A1"'))
    assert read(path)[0].to_pylist() == [{"id": "1", "text": "a"}, {"id": "2", "text": "b"}]


def test_xlsx_shared_strings_are_read(tmp_path):
    rows = [["id", "text"], *([f"{i:03}", f" pos ke-{i} _x000D_\n"] for i in range(300))]
    path = with_shared_strings(sheet(tmp_path / "a.xlsx", rows), tmp_path / "posts.xlsx")
    table, _, _ = read(path)
    assert table.column("id").to_pylist() == [f"{i:03}" for i in range(300)]
    assert table.column("text").to_pylist() == [f" pos ke-{i} \r\n" for i in range(300)]


def test_xlsx_shared_string_of_several_runs_is_one_text(tmp_path):
    source = with_shared_strings(sheet(tmp_path / "a.xlsx", [["id", "text"], ["1", "MARK"]]), tmp_path / "b.xlsx")
    path = tmp_path / "posts.xlsx"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            runs = b"<r><rPr><b/></rPr><t>Selamat </t></r><r><t>pagi</t></r>"
            new.writestr(name, old.read(name).replace(b"<t>MARK</t>", runs))
    assert read(path)[0].column("text").to_pylist() == ["Selamat pagi"]


def test_xlsx_shared_strings_beyond_memory_are_read_from_disk():
    strings = _StringsOnDisk()
    texts = [f"{number} {'selamat pagi ' * 50}" for number in range(20_000)]
    for item in texts:
        strings.append(item)
    assert strings[0] == texts[0]
    assert strings[19_999] == texts[-1]
    assert strings[777] == texts[777]
    with pytest.raises(IndexError):
        strings[20_000]
    strings.close()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id,text\n1,a\n", "not an XLSX file"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "old or encrypted Excel"),
        (b"PK\x03\x04" + bytes(100), "not a whole XLSX file"),
    ],
)
def test_xlsx_that_is_none_is_one_clear_line(tmp_path, content, message):
    path = tmp_path / "posts.xlsx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        open_posts(path)
    assert "\n" not in str(caught.value)


def test_xlsx_damaged_inside_is_one_clear_line(tmp_path):
    rows = [["id", "text"], ["1", "a"], ["2", "b"]]
    source = with_shared_strings(sheet(tmp_path / "a.xlsx", rows), tmp_path / "b.xlsx")
    told: list[str] = []
    damaged: list[str] = []
    for name in zipfile.ZipFile(source).namelist():
        path = tmp_path / "posts.xlsx"
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
            for part in old.namelist():
                new.writestr(part, old.read(part)[:-20] if part == name else old.read(part))
        try:
            with open_posts(path) as reader:
                list(reader.batches())
        except InputError as error:
            told.append(str(error))
            damaged.append(name)
    assert "xl/worksheets/sheet1.xml" in damaged
    assert "xl/sharedStrings.xml" in damaged
    assert all("posts.xlsx" in line and "\n" not in line for line in told)


def test_truncated_xlsx_is_one_clear_line(tmp_path):
    path = sheet(tmp_path / "posts.xlsx", [["id", "text"], ["1", "a"]])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="not a whole XLSX file"):
        open_posts(path)


def test_zip_that_is_no_workbook_is_one_clear_line(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("posts.csv", "id,text\n")
    path = tmp_path / "posts.xlsx"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match="not a valid XLSX file"):
        open_posts(path)


@pytest.mark.parametrize("rows", [[], [["id", "text"]]])
def test_xlsx_without_rows(tmp_path, rows):
    with pytest.raises(InputError, match=r"empty|no rows"):
        open_posts(sheet(tmp_path / "posts.xlsx", rows))


def write(path: Path, table: pa.Table) -> Path:
    with open_writer(path, table.schema) as writer:
        for batch in table.to_batches():
            writer.write(batch)
    return path


def test_xlsx_text_is_never_a_formula_number_or_error(tmp_path):
    texts = ['=HYPERLINK("x")', "=1+1", "#N/A", "#CoblosLagi", "0012", "+62812", "-5", "@akun", "TRUE", "'kutip"]
    path = write(tmp_path / "posts.xlsx", pa.table({"text": texts, "id": [str(10**18 + i) for i in range(10)]}))
    rows = list(openpyxl.load_workbook(path).active.iter_rows(min_row=2))
    assert [row[0].value for row in rows] == texts
    assert {cell.data_type for row in rows for cell in row} == {"s"}


def test_xlsx_numbers_stay_numbers_and_long_ones_text(tmp_path):
    table = pa.table({"n": pa.array([5, 10**17]), "p_neutral": pa.array([0.12345678, None]), "r": [True, False]})
    path = write(tmp_path / "posts.xlsx", table)
    rows = [[cell.value for cell in row] for row in openpyxl.load_workbook(path).active.iter_rows(min_row=2)]
    assert rows == [[5, 0.123457, True], [str(10**17), None, False]]


def test_xlsx_keeps_carriage_returns_and_literal_escapes(tmp_path):
    texts = ["a\r\nb", "\r", "_x000D_", "_x005F_x000D_", " tab\t", "\n"]
    path = write(tmp_path / "posts.xlsx", pa.table({"text": texts}))
    assert read(path)[0].column("text").to_pylist() == texts


def test_xlsx_refuses_what_it_cannot_hold(tmp_path):
    batch = pa.record_batch({"id": ["1", "2", "3", "4"], "text": ["baik", "x" * 32_768, "lonceng \x07", "👍" * 16_384]})
    problems = row_problems(batch, "xlsx")
    assert sorted(problems) == [1, 2, 3]
    assert "32,767" in problems[1]
    assert "U+0007" in problems[2]
    assert problems[1].startswith("column text")
    with (
        pytest.raises(InputError, match="row 2 cannot be written"),
        open_writer(tmp_path / "a.xlsx", batch.schema) as out,
    ):
        out.write(batch)
    fits = pa.record_batch({"text": ["x" * 32_767, "👍" * 16_383]})
    assert row_problems(fits, "xlsx") == {}
    path = write(tmp_path / "b.xlsx", pa.Table.from_batches([fits]))
    assert read(path)[0].column("text").to_pylist() == fits.column(0).to_pylist()


def test_xlsx_refuses_more_rows_than_a_sheet_has(tmp_path):
    batch = pa.record_batch({"a": pa.nulls(1_048_576)})
    with (
        pytest.raises(InputError, match="at most 1,048,575 rows"),
        open_writer(tmp_path / "a.xlsx", batch.schema) as writer,
    ):
        writer.write(batch)


def test_same_rows_give_the_same_xlsx_bytes(tmp_path):
    table = pa.table({"id": ["1", "2"], "text": ["Halo", "=1"]})
    one = write(tmp_path / "a.xlsx", table).read_bytes()
    assert write(tmp_path / "b.xlsx", table).read_bytes() == one
    assert zipfile.ZipFile(tmp_path / "a.xlsx").infolist()[0].date_time == (1980, 1, 1, 0, 0, 0)

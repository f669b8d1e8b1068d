"""The records of an export, whatever file holds them: rows of a table, elements of a JSON array, files in a zip."""

from __future__ import annotations

import codecs
import contextlib
import json
import math
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from netral_nlp.corpus.annotations.columns import PostColumns
from netral_nlp.corpus.annotations.tasks import TaskOptions
from netral_nlp.errors import InputError, NetralError
from netral_nlp.formats.encodings import SAMPLE_BYTES, find_encoding
from netral_nlp.formats.kinds import FileFormat, detect_format
from netral_nlp.formats.source import ByteSource

if TYPE_CHECKING:
    from netral_nlp.formats.posts import PostReader
    from netral_nlp.formats.rejects import Reject

Record = Mapping[str, Any]
"""One record: JSON values by key."""

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_PARQUET: Final = b"PAR1"
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_LOOK_BYTES: Final = 64 * 1024
_LARGEST_OBJECT: Final = 64 * 1024 * 1024
_LARGEST_ZIP: Final = 8 * 1024**3
_DATA_ENDINGS: Final = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt", ".xlsx", ".parquet")
_ARGILLA_RECORDS: Final = "records.json"


class Records(Protocol):
    """Records that can be gone through again and again, each with its number from 1."""

    def __iter__(self) -> Iterator[tuple[int, Record]]: ...


@dataclass(frozen=True)
class Source:
    """A file to read.

    Attributes:
        path: where it is.
        name: what the user calls it (`export.zip/ani.jsonl` for a member of a zip).
        packed: it came out of a zip.
    """

    path: Path
    name: str
    packed: bool = False

    @property
    def stem(self) -> str:
        """The file's name without folder and endings."""
        return Path(self.name).name.split(".")[0]


@dataclass
class Table:
    """Records of a file, and what was noticed while it was opened.

    Attributes:
        source: the file.
        records: its records.
        is_table: they are rows with columns (CSV, TSV, XLSX, Parquet); otherwise JSON objects.
        notes: one line each, for the user.
        answer_rows: each row is one answer, with its annotator's name; known once the first task is out.
        blanks: what annotators were to answer and left blank without a trace in the tasks, of the rows read so far.
        posts: what was taken for what, once a reader of tasks has found it; of the first record where they differ.
        other_sheets: of an XLSX file whose first sheet is read, the names of the others.
    """

    source: Source
    records: Records
    is_table: bool
    notes: list[str] = field(default_factory=list)
    answer_rows: bool = False
    blanks: int = 0
    posts: PostColumns | None = None
    other_sheets: tuple[str, ...] = ()


@contextlib.contextmanager
def open_sources(path: str | Path) -> Iterator[list[Source]]:
    """Say which files a path stands for: itself, or the files in a zip, unpacked for as long as the context lasts.

    Raises:
        InputError: no such file, or a zip that is damaged, locked or without data.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file; check the path")
    if path.is_dir():
        inner = path / _ARGILLA_RECORDS
        yield [Source(inner, str(inner)) if inner.is_file() else Source(path, str(path))]
        return
    if not path.is_file():
        raise InputError(f"{path}: is not a regular file; save the data to a file first")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty; export or download it again")
    if not _is_archive(path):
        yield [Source(path, str(path))]
        return
    with tempfile.TemporaryDirectory(prefix="netral-") as folder:
        yield _unpack(path, Path(folder))


def read_records(source: Source, options: TaskOptions) -> Table:
    """Open a file by what it holds, not only by its ending.

    Raises:
        InputError: it cannot be read, holds nothing, or is no export (a web page, a picture...).
    """
    with _named(source):
        if source.path.is_dir():
            return Table(source, _Folder(source), True)
        return _open(source, options)


def _open(source: Source, options: TaskOptions) -> Table:
    path = source.path
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty; export or download it again")
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith(_PARQUET):
        return _posts(source, FileFormat("parquet"), options)
    if head.startswith(_ZIP):
        return _posts(source, FileFormat("xlsx"), options)
    compression = "gzip" if head.startswith(_GZIP) else "zstd" if head.startswith(_ZSTD) else None
    plain = FileFormat("json", compression)
    with ByteSource(path, plain) as stream:
        sample = stream.read(_LOOK_BYTES)
    shape = _shape(path, sample, options.encoding)
    if shape == "array":
        return Table(source, _Array(source, compression, options), False)
    if shape == "object":
        return Table(source, _Single(source, compression, options.encoding), False)
    if shape == "lines":
        return _posts(source, FileFormat("jsonl", compression), options)
    kind = _delimited_kind(path, compression)
    return _posts(source, FileFormat(kind, compression), options)


def _delimited_kind(path: Path, compression: str | None) -> str:
    """The kind of a text file that is not JSON, by its ending."""
    try:
        known = detect_format(path)
    except InputError:
        if Path(path.name).suffixes and compression is None:
            raise
        return "csv"
    if known.kind in ("csv", "tsv"):
        return known.kind
    what = {"jsonl": "JSON lines", "json": "JSON", "parquet": "a Parquet file", "xlsx": "an XLSX file"}[known.kind]
    raise InputError(f"{path}: is not {what}, as its ending says; export or download it again")


def _shape(path: Path, sample: bytes, encoding: str | None) -> Literal["array", "object", "lines", "other"]:
    """Tell JSON of three shapes from other text.

    Raises:
        InputError: the file is a web page or XML, or no text.
    """
    if not sample.strip():
        raise InputError(f"{path}: the file is empty; export or download it again")
    text = _decoded(path, sample, encoding)
    if text is None:
        return "other"
    text = text.lstrip()
    if text.startswith("<"):
        page = "<html" in text[:2000].lower() or "<!doctype" in text[:200].lower()
        what = "a web page (of a login, perhaps)" if page else "XML or HTML"
        raise InputError(f"{path}: is {what}, not an export; log in and download the export again")
    line, _, rest = text.partition("\n")
    if text.startswith("["):
        after = text[1:].lstrip()
        if path.suffix.lower() in (".csv", ".tsv", ".tab") and not after.startswith(("{", '"', "]")):
            return "other"
        if rest.strip() and line.rstrip().endswith("]") and rest.lstrip().startswith("["):
            return "lines"  # one array a line is neither: the reader of JSON lines says so
        return "array"
    if not text.startswith("{"):
        return "other"
    if not rest.strip():
        return "lines" if line.rstrip().endswith("}") or len(text) > _LOOK_BYTES // 2 else "object"
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        # A pretty-printed object opens with a line that ends in the middle; a broken line of JSON lines does not.
        return "object" if line.rstrip() in ("{", "{ ") or line.rstrip().endswith(("{", "[", ",")) else "lines"
    return "lines"


def _decoded(path: Path, sample: bytes, encoding: str | None) -> str | None:
    """The sample as text; None where its encoding is for the table reader to find."""
    try:
        known = find_encoding(path, sample, encoding, fallback=False)
        return sample[known.bom :].decode(known.codec, "replace")
    except InputError:
        if encoding is not None or sample.lstrip()[:1] in (b"[", b"{"):
            raise
        return None


@contextlib.contextmanager
def _named(source: Source) -> Iterator[None]:
    """Put the name that the user knows into messages about a file out of a zip."""
    try:
        yield
    except NetralError as error:
        if not source.packed:
            raise
        error.args = (str(error).replace(str(source.path), source.name),)
        raise


def _is_archive(path: Path) -> bool:
    """Whether a file is a zip, and no spreadsheet (which is a zip, too)."""
    with path.open("rb") as file:
        if not file.read(4).startswith(_ZIP):
            return False
    try:
        with zipfile.ZipFile(path) as archive:
            return "[Content_Types].xml" not in archive.namelist()
    except zipfile.BadZipFile:
        if path.suffix.lower() == ".xlsx":  # its reader says what is wrong
            return False
        raise InputError(f"{path}: the zip is damaged or not whole; export or download it again") from None


def _unpack(path: Path, folder: Path) -> list[Source]:
    again = "unpack it and name the files in it, or export it again"
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if _is_data(member)]
            if not members:
                raise InputError(f"{path}: the zip holds no .json, .jsonl, .csv, .tsv, .xlsx or .parquet file; {again}")
            if sum(member.file_size for member in members) > _LARGEST_ZIP:
                raise InputError(f"{path}: the zip unpacks to more than {_LARGEST_ZIP >> 30} GiB; {again}")
            sources = []
            for number, member in enumerate(members):
                # Only the file's own name is kept: a path in a zip could lead out of the folder.
                target = folder / str(number) / Path(member.filename.replace("\\", "/")).name
                target.parent.mkdir()
                with archive.open(member) as packed, target.open("wb") as out:
                    shutil.copyfileobj(packed, out)
                if member.file_size:
                    sources.append(Source(target, f"{path}/{member.filename}", packed=True))
            if not sources:
                raise InputError(f"{path}: all files in the zip are empty; export it again")
            return sources
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise InputError(f"{path}: the zip is damaged ({type(error).__name__}); export or download it again") from error
    except (RuntimeError, NotImplementedError) as error:  # a password, or a compression that Python lacks
        raise InputError(f"{path}: the zip is locked or packed in an unusual way; {again}") from error


def _is_data(member: zipfile.ZipInfo) -> bool:
    parts = member.filename.replace("\\", "/").split("/")
    name = parts[-1].lower()
    if member.is_dir() or name.startswith(".") or "__MACOSX" in parts:
        return False
    for ending in (".gz", ".zst"):
        name = name.removesuffix(ending)
    return name.endswith(_DATA_ENDINGS)


def _posts(source: Source, format: FileFormat, options: TaskOptions) -> Table:  # noqa: A002
    rows = _Posts(source, format, options)
    return Table(source, rows, format.kind != "jsonl", rows.notes, other_sheets=rows.other_sheets)


class _Posts:
    """Rows that `formats.open_posts` reads, with JSON values."""

    def __init__(self, source: Source, format: FileFormat, options: TaskOptions) -> None:  # noqa: A002
        self._source, self._format, self._options = source, format, options
        self._kept: list[tuple[int, Record]] | None = None
        with self._reader() as reader:
            self.notes = list(reader.notes)
            self.other_sheets = reader.other_sheets

    def _reader(self) -> PostReader:
        from netral_nlp.formats import open_posts

        options, kind = self._options, self._format.kind
        return open_posts(
            self._source.path,
            format=self._format,
            encoding=options.encoding if self._format.is_text else None,
            delimiter=options.delimiter if kind in ("csv", "tsv") else None,
            sheet=options.sheet if kind == "xlsx" else None,
            on_reject=None if options.on_bad_row is None else self._rejected,
        )

    def _rejected(self, reject: Reject) -> None:
        self._options.bad_row(self._source.name, reject.row, InputError(reject.reason))

    def __iter__(self) -> Iterator[tuple[int, Record]]:
        if self._kept is not None:
            yield from self._kept
            return
        # A spreadsheet takes far longer to read than to keep.
        kept: list[tuple[int, Record]] | None = [] if self._format.kind == "xlsx" else None
        with _named(self._source), self._reader() as reader:
            for batch in reader.batches():
                for row in zip(batch.numbers, _values(batch.rows), strict=True):
                    if kept is not None:
                        kept.append(row)
                    yield row
        self._kept = kept


def _values(batch: Any) -> list[dict[str, Any]]:
    """A record batch as rows of JSON values; a row lacks the keys that its JSON line lacks."""
    from netral_nlp.formats.cells import JSON_KIND, is_string, json_kind, json_texts

    columns: list[list[Any]] = []
    gaps = False
    for column, described in zip(batch.columns, batch.schema, strict=True):
        kind = json_kind(described)
        if is_string(described.type) and kind != JSON_KIND:
            cells = column.to_pylist()
        else:
            cells = [None if cell is None else json.loads(cell) for cell in json_texts(column, described)]
        if kind is not None and column.null_count:  # a null cell of JSON lines: the row lacks the key
            gaps = True
            valid = column.is_valid().to_pylist()
            cells = [cell if there else _ABSENT for cell, there in zip(cells, valid, strict=True)]
        columns.append(cells)
    names = batch.schema.names
    rows = zip(*columns, strict=True) if columns else iter([()] * batch.num_rows)
    if gaps:
        return [{name: cell for name, cell in zip(names, row, strict=True) if cell is not _ABSENT} for row in rows]
    return [dict(zip(names, row, strict=True)) for row in rows]


_ABSENT: Final = object()


class _Array:
    """The elements of one JSON array, streamed."""

    def __init__(self, source: Source, compression: str | None, options: TaskOptions) -> None:
        self._source, self._options = source, options
        self._format = FileFormat("json", compression)
        with ByteSource(source.path, self._format) as stream:
            sample = stream.read(min(SAMPLE_BYTES, 1024 * 1024))
        self._encoding = find_encoding(source.path, sample, options.encoding, fallback=False)

    def __iter__(self) -> Iterator[tuple[int, Record]]:
        import ijson

        number = 0
        with _named(self._source), ByteSource(self._source.path, self._format) as bytes_in:
            stream = _Utf8(bytes_in, self._encoding.codec, self._encoding.bom)
            try:
                for element in ijson.items(stream, "item", use_float=True):
                    number += 1
                    if not isinstance(element, dict):
                        what = _JSON_TYPES.get(type(element), "no object")
                        error = InputError(
                            f"{self._source.path}: row {number:,} is {what}, not an object with the post and its "
                            "answers; export tasks, not bare values"
                        )
                        self._options.bad_row(self._source.name, number, error)
                        continue
                    yield number, element
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{self._source.path}: after row {number:,}: is not valid {self._encoding.name}; "
                    "name the file's encoding with --encoding, or export it again as UTF-8"
                ) from error
            except ijson.JSONError as error:
                raise self._broken(number, stream, error) from None

    def _broken(self, rows: int, stream: _Utf8, error: Exception) -> InputError:
        """What is wrong with the JSON; the parser's own words would show text."""
        where = f"{self._source.path}: row {rows + 1:,}"
        said = str(error)
        if "UTF8" in said:
            return InputError(
                f"{where}: is not valid UTF-8; name the file's encoding with --encoding, or export it again"
            )
        if stream.ended and ("premature EOF" in said or "ncomplete" in said):
            return InputError(f"{where}: the JSON breaks off before its end; export or download the file again")
        if "trailing garbage" in said or "Additional data" in said:
            return InputError(f"{self._source.path}: text follows after the JSON array; remove it, or export again")
        hint = " (it holds NaN or Infinity, which JSON does not have)" if "NaN" in said or "Infinity" in said else ""
        return InputError(f"{where}: is not valid JSON{hint}; export the file again, or mend the row")


_JSON_TYPES: Final[dict[type, str]] = {
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
    list: "an array",
}


class _Utf8:
    """A byte source in any encoding, read as UTF-8."""

    def __init__(self, source: ByteSource, codec: str, bom: int) -> None:
        self._source = source
        self._decoder = None if codec == "utf-8" else codecs.getincrementaldecoder(codec)()
        self.ended = False
        source.read(bom)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; none at the end."""
        if size == 0:  # ijson asks what kind of stream this is
            return b""
        while True:
            block = self._source.read(size if size > 0 else SAMPLE_BYTES)
            self.ended = self.ended or not block
            if self._decoder is None:
                return block
            text = self._decoder.decode(block, final=not block)
            if text or not block:
                return text.encode("utf-8", "replace")


class _Single:
    """One JSON object that fills a file: one task, as storages keep them."""

    def __init__(self, source: Source, compression: str | None, encoding: str | None) -> None:
        self._source, self._encoding = source, encoding
        self._format = FileFormat("json", compression)

    def __iter__(self) -> Iterator[tuple[int, Record]]:
        path = self._source.path
        with _named(self._source):
            with ByteSource(path, self._format) as stream:
                raw = stream.read(_LARGEST_OBJECT + 1)
            if len(raw) > _LARGEST_OBJECT:
                raise InputError(
                    f"{path}: is one JSON object of more than {_LARGEST_OBJECT >> 20} MiB; "
                    "export one array, or one object a line"
                )
            known = find_encoding(path, raw, self._encoding, fallback=False)
            try:
                found = json.loads(raw[known.bom :].decode(known.codec), parse_constant=_no_constant)
            except UnicodeDecodeError as error:
                raise InputError(f"{path}: is not valid {known.name}; export it again as UTF-8") from error
            except _NoConstantError:
                raise InputError(
                    f"{path}: holds NaN or Infinity, which JSON does not have; export the file again with null instead"
                ) from None
            except json.JSONDecodeError as error:
                if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated"):
                    what = "the JSON breaks off before its end"
                else:
                    what = "is not valid JSON"
                raise InputError(
                    f"{path}: line {error.lineno:,}, character {error.colno:,}: {what}; export or download it again"
                ) from None
            except RecursionError:
                raise InputError(f"{path}: is nested too deeply to be an export") from None
            try:
                json.dumps(found, ensure_ascii=False).encode("utf-8")
            except UnicodeEncodeError:
                raise InputError(
                    f"{path}: holds half of a surrogate pair (a cut emoji), which is no Unicode text; mend the text"
                ) from None
        yield 1, found


class _NoConstantError(ValueError):
    pass


def _no_constant(name: str) -> float:
    raise _NoConstantError(name)


class _Folder:
    """The rows of a folder that `datasets.save_to_disk` wrote; class labels by their names."""

    def __init__(self, source: Source) -> None:
        from netral_nlp.corpus.labelled import open_datasets_folder

        self._parts = open_datasets_folder(source.path)

    def __iter__(self) -> Iterator[tuple[int, Record]]:
        number = 0
        for split, dataset in self._parts.items():
            names = {
                column: feature.names
                for column, feature in dataset.features.items()
                if hasattr(feature, "names")  # a ClassLabel
            }
            constant = {"split": split} if split is not None and "split" not in dataset.column_names else {}
            for columns in dataset.with_format(None).iter(batch_size=1024):
                converted = [_converter(names.get(column)) for column in columns]
                for row in zip(*columns.values(), strict=True):
                    number += 1
                    cells = (convert(cell) for convert, cell in zip(converted, row, strict=True))
                    yield number, {**dict(zip(columns, cells, strict=True)), **constant}


def _converter(names: Sequence[str] | None) -> Callable[[Any], Any]:
    if names is None:
        return _json_value
    listed = list(names)
    return lambda value: listed[value] if isinstance(value, int) and 0 <= value < len(listed) else None


def _json_value(value: Any) -> Any:
    """A value of a datasets column as JSON has it: dates as ISO 8601, nested values with their lists and records."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)

"""JSON lines: one object a line, whose values come back out as they went in.

Strings are plain string columns. A column that also holds numbers, booleans, nulls, lists or objects is carried as JSON
text, taken from the file letter by letter, so that `1.10` and 19-digit ids keep their digits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa

from netral_nlp.errors import InputError
from netral_nlp.formats.cells import encode_string, json_field, text_field
from netral_nlp.formats.encodings import SAMPLE_BYTES, TextEncoding, find_encoding
from netral_nlp.formats.kinds import FileFormat
from netral_nlp.formats.lines import LineWindow
from netral_nlp.formats.posts import MAX_BATCH_BYTES, PostBatch, PostReader
from netral_nlp.formats.rejects import OnReject
from netral_nlp.formats.source import ByteSource

_SPACE: Final = re.compile(r"[ \t\r\n]*+")
_LOOK_ROWS: Final = 4096
# Numbers are only passed over, never converted: their text is what is kept.
_decode = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode


class JsonText(str):
    """The text of a JSON value that is no string."""

    __slots__ = ()


def parse_object(line: str) -> dict[str, str]:
    """Read one line: key -> the string, or the `JsonText` of any other value, in the line's order.

    Raises:
        ValueError: the line is no JSON object; the message says why, without any of its content.
    """
    space = _SPACE.match
    position = space(line, 0).end()  # type: ignore[union-attr] # the pattern matches the empty string
    if not line.startswith("{", position):
        raise ValueError("is not a JSON object")
    row: dict[str, str] = {}
    try:
        position = space(line, position + 1).end()  # type: ignore[union-attr]
        if line.startswith("}", position):
            position += 1
        else:
            while True:
                if not line.startswith('"', position):
                    raise ValueError(f"is not valid JSON (at character {position + 1:,}: a key is missing)")
                key, position = _decode(line, position)
                position = space(line, position).end()  # type: ignore[union-attr]
                if not line.startswith(":", position):
                    raise ValueError(f"is not valid JSON (at character {position + 1:,}: ':' is missing)")
                start = space(line, position + 1).end()  # type: ignore[union-attr]
                value, position = _decode(line, start)
                if key in row:
                    raise ValueError("has the same key twice")
                # Numbers come back as str, too: only a quote tells a string.
                row[key] = value if line.startswith('"', start) else JsonText(line[start:position])
                position = space(line, position).end()  # type: ignore[union-attr]
                if line.startswith(",", position):
                    position = space(line, position + 1).end()  # type: ignore[union-attr]
                    continue
                if line.startswith("}", position):
                    position += 1
                    break
                raise ValueError(f"is not valid JSON (at character {position + 1:,}: ',' or '}}' is missing)")
    except json.JSONDecodeError as error:
        raise ValueError(f"is not valid JSON (at character {error.pos + 1:,}: {error.msg})") from error
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    if space(line, position).end() != len(line):  # type: ignore[union-attr]
        raise ValueError(f"is not valid JSON (at character {position + 1:,}: text follows the object)")
    if "\\ud" in line or "\\uD" in line:
        for key, text in row.items():
            if not (_is_unicode(key) and _is_unicode(text)):
                raise ValueError("holds half of a surrogate pair (a cut emoji), which is no Unicode text")
    return row


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


class JsonLinesReader(PostReader):
    """A file with one JSON object a line; see `PostReader`. Blank lines are no rows.

    A batch has the columns of its own rows, in the order in which the file first showed them; `unify_schemas` and
    `conform` bring batches together.
    """

    def __init__(
        self,
        path: Path,
        format: FileFormat,  # noqa: A002
        *,
        batch_rows: int,
        on_reject: OnReject | None,
        encoding: str | None = None,
    ) -> None:
        super().__init__(path, format, batch_rows, on_reject)
        self._source: ByteSource | None = None
        with ByteSource(path, format) as source:
            sample = source.read(SAMPLE_BYTES)
        self._encoding = find_encoding(path, sample, encoding, fallback=False)
        self.encoding = self._encoding.name
        self._check_array(sample, self._encoding)
        self.columns = self._first_columns()

    @property
    def bytes_read(self) -> int:
        """Bytes of the file on disk read so far in the current pass."""
        return 0 if self._source is None else self._source.position

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        if self._source is not None:
            self._source.close()

    def batches(self) -> Iterator[PostBatch]:
        """Read the rows in order; see `PostReader.batches`."""
        self.close()
        self._source = source = ByteSource(self.path, self.format)
        seen = dict.fromkeys(self.columns)
        rows: list[dict[str, str]] = []
        numbers: list[int] = []
        size = 0
        with source:
            for number, row, row_size in self._rows(source, report=True):
                if row is None:
                    continue
                rows.append(row)
                numbers.append(number)
                size += row_size
                if len(rows) >= self._batch_rows or size >= MAX_BATCH_BYTES:
                    yield _batch(rows, numbers, seen)
                    rows, numbers, size = [], [], 0
            if rows:
                yield _batch(rows, numbers, seen)

    def _rows(self, source: ByteSource, *, report: bool) -> Iterator[tuple[int, dict[str, str] | None, int]]:
        """Yield (row number, row or None if it is bad, characters); bad rows go to the rejects if `report`."""
        window = LineWindow(source, self._encoding)
        number = 0
        while window.fill():
            for index, line in enumerate(window.texts):
                bad = window.bad.get(index)
                if bad is None and not line.strip(" \t\r"):
                    continue
                number += 1
                row = None
                if bad is not None:
                    reason = bad.reason
                else:
                    try:
                        row = parse_object(line)
                    except ValueError as error:
                        reason = str(error)
                if row is None and report:
                    raw, size = window.raw(index, index + 1)
                    self._reject(number, window.offset(index), reason, raw, size)
                yield number, row, len(line)
            window.drop(len(window.texts))

    def _first_columns(self) -> list[str]:
        """The keys of the rows at the file's start."""
        seen: dict[str, None] = {}
        good = 0
        rows = 0
        size = 0
        with ByteSource(self.path, self.format) as source:
            for rows, row, row_size in self._rows(source, report=False):
                if row is not None:
                    good += 1
                    seen.update(dict.fromkeys(row))
                size += row_size
                if rows >= _LOOK_ROWS or (size >= SAMPLE_BYTES and good):
                    break
        if not rows:
            raise InputError(f"{self.path}: the file is empty; export or download it again")
        if not good:
            raise InputError(
                f"{self.path}: none of its first {rows:,} lines is a JSON object; "
                "write one object a line, or name the file after its real format"
            )
        return list(seen)

    def _check_array(self, sample: bytes, encoding: TextEncoding) -> None:
        """Tell a file that is one array from JSON lines of which the first is an array."""
        text = sample[encoding.bom :].decode(encoding.codec, "replace").lstrip()
        if not text.startswith("["):
            return
        first, _, rest = text.partition("\n")
        try:
            _decode(first)
        except (ValueError, RecursionError):
            pass
        else:
            if rest.strip():
                return
        name = self.path.name
        new = f"{name.split('.')[0]}.jsonl"
        if new == name:  # the shell would empty the file before jq reads it
            new = f"{name.split('.')[0]}.lines.jsonl"
        raise InputError(
            f"{self.path}: is one JSON array, not one object a line; convert it: jq -c '.[]' {name} > {new}"
        )


def _batch(rows: list[dict[str, str]], numbers: list[int], seen: dict[str, None]) -> PostBatch:
    for row in rows:
        if not row.keys() <= seen.keys():
            seen.update(dict.fromkeys(row))
    here: set[str] = set()
    here.update(*rows)
    arrays = []
    fields = []
    for name in seen:
        if name not in here:
            continue
        values = [row.get(name) for row in rows]
        if any(type(value) is JsonText for value in values):
            values = [value if value is None or type(value) is JsonText else encode_string(value) for value in values]
            fields.append(json_field(name))
        else:
            fields.append(text_field(name))
        arrays.append(pa.array(values, pa.string()))
    schema = pa.schema(fields)
    if not fields:  # rows that are all {}: a batch without columns would lose their number
        nothing = pa.nulls(len(rows), pa.string())
        schema = pa.schema([text_field(next(iter(seen), "text"))])
        return PostBatch(pa.RecordBatch.from_arrays([nothing], schema=schema), numbers)
    return PostBatch(pa.RecordBatch.from_arrays(arrays, schema=schema), numbers)

"""One column's values in the three ways that outputs want them: plain text, JSON text, spreadsheet cells."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Any, Final

import pyarrow as pa

from netral_nlp.errors import InputError
from netral_nlp.labels import LABELS

KIND_KEY: Final = b"netral"
"""Field metadata key of columns that came from JSON lines."""
JSON_KIND: Final = b"json"
"""The column holds JSON text in each cell; a null cell means that the row does not have the key."""
TEXT_KIND: Final = b"text"
"""The column holds plain strings out of JSON; a null cell means that the row does not have the key."""
PROBABILITY_COLUMNS: Final = frozenset(f"p_{label.value}" for label in LABELS)
"""Written with six decimals in text formats; every other float keeps all its digits."""

_decode_json = json.JSONDecoder(parse_int=str, parse_float=str).decode
_EXACT: Final = 2**53


def json_field(name: str) -> pa.Field:
    """A string column of JSON texts."""
    return pa.field(name, pa.string(), metadata={KIND_KEY: JSON_KIND})


def text_field(name: str) -> pa.Field:
    """A string column out of JSON lines, in which every value present is a string."""
    return pa.field(name, pa.string(), metadata={KIND_KEY: TEXT_KIND})


def json_kind(field: pa.Field) -> bytes | None:
    """`JSON_KIND` or `TEXT_KIND` for a column out of JSON lines, otherwise None."""
    return (field.metadata or {}).get(KIND_KEY)


def encode_string(text: str) -> str:
    """A string as JSON, with non-ASCII characters as they are."""
    return encode_basestring(text)


def is_string(type_: pa.DataType) -> bool:
    """True for every way in which Arrow stores Unicode strings, short of dictionaries."""
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))


def is_bytes(type_: pa.DataType) -> bool:
    """True for every way in which Arrow stores byte strings."""
    return bool(
        pa.types.is_binary(type_)
        or pa.types.is_large_binary(type_)
        or pa.types.is_binary_view(type_)
        or pa.types.is_fixed_size_binary(type_)
    )


def plain_texts(column: pa.Array, field: pa.Field) -> list[str | None]:
    """A column as plain text: one entry a row, None where null, missing or not a number.

    Whole numbers have no `.0`; dates and times are ISO 8601; true/false; bytes are text where they are UTF-8,
    otherwise base64; JSON strings are unquoted, JSON null is None; nested values are JSON text.
    """
    if json_kind(field) == JSON_KIND:
        return [None if cell is None else _plain_json(cell) for cell in column.to_pylist()]
    kind = column.type
    if is_string(kind):
        return column.to_pylist()  # type: ignore[no-any-return]
    if pa.types.is_dictionary(kind):
        return plain_texts(column.dictionary_decode(), field)
    if isinstance(kind, pa.BaseExtensionType):
        return plain_texts(column.storage, field)
    if pa.types.is_null(kind):
        return [None] * len(column)
    if pa.types.is_boolean(kind):
        return [None if cell is None else ("true" if cell else "false") for cell in column.to_pylist()]
    if pa.types.is_floating(kind):
        return _plain_floats(column, six_decimals=field.name in PROBABILITY_COLUMNS)
    if pa.types.is_timestamp(kind):
        return [None if cell is None else cell.replace(" ", "T", 1) for cell in _timestamps(column)]
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_date(kind) or pa.types.is_time(kind):
        return _cast(column)
    if is_bytes(kind):
        return [None if cell is None else _plain_bytes(cell) for cell in column.to_pylist()]
    if pa.types.is_duration(kind):
        return [None if cell is None else f"{cell} {kind.unit}" for cell in column.cast(pa.int64()).to_pylist()]
    return [None if cell is None else _nested(cell) for cell in _nested_cells(column, field)]


def json_texts(column: pa.Array, field: pa.Field) -> list[str | None]:
    """A column as JSON values in text form; None where the row shall not have the key."""
    kind = column.type
    from_json = json_kind(field)
    if from_json == JSON_KIND:
        return column.to_pylist()  # type: ignore[no-any-return]
    missing = None if from_json == TEXT_KIND else "null"
    if pa.types.is_dictionary(kind):
        return json_texts(column.dictionary_decode(), field)
    if isinstance(kind, pa.BaseExtensionType):
        return json_texts(column.storage, field)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return ["null" if cell is None else cell for cell in plain_texts(column, field)]
    if pa.types.is_floating(kind):
        return ["null" if cell is None else _json_float(cell) for cell in plain_texts(column, field)]
    if pa.types.is_nested(kind):
        return ["null" if cell is None else _nested(cell) for cell in _nested_cells(column, field)]
    return [missing if cell is None else encode_basestring(cell) for cell in plain_texts(column, field)]


def sheet_cells(column: pa.Array, field: pa.Field) -> list[str | float | int | bool | None]:
    """A column as spreadsheet cells: numbers that a spreadsheet holds exactly, true/false, otherwise plain text."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return column.to_pylist()  # type: ignore[no-any-return]
    if pa.types.is_floating(kind):
        digits = 6 if field.name in PROBABILITY_COLUMNS else None
        return [
            cell
            if cell is None
            else None
            if math.isnan(cell)
            else str(cell)
            if math.isinf(cell)
            else _round(cell, digits)
            for cell in column.to_pylist()
        ]
    if pa.types.is_integer(kind):
        # A spreadsheet keeps 15 digits; longer ones (ids) are text so that none is lost.
        return [str(cell) if cell is not None and abs(cell) >= 10**15 else cell for cell in column.to_pylist()]
    return list(plain_texts(column, field))


def _round(value: float, digits: int | None) -> float:
    return value if digits is None else round(value, digits)


def _cast(column: pa.Array) -> list[str | None]:
    return column.cast(pa.string()).to_pylist()  # type: ignore[no-any-return]


def _timestamps(column: pa.Array) -> list[str | None]:
    try:
        return _cast(column)
    except pa.ArrowInvalid:  # a time zone that this computer does not know: the moments are kept in UTC
        moments = _cast(column.cast(pa.timestamp(column.type.unit)))
        return [None if moment is None else f"{moment}Z" for moment in moments]


def _nested_cells(column: pa.Array, field: pa.Field) -> list[Any]:
    """Lists, structs and maps as Python values; dates that Python does not have (the year 10,000 on) as text.

    Raises:
        InputError: they cannot be read either way.
    """
    try:
        return column.to_pylist()  # type: ignore[no-any-return]
    except (ValueError, OverflowError, KeyError, pa.ArrowException):
        pass
    try:
        without_zones = column.cast(with_leaves(column.type, _without_zone))
        return without_zones.cast(with_leaves(column.type, _as_text)).to_pylist()  # type: ignore[no-any-return]
    except (ValueError, OverflowError, pa.ArrowException) as error:
        raise InputError(
            f"column {field.name!r}: its nested dates or times cannot be read ({type(error).__name__}); "
            "leave it out or store them as text"
        ) from error


def with_leaves(kind: pa.DataType, change: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """A nested type with other types at its leaves."""
    if pa.types.is_struct(kind):
        return pa.struct([item.with_type(with_leaves(item.type, change)) for item in kind])
    if pa.types.is_map(kind):
        return pa.map_(with_leaves(kind.key_type, change), with_leaves(kind.item_type, change))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(with_leaves(kind.value_type, change)))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(with_leaves(kind.value_type, change)), kind.list_size)
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(with_leaves(kind.value_type, change)))
    return change(kind)


def _without_zone(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_duration(kind):
        return pa.int64()
    return pa.timestamp(kind.unit) if pa.types.is_timestamp(kind) else kind


def _as_text(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_duration(kind):
        return pa.int64()
    return pa.string() if pa.types.is_temporal(kind) else kind


def _plain_floats(column: pa.Array, *, six_decimals: bool) -> list[str | None]:
    if pa.types.is_float16(column.type):
        column = column.cast(pa.float32())
    if six_decimals:
        values = column.to_pylist()
        return [None if value is None or math.isnan(value) else f"{value:.6f}" for value in values]
    # Arrow prints the shortest digits of the column's own precision; 0.1 as float32 stays 0.1.
    values = column.to_pylist()
    return [
        None
        if value is None or math.isnan(value)
        else str(int(value))
        if abs(value) < _EXACT and value.is_integer()
        else text
        for value, text in zip(values, _cast(column), strict=True)
    ]


def _json_float(text: str) -> str:
    return encode_basestring(text) if text in ("inf", "-inf") else text


def _plain_json(cell: str) -> str | None:
    if cell.startswith('"'):
        return _decode_json(cell)  # type: ignore[no-any-return]
    return None if cell in ("null", "NaN") else cell


def _plain_bytes(cell: bytes) -> str:
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(cell).decode("ascii")


def _nested(cell: Any) -> str:
    return json.dumps(_jsonable(cell), ensure_ascii=False)


def _jsonable(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, bytes):
        return _plain_bytes(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)

"""Batches with differing columns brought under one schema, without losing a digit."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from netral_nlp.formats.cells import JSON_KIND, encode_string, is_string, json_kind, json_texts, plain_texts


def unify_schemas(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """One schema for batches of several: every column, in the order in which it first appears.

    A column whose type differs keeps the wider type if both are integers of one sign, or both are floats; it becomes
    JSON if either is JSON; text otherwise. Whole numbers are never turned into floats, since ids would lose digits.
    """
    fields: dict[str, pa.Field] = {}
    for schema in schemas:
        for field in schema:
            known = fields.get(field.name)
            fields[field.name] = field if known is None else _unify(known, field)
    return pa.schema(list(fields.values()))


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch under a schema made by `unify_schemas`: columns in its order, absent ones filled with nulls.

    Raises:
        ValueError: the batch has a column that the schema lacks, or one that cannot take the schema's type.
    """
    if batch.schema.equals(schema, check_metadata=True):
        return batch
    unknown = [name for name in batch.schema.names if name not in schema.names]
    if unknown:
        raise ValueError(f"columns {', '.join(unknown)} are not in the schema")
    arrays = []
    for field in schema:
        index = batch.schema.get_field_index(field.name)
        if index < 0:
            arrays.append(pa.nulls(batch.num_rows, field.type))
        else:
            arrays.append(_convert(batch.column(index), batch.schema.field(index), field))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _unify(one: pa.Field, other: pa.Field) -> pa.Field:
    name = one.name
    if one.type == other.type and one.metadata == other.metadata:
        return one.with_nullable(one.nullable or other.nullable)
    if pa.types.is_null(one.type):
        return other.with_nullable(True)
    if pa.types.is_null(other.type):
        return one.with_nullable(True)
    if JSON_KIND in (json_kind(one), json_kind(other)):
        return one.with_nullable(True) if json_kind(one) == JSON_KIND else other.with_nullable(True)
    if one.type == other.type:  # only the metadata differ
        return pa.field(name, one.type)
    if pa.types.is_integer(one.type) and pa.types.is_integer(other.type):
        signed = pa.types.is_signed_integer(one.type)
        if signed == pa.types.is_signed_integer(other.type):
            return pa.field(name, one.type if one.type.bit_width > other.type.bit_width else other.type)
    if pa.types.is_floating(one.type) and pa.types.is_floating(other.type):
        return pa.field(name, one.type if one.type.bit_width > other.type.bit_width else other.type)
    return pa.field(name, pa.large_string() if pa.large_string() in (one.type, other.type) else pa.string())


def _convert(column: pa.Array, source: pa.Field, target: pa.Field) -> pa.Array:
    if json_kind(target) == JSON_KIND and json_kind(source) != JSON_KIND:
        if is_string(source.type):  # an absent key stays absent
            texts = [None if text is None else encode_string(text) for text in column.to_pylist()]
        else:
            texts = json_texts(column, source)
        return pa.array(texts, target.type)
    if column.type == target.type and json_kind(source) in (json_kind(target), None):
        return column
    if (is_string(target.type) and not is_string(column.type)) or json_kind(source) == JSON_KIND:
        return pa.array(plain_texts(column, source), target.type)
    try:
        return column.cast(target.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"column {target.name} of type {column.type} does not fit {target.type}: {error}") from error

"""From parts to the final files: one schema over all of them, our columns last, written in order and renamed whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from netral_nlp.errors import InputError
from netral_nlp.formats import FileFormat, conform, open_writer, unify_schemas
from netral_nlp.formats.problems import name_problem
from netral_nlp.scoring.chunk import ADDED
from netral_nlp.scoring.columns import Source
from netral_nlp.scoring.journal import ChunkRecord, Journal
from netral_nlp.storage.durable import durable_file, replace


@dataclass(frozen=True)
class Layout:
    """The output's columns.

    Attributes:
        inputs: the inputs' columns, united, under their own names.
        renamed: own name -> name in the output, for those that clash with an added column.
        source_column: name of the added column with the input's file name, or None.
        output: the whole schema.
    """

    inputs: pa.Schema
    renamed: dict[str, str]
    source_column: str | None
    output: pa.Schema


def renamings(names: Sequence[str], added: Sequence[str]) -> dict[str, str]:
    """Free names for the input columns that an added column pushes aside: `label` -> `label_input`."""
    taken = {*names, *added}
    renamed: dict[str, str] = {}
    for name in names:
        if name in added:
            free = f"{name}_input"
            count = 2
            while free in taken:
                free = f"{name}_input_{count}"
                count += 1
            taken.add(free)
            renamed[name] = free
    return renamed


def lay_out(
    journal: Journal, sources: Sequence[Source], source_column: str | None, output_format: FileFormat
) -> Layout:
    """Settle the output's columns over all parts.

    Columns stand in the order of the inputs' headers; those that only came to light later (JSON lines) follow. A column
    whose name the format cannot hold is left out: every row that had a value in it is among the rejects.
    """
    schemas: list[pa.Schema] = []
    for record in _parts(journal):
        with pa.OSFile(str(journal.part(record.chunk))) as file:
            schemas.append(pa.schema(list(pa.ipc.open_file(file).schema)[: -len(ADDED)]))
    found = {field.name: field for field in unify_schemas(schemas)}
    order = dict.fromkeys([*(name for source in sources for name in source.names), *found])
    names = [name for name in order if name_problem(name, output_format.kind) is None]
    inputs = pa.schema([found.get(name, pa.field(name, pa.string())) for name in names])
    ours = [pa.field(name, type_) for name, type_ in ADDED.items()]
    if source_column is not None:
        ours = [pa.field(source_column, pa.string()), *ours]
    renamed = renamings(inputs.names, [field.name for field in ours])
    fields = [field.with_name(renamed.get(field.name, field.name)) for field in inputs]
    return Layout(inputs, renamed, source_column, pa.schema([*fields, *ours]))


def assemble_output(
    journal: Journal, sources: Sequence[Source], layout: Layout, output: Path, output_format: FileFormat
) -> Iterator[int]:
    """Write the output from the parts and give it its name; yields the number of rows of each part as it goes.

    Raises:
        InputError: the disk is full, or the format cannot hold the columns.
    """
    temporary = journal.folder / "output.tmp"
    temporary.unlink(missing_ok=True)
    try:
        with open_writer(temporary, layout.output, format=output_format) as writer:
            for record in _parts(journal):
                with pa.OSFile(str(journal.part(record.chunk))) as file:
                    reader = pa.ipc.open_file(file)
                    for number in range(reader.num_record_batches):
                        writer.write(_arrange(reader.get_batch(number), layout, sources[record.source]))
                yield record.rows
    except InputError as error:  # the name that the user gave, not that of the file on the way
        raise InputError(str(error).replace(str(temporary), str(output))) from error.__cause__
    replace(temporary, output)  # closing the writer brought its bytes onto the disk


def assemble_rejects(journal: Journal, path: Path) -> None:
    """Write the rejects file from the chunks' and give it its name; without rejects there is none."""
    records = [record for record in journal.records if record.rejects]
    if not records:
        path.unlink(missing_ok=True)  # of the run that this one replaces
        return
    temporary = path.with_name(f".{path.name}.tmp")  # beside it: the rejects may be wanted on another file system
    with durable_file(temporary) as file:
        for record in records:
            with journal.rejects(record.chunk).open("rb") as part:
                shutil.copyfileobj(part, file)
    replace(temporary, path)


def file_name(path: Path) -> str:
    r"""A file's name as text; bytes that are no Unicode (of old archives, say) as `\xNN`."""
    return os.fsencode(path.name).decode("utf-8", "backslashreplace")


def _parts(journal: Journal) -> Iterator[ChunkRecord]:
    return (record for record in journal.records if record.rows)


def _arrange(part: pa.RecordBatch, layout: Layout, source: Source) -> pa.RecordBatch:
    count = len(ADDED)
    wanted = set(layout.inputs.names)
    kept = [index for index, name in enumerate(part.schema.names[:-count]) if name in wanted]
    if kept:
        theirs = pa.RecordBatch.from_arrays(
            [part.column(index) for index in kept], schema=pa.schema([part.schema.field(index) for index in kept])
        )
        columns = list(conform(theirs, layout.inputs).columns)
    else:
        columns = [pa.nulls(part.num_rows, field.type) for field in layout.inputs]
    if layout.source_column is not None:
        columns.append(pa.array([file_name(source.path)] * part.num_rows, pa.string()))
    return pa.RecordBatch.from_arrays([*columns, *part.columns[-count:]], schema=layout.output)

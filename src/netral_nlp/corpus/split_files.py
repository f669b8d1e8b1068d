"""Part files of labelled posts into files: every row with all its columns in exactly one of them, and a manifest."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netral_nlp.corpus.annotations.tasks import TaskOptions
from netral_nlp.corpus.groups import value_key
from netral_nlp.corpus.split import LEFT_OUT, Split, SplitOptions, split_posts
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.labels import LABELS
from netral_nlp.storage.durable import replace as move
from netral_nlp.storage.durable import sha256_of, sync_folder, write_json
from netral_nlp.storage.lock import output_lock

if TYPE_CHECKING:
    import pyarrow as pa

    from netral_nlp.formats import FileFormat

MANIFEST: Final = "split.json"
LEFT_OUT_STEM: Final = "left_out"
GUESS: Final = ""
"""As the name of the column with the times: find it by its name."""
LABEL: Final = "label"
SPLIT: Final = "split"

_KIND: Final = "netral split"
_SCHEMA: Final = 1
_STAGE: Final = ".split.part"
_BATCH_ROWS: Final = 4096
_PROBABILITIES: Final = frozenset(f"p_{label.value}" for label in LABELS)
"""What `netral score` writes beside its own `label`."""
_FIELDS: Final = ("author", "thread", "posted_at", "platform", "source")


@dataclass(frozen=True)
class SplitRequest:
    """What is to be parted, and how.

    Attributes:
        inputs: labelled posts (CSV, TSV, JSON lines, Parquet, XLSX) or annotation exports; together one set.
        output: the folder to write.
        options: how posts are parted.
        reading: how the inputs are read.
        label_map: label names of an annotation project -> a label's name, or None for one that takes no label.
        apart: columns (or author, thread, source, platform, whatever the inputs call them) of which no value may stand
            on two sides.
        until: compare the part of these columns' values before this text.
        by_time: the column with the posts' times, to part by time; `GUESS` to find it; None to part by chance.
        stratify: columns whose values (together) keep their shares on every side; "label" is the label.
        format: the outputs' format, such as "csv"; that of the first input by default.
        overwrite: replace a split that lies in the folder.
    """

    inputs: Sequence[Path]
    output: Path
    options: SplitOptions = field(default_factory=SplitOptions)
    reading: TaskOptions = field(default_factory=TaskOptions)
    label_map: Mapping[str, str | None] | None = None
    apart: Sequence[str] = ()
    until: str | None = None
    by_time: str | None = None
    stratify: Sequence[str] = (LABEL,)
    format: str | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class SplitResult:
    """What was written.

    Attributes:
        folder: the output folder, as the request names it.
        files: the files in it but the manifest: those of the sides in their order, then that of the posts left out.
        split: the posts by side; rows are counted over all inputs.
        left_out: rows in none of the sides' files by reason, what the import dropped among them.
        notes: what a user should know, one line each.
        manifest: what `split.json` holds.
    """

    folder: Path
    files: Sequence[Path]
    split: Split
    left_out: Mapping[str, int]
    notes: Sequence[str]
    manifest: Mapping[str, Any]


def split_files(request: SplitRequest) -> SplitResult:
    """Part files into files.

    The folder gets one file a side, `left_out` (rows on no side, with the reason in the column `reason`) and
    `split.json`. Rows keep their order and every column as it is; a column `split` (of folds: `fold`) says where they
    are, and an input column of that name that says something else is kept as `split_input`. An older `split` is kept
    under that name in folds and among the rows left out as well: sides are looked for in that column. Of several
    inputs, columns that hold the same by another name (text, label, author...) take that of the first input with it.

    Annotation exports, and tables with several annotators' columns, are imported first (a majority of the annotators
    gives the label); posts that get no label there are among the rows left out.

    Raises:
        ConfigError: the request contradicts itself.
        InputError: an input cannot be read as it is, lacks a column, cannot be parted as asked for, or the folder holds
            something else.
    """
    from netral_nlp.formats import detect_format

    if not request.inputs:
        raise ConfigError("no input file was given")
    inputs = [Path(path) for path in request.inputs]
    output = Path(request.output).resolve()
    former = _former(output, request.overwrite)
    for path in inputs:
        if path.exists() and path.resolve().parent == output and path.name in former:
            raise InputError(f"{path}: would be replaced by what is made of it; write to another folder")
    if request.format is not None:
        detect_format(f"posts.{request.format.lstrip('.')}")  # a wrong name is told before any work

    posts = _read(inputs, request)
    split = split_posts(
        posts.texts, posts.labels, contexts=posts.contexts, apart=posts.apart, times=posts.times, strata=posts.strata,
        until=request.until, options=request.options, where=posts.where,
    )  # fmt: skip
    output.parent.mkdir(parents=True, exist_ok=True)
    with output_lock(output):
        return _write(request, inputs, output, posts, split)


# -- reading ----------------------------------------------------------------------------------------------------------


@dataclass
class _Posts:
    """All rows of the inputs: as batches to be written again, and what decides about them as lists."""

    batches: list[pa.RecordBatch] = field(default_factory=list)
    origins: list[tuple[str, int]] = field(default_factory=list)
    """File and row (from 1) of each."""
    texts: list[str] = field(default_factory=list)
    labels: list[str | None] | None = None
    contexts: list[str | None] | None = None
    apart: dict[str, list[str | None]] = field(default_factory=dict)
    unbound: dict[str, list[str | None]] = field(default_factory=dict)
    """Authors and threads, where nobody asked to keep them apart."""
    times: list[str | None] | None = None
    strata: list[tuple[str | None, ...]] | None = None
    columns: list[dict[str, str]] = field(default_factory=list)
    """What was taken from which column, an entry a file."""
    rows: list[int | None] = field(default_factory=list)
    """Rows of each input; None where the import put several files together."""
    dropped: list[dict[str, Any]] = field(default_factory=list)
    """What the import dropped, as rows with a reason."""
    format: FileFormat | None = None
    """Of the first input, where posts are written as they were read."""
    notes: list[str] = field(default_factory=list)

    def where(self, row: int) -> str:
        file, number = self.origins[row]
        return f"{file}: row {number:,}"


def _read(inputs: Sequence[Path], request: SplitRequest) -> _Posts:
    """Read all inputs: as they are where every one is a plain table with a label, else through the import."""
    parts = None
    if not (_names_annotators(request.reading) or request.label_map):
        parts = _read_plain(inputs, request)
    posts = _Posts()
    if parts is None:
        posts, parts = _import(inputs, request)
    else:
        posts.rows = [sum(batch.num_rows for batch in part.batches) for part in parts]
        posts.format = parts[0].format
    _fill(posts, parts, request)
    return posts


def _names_annotators(reading: TaskOptions) -> bool:
    return bool(
        reading.annotator_columns
        or reading.annotator_column
        or reading.adjudicated_column
        or reading.adjudicator
        or reading.format not in ("auto", "table")
    )


@dataclass
class _Part:
    """One input's rows."""

    name: str
    names: list[str]
    guesses: Mapping[str, str | None]
    batches: list[pa.RecordBatch]
    origins: list[tuple[str, int]]
    filled: Collection[str]
    """Those of the columns that hold anything."""
    format: FileFormat | None = None
    notes: list[str] = field(default_factory=list)

    def find(self, wanted: str) -> str | None:
        """The column of a name, whatever its case; else what columns of that meaning are usually called.

        An empty column for an author, a thread, a time... gives way to another of that meaning.
        """
        found = wanted if wanted in self.names else None
        folded = [name for name in self.names if name.strip().lower() == wanted.lower()]
        if found is None and len(folded) == 1:
            found = folded[0]
        if found is None or (found not in self.filled and wanted.lower() in _FIELDS):
            return self.guesses.get(wanted.lower()) or found
        return found

    def cells(self, column: str) -> Iterator[list[str | None]]:
        from netral_nlp.formats import PostBatch

        for batch in self.batches:
            yield PostBatch(batch, []).strings(column)


def _read_plain(inputs: Sequence[Path], request: SplitRequest) -> list[_Part] | None:
    """Read plain tables; None where an input is something else, or holds no label column of its own."""
    from netral_nlp.corpus.annotations.read import annotation_format
    from netral_nlp.formats import guess_columns, guess_field, open_posts
    from netral_nlp.formats.kinds import detect_format

    for path in inputs:
        if not path.is_file() or not path.stat().st_size:
            if path.is_dir():
                return None
            open_posts(path)  # says what is wrong
        if path.suffix.lower() == ".zip" or _holds_array(path) or annotation_format(path, request.reading) != "table":
            return None
    parts = []
    for path in inputs:
        known = detect_format(path)
        batches, numbers = [], []
        with open_posts(
            path,
            encoding=request.reading.encoding if known.is_text else None,
            delimiter=request.reading.delimiter if known.kind in ("csv", "tsv") else None,
            sheet=request.reading.sheet if known.kind == "xlsx" else None,
            batch_rows=_BATCH_ROWS,
        ) as reader:
            names = dict.fromkeys(reader.columns)
            for batch in reader.batches():
                names.update(dict.fromkeys(batch.rows.schema.names))  # JSON lines may bring columns late
                batches.append(batch.rows)
                numbers += batch.numbers
            listed = list(names)
            guessed = guess_columns(listed, reader.export)
            guesses = {"text": guessed.text, "context": guessed.context}
            filled = _filled(batches)
            guesses |= {name: guess_field(name, listed, filled) for name in _FIELDS}
            known = known if known.kind != "json" else replace(known, kind="jsonl")
            origins = [(str(path), number) for number in numbers]
            parts.append(_Part(str(path), listed, guesses, batches, origins, filled, known, list(reader.notes)))
        if not numbers:
            raise InputError(f"{path}: holds no posts")
        if _label_column(parts[-1], request) is None and request.options.unlabelled != "keep":
            return None
    return parts


def _filled(batches: Sequence[pa.RecordBatch]) -> set[str]:
    """Return the columns that hold anything but blanks."""
    from netral_nlp.formats import PostBatch

    found: set[str] = set()
    for batch in batches:
        for name in batch.schema.names:
            if name not in found and any((cell or "").strip() for cell in PostBatch(batch, []).strings(name)):
                found.add(name)
    return found


def _holds_array(path: Path) -> bool:
    """Whether a file is one JSON array."""
    if path.suffix.lower() not in (".json", ".jsonl", ".ndjson"):
        return False
    with path.open("rb") as file:
        return file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")


def _label_column(part: _Part, request: SplitRequest) -> str | None:
    named = request.reading.label_column
    if named is not None and named not in part.names:
        raise InputError(
            f"{part.name}: no column {named!r} (named by --label-column); its columns are {_listed(part.names)}"
        )
    if named is None and set(part.names) >= _PROBABILITIES:  # a model's answer; the import looks for an annotator's
        return None
    return named or part.find(LABEL)


def _import(inputs: Sequence[Path], request: SplitRequest) -> tuple[_Posts, list[_Part]]:
    """Read annotation exports: one label a post."""
    from netral_nlp.corpus.annotations.consolidate import import_posts
    from netral_nlp.formats import batch_of

    imported = import_posts(inputs, request.reading, label_map=request.label_map)
    rows, names = imported.rows(), imported.columns()
    if not rows:
        said = ", ".join(f"{reason}: {count:,}" for reason, count in imported.reasons.most_common())
        raise InputError(f"{', '.join(map(str, inputs))}: no post has a label ({said})")
    batches = [batch_of(rows[start : start + _BATCH_ROWS], names) for start in range(0, len(rows), _BATCH_ROWS)]
    origins = [(post.file, post.row) for post in imported.posts]
    guesses: dict[str, str | None] = {name: name for name in names}
    posts = _Posts(rows=[None] * len(inputs), dropped=imported.dropped, notes=list(imported.notes))
    posts.notes.append(
        f"{imported.tasks:,} annotated tasks make {len(rows):,} labelled posts; {len(posts.dropped):,} have no label"
    )
    part = _Part(", ".join(map(str, inputs)), names, guesses, batches, origins, names)
    return posts, [part]


def _fill(posts: _Posts, parts: Sequence[_Part], request: SplitRequest) -> None:
    """Take from the parts what decides about the posts.

    Raises:
        InputError: a column is in none of the inputs.
    """
    imported = posts.format is None
    reading = TaskOptions() if imported else request.reading
    roles: dict[str, list[str | None]] = {"text": [_text_column(part, reading) for part in parts]}
    labels = [part.find(LABEL) if imported else _label_column(part, request) for part in parts]
    roles[LABEL] = labels
    asked = reading.context_column
    roles["context"] = [_asked(part, asked, "--context-column") if asked else part.find("context") for part in parts]
    apart = {part.find(name) for part in parts for name in request.apart}
    for name in ("author", "thread"):
        found = [part.find(name) for part in parts]
        if any(found) and not apart & {column for column in found if column is not None}:
            roles[f"unbound {name}"] = found
    for name in request.apart:
        roles[f"apart {name}"] = _everywhere(parts, name, "--apart")
    if request.by_time is not None:
        named = request.by_time or "posted_at"
        roles["time"] = _everywhere(parts, named, "--by-time")
    others = [name for name in request.stratify if name != LABEL]
    for name in others:
        roles[f"stratify {name}"] = _everywhere(parts, name, "--stratify")

    cells: dict[str, list[str | None]] = {role: [] for role in roles}
    renamed = _one_name_each(parts, roles)
    for place, part in enumerate(parts):
        names = renamed[place]
        posts.batches += [
            batch.rename_columns([names.get(name, name) for name in batch.schema.names]) for batch in part.batches
        ]
        posts.notes += [f"{part.name}: column {old!r} is written as {new!r}" for old, new in names.items()]
        posts.origins += part.origins
        posts.notes += part.notes
        taken = {role: columns[place] for role, columns in roles.items() if not role.startswith("unbound ")}
        posts.columns.append({role: column for role, column in taken.items() if column is not None})
        for role, columns in roles.items():
            column = columns[place]
            if column is None:
                cells[role] += [None] * len(part.origins)
            else:
                for batch in part.cells(column):
                    cells[role] += batch
    posts.texts = [text or "" for text in cells["text"]]
    if any(labels):
        posts.labels = cells[LABEL]
    if any(roles["context"]):
        posts.contexts = cells["context"]
    posts.apart = {name: cells[f"apart {name}"] for name in request.apart}
    for name, values in posts.apart.items():
        lacking = sum(value_key(value, request.until) is None for value in values)
        if lacking == len(values):
            raise InputError(f"column {name!r} is empty in every row; keep another apart")
        if lacking:
            posts.notes.append(f"{lacking:,} of {len(values):,} posts have no {name}, which binds them to no other")
    posts.unbound = {name: cells[role] for name in ("author", "thread") if (role := f"unbound {name}") in cells}
    posts.times = cells.get("time")
    if others:
        keys = [cells[LABEL] if name == LABEL else cells[f"stratify {name}"] for name in request.stratify]
        posts.strata = list(zip(*keys, strict=True))
    elif LABEL not in request.stratify:
        posts.strata = [()] * len(posts.texts)


def _one_name_each(parts: Sequence[_Part], roles: Mapping[str, Sequence[str | None]]) -> list[dict[str, str]]:
    """Say how the columns of each part are renamed, so that what plays one role stands in one column.

    Raises:
        InputError: texts, labels or contexts cannot be put into one column, since a part has another of that name.
    """
    renamed: list[dict[str, str]] = [{} for _ in parts]
    for role, columns in roles.items():
        wanted = next((column for column in columns if column is not None), None)
        for part, column, names in zip(parts, columns, renamed, strict=True):
            if wanted is None or column is None or column == wanted or column in names:
                continue
            if wanted not in part.names and wanted not in names.values():
                names[column] = wanted
            elif role in ("text", LABEL, "context"):
                raise InputError(
                    f"{part.name}: the {role} is in column {column!r}, in other inputs in {wanted!r}, and there is a "
                    f"column {wanted!r} here, too; give it one name in all inputs"
                )
    return renamed


def _text_column(part: _Part, reading: TaskOptions) -> str:
    from netral_nlp.formats import missing_text_column

    if reading.text_column is not None:
        return _asked(part, reading.text_column, "--text-column")
    found = part.find("text")
    if found is None:
        raise InputError(missing_text_column(part.name, part.names))
    return found


def _asked(part: _Part, name: str, option: str) -> str:
    if name not in part.names:
        raise InputError(f"{part.name}: no column {name!r} (named by {option}); its columns are {_listed(part.names)}")
    return name


def _everywhere(parts: Sequence[_Part], name: str, option: str) -> list[str | None]:
    """The column of a name in every part; None where one lacks it."""
    found = [part.find(name) for part in parts]
    if not any(found):
        names = list(dict.fromkeys(column for part in parts for column in part.names))
        raise InputError(f"no input has a column {name!r} (named by {option}); the columns are {_listed(names)}")
    return found


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


# -- writing ----------------------------------------------------------------------------------------------------------


def _former(folder: Path, overwrite: bool) -> set[str]:
    """Say which files of a former split lie in the output folder.

    Raises:
        InputError: the folder is none, holds something else, or a former split that shall stay.
    """
    if not folder.exists():
        return set()
    if not folder.is_dir():
        raise InputError(f"{folder}: is a file; name a folder for the split")
    ours = {MANIFEST, _STAGE} & {item.name for item in folder.iterdir()}
    listed: set[str] = set()
    for path in (folder / MANIFEST, folder / _STAGE / MANIFEST):
        found = _listed_files(path)
        if found is None and path.parent == folder:
            ours.discard(MANIFEST)  # a file of that name that we did not write
        listed |= found or set()
    here = {item.name for item in folder.iterdir()}
    foreign = sorted(here - ours - listed)
    if foreign:
        raise InputError(
            f"{folder}: holds other files, such as {foreign[0]}; name a new folder, or move what is not part of a split"
        )
    if MANIFEST in ours and not overwrite:
        raise InputError(f"{folder}: holds a split already; replace it with --overwrite, or name another folder")
    return (ours | listed) - {_STAGE}


def _listed_files(path: Path) -> set[str] | None:
    """The files that a manifest of ours lists; None where there is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["kind"] != _KIND:
            return None
        return {name for name in document["outputs"] if Path(name).name == name}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(request: SplitRequest, inputs: Sequence[Path], output: Path, posts: _Posts, split: Split) -> SplitResult:
    """Write everything beside the former files, then give it its names, the manifest last."""
    from netral_nlp.formats import FileFormat
    from netral_nlp.formats.kinds import as_format

    known = posts.format or FileFormat("jsonl")
    if request.format is not None:
        known = as_format(request.format, output)
    former = _former(output, request.overwrite)
    made = not output.exists()
    stage = output / _STAGE
    try:
        output.mkdir(exist_ok=True)
        if stage.exists():
            shutil.rmtree(stage)
        stage.mkdir()
        names = [f"{side.name}{known.ending}" for side in split.sides]
        left_out = f"{LEFT_OUT_STEM}{known.ending}"
        try:
            _write_sides(stage, names, known, posts, split)
            if split.reasons or posts.dropped:
                _write_left_out(stage / left_out, known, posts, split)
                names.append(left_out)
        except InputError as error:  # the user knows the files by their own names
            raise InputError(str(error).replace(str(stage), str(output))) from None
        result = _result(request, inputs, stage, names, posts, split)
        write_json(stage / MANIFEST, result.manifest, stage / f"{MANIFEST}.part")
        for name in names:
            move(stage / name, output / name)
        move(stage / MANIFEST, output / MANIFEST)
        for name in former - {*names, MANIFEST}:
            (output / name).unlink(missing_ok=True)
        sync_folder(output)
    except OSError as error:
        raise InputError(f"{output}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        if made:
            with contextlib.suppress(OSError):
                output.rmdir()  # only where it is empty
    return result


def _write_sides(stage: Path, names: Sequence[str], known: FileFormat, posts: _Posts, split: Split) -> None:
    import pyarrow as pa

    from netral_nlp.formats import conform, open_writer, unify_schemas

    schema = unify_schemas(batch.schema for batch in posts.batches)
    folds = split.sides[0].name == "fold_1"
    added = pa.field("fold", pa.int64()) if folds else pa.field(SPLIT, pa.string())
    values = list(range(1, len(split.sides) + 1)) if folds else [side.name for side in split.sides]
    same = _says_the_same(posts, split, added.name, [str(value) for value in values])
    written = _with_column(schema, added, drop=same, former=SPLIT)
    with contextlib.ExitStack() as stack:
        writers = [
            stack.enter_context(open_writer(stage / name, written, format=known)) for name in names[: len(split.sides)]
        ]
        start = 0
        for batch in posts.batches:
            sides = split.side_of[start : start + batch.num_rows]
            start += batch.num_rows
            whole = conform(batch, schema)
            columns = [
                column
                for column, name in zip(whole.columns, schema.names, strict=True)
                if not (same and name == added.name)
            ]
            for place, writer in enumerate(writers):
                chosen = pa.array(sides == place)
                count = int((sides == place).sum())
                if count:
                    column = pa.array([values[place]] * count, added.type)
                    arrays = [*(one.filter(chosen) for one in columns), column]
                    writer.write(pa.RecordBatch.from_arrays(arrays, schema=written))


def _write_left_out(path: Path, known: FileFormat, posts: _Posts, split: Split) -> None:
    """Write the rows on no side, with the reason; what the import dropped follows."""
    import pyarrow as pa

    from netral_nlp.formats import batch_of, conform, open_writer, unify_schemas

    reason = pa.field("reason", pa.string())
    dropped = [{name: value for name, value in row.items() if name != "reason"} for row in posts.dropped]
    names = list(dict.fromkeys(name for row in dropped for name in row))
    lost = [batch_of(dropped[start : start + _BATCH_ROWS], names) for start in range(0, len(dropped), _BATCH_ROWS)]
    schema = unify_schemas([batch.schema for batch in (*posts.batches, *lost)])
    written = _with_column(schema, reason, drop=False, former=SPLIT)
    reasons = [split.reasons.get(row, "") for row in range(len(posts.origins))]
    with open_writer(path, written, format=known) as writer:
        start = 0
        for batch in posts.batches:
            rows = range(start, start + batch.num_rows)
            start += batch.num_rows
            chosen = [split.side_of[row] == LEFT_OUT for row in rows]
            if any(chosen):
                why = [reasons[row] for row, out in zip(rows, chosen, strict=True) if out]
                kept = conform(batch, schema).filter(pa.array(chosen))
                writer.write(pa.RecordBatch.from_arrays([*kept.columns, pa.array(why)], schema=written))
        start = 0
        for batch in lost:
            why = [_import_reason(row) for row in posts.dropped[start : start + batch.num_rows]]
            start += batch.num_rows
            writer.write(pa.RecordBatch.from_arrays([*conform(batch, schema).columns, pa.array(why)], schema=written))


def _import_reason(row: Mapping[str, Any]) -> str:
    return f"import: {row['reason']}"


def _with_column(schema: pa.Schema, added: pa.Field, *, drop: bool, former: str) -> pa.Schema:
    """The schema with a column at its end; input columns of its name and of `former` become NAME_input.

    With `drop`, the input column of its name goes.
    """
    import pyarrow as pa

    names = {}
    for name in (added.name, former):
        free, count = f"{name}_input", 2
        while free in schema.names:
            free, count = f"{name}_input_{count}", count + 1
        names[name] = free
    fields = [
        item.with_name(names.get(item.name, item.name)) for item in schema if not (drop and item.name == added.name)
    ]
    return pa.schema([*fields, added])


def _says_the_same(posts: _Posts, split: Split, name: str, values: Sequence[str]) -> bool:
    """Whether an input column says of every placed row what the added one will."""
    from netral_nlp.formats import PostBatch

    start = 0
    for batch in posts.batches:
        if name not in batch.schema.names:
            return False
        sides = split.side_of[start : start + batch.num_rows].tolist()
        start += batch.num_rows
        for side, cell in zip(sides, PostBatch(batch, []).strings(name), strict=True):
            if side != LEFT_OUT and cell != values[side]:
                return False
    return True


def _result(
    request: SplitRequest,
    inputs: Sequence[Path],
    stage: Path,
    names: Sequence[str],
    posts: _Posts,
    split: Split,
) -> SplitResult:
    """Put the manifest together. It names files without their folders, so that it is the same wherever they lie."""
    from netral_nlp import __version__

    left_out = dict(split.left_out)
    for row in posts.dropped:
        left_out[_import_reason(row)] = left_out.get(_import_reason(row), 0) + 1
    found = split.to_dict()
    outputs: dict[str, dict[str, Any]] = {}
    for name, side in zip(names, found["sides"].values(), strict=False):
        outputs[name] = {"sha256": sha256_of(stage / name), **side}
    if len(names) > len(split.sides):
        outputs[names[-1]] = {"sha256": sha256_of(stage / names[-1]), "rows": sum(left_out.values())}
    notes = [*posts.notes, *split.notes, *_unbound_notes(posts, split, request.apart)]
    options = asdict(replace(request.options, shares=dict(request.options.shares)))
    if request.options.folds is not None or any(side.wanted is None for side in split.sides):
        options["shares"] = None
    manifest = {
        "kind": _KIND,
        "schema": _SCHEMA,
        "netral": __version__,
        "inputs": [
            {"file": path.name, "sha256": _hash(path), **({} if rows is None else {"rows": rows})}
            for path, rows in zip(inputs, posts.rows, strict=True)
        ],
        "columns": posts.columns,
        "options": {
            **options,
            "apart": list(request.apart),
            "until": request.until,
            "by_time": posts.times is not None,
            "stratify": list(request.stratify),
            "label_map": dict(request.label_map) if request.label_map else None,
            "reading": {name: value for name, value in asdict(request.reading).items() if value not in (None, (), [])},
        },
        "posts": len(posts.origins) + len(posts.dropped),
        "outputs": outputs,
        "groups": found["groups"],
        "left_out": left_out,
        "notes": notes,
    }
    folder = Path(request.output)
    return SplitResult(folder, [folder / name for name in names], split, left_out, notes, manifest)


def _unbound_notes(posts: _Posts, split: Split, apart: Sequence[str]) -> Iterator[str]:
    """Say how many authors and threads stand on two sides, since nobody asked to keep them apart."""
    crossing: dict[str, int] = {}
    for name, values in posts.unbound.items():
        sides: dict[str, set[int]] = {}
        for cell, side in zip(values, split.side_of.tolist(), strict=True):
            key = value_key(cell)
            if key is not None and side != LEFT_OUT:
                sides.setdefault(key, set()).add(side)
        if count := sum(len(found) > 1 for found in sides.values()):
            crossing[name] = count
    if crossing:
        told = " and ".join(f"{count:,} {name}{'' if count == 1 else 's'}" for name, count in crossing.items())
        stand = "stands" if [*crossing.values()] == [1] else "stand"
        names = " ".join(crossing)
        yield (
            f"{told} {stand} on more than one side, which `netral data check` calls an error: keep them apart "
            f"(--apart {' '.join((*apart, *crossing))}), or check with --may-cross {names}"
        )


def _hash(path: Path) -> str:
    """SHA-256 of a file; of a folder, of its files' hashes with their names."""
    if not path.is_dir():
        return sha256_of(path)
    import hashlib

    digest = hashlib.sha256()
    for item in sorted(item for item in path.rglob("*") if item.is_file()):
        digest.update(f"{item.relative_to(path).as_posix()} {sha256_of(item)}\n".encode())
    return digest.hexdigest()

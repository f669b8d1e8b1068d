"""The pool: posts without labels, from which the next ones to annotate are drawn."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from netral_nlp.corpus.labelled import text_id
from netral_nlp.errors import InputError
from netral_nlp.inference.actions import Action
from netral_nlp.labels import LABELS

if TYPE_CHECKING:
    import pandas as pd

    from netral_nlp.formats import PostReader, Reject

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

FIELDS = ("platform", "source", "year", "posted_at", "author", "thread")
"""What is carried beside id, text, context and action, where a file has it."""

PROBABILITIES = tuple(f"p_{label.value}" for label in LABELS)
"""The columns that `netral score` adds, in the order of the labels."""

_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_SUM_TOLERANCE = 0.01


@dataclass(frozen=True)
class Pool:
    """Posts as columns of n entries.

    Attributes:
        ids: unique; a repeated one has `-2`, `-3`... added.
        texts: as posted; the empty string where there is none.
        contexts: what each one answers, or None.
        actions: what was done (a value of `Action`), or None.
        fields: `FIELDS` and other asked-for columns that some post has: a string or None each.
        probabilities: (n, 3) as `netral score` wrote them, in the order of `LABELS`; NaN in rows without. None where no
            row has any.
    """

    ids: Sequence[str]
    texts: Sequence[str]
    contexts: Sequence[str | None]
    actions: Sequence[str | None]
    fields: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    probabilities: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: IntArray) -> Pool:
        """Return some of the posts, in the order of `rows`."""
        places = rows.tolist()
        return Pool(
            [self.ids[place] for place in places],
            [self.texts[place] for place in places],
            [self.contexts[place] for place in places],
            [self.actions[place] for place in places],
            {name: [values[place] for place in places] for name, values in self.fields.items()},
            None if self.probabilities is None else self.probabilities[rows],
        )

    def years(self) -> list[str | None]:
        """Return the year of each post: of its column, else the first year in `posted_at`."""
        years = self.fields.get("year") or [None] * len(self)
        dates = self.fields.get("posted_at") or [None] * len(self)
        return [year or _year(date) for year, date in zip(years, dates, strict=True)]

    def strata(self, columns: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the values of some columns of each post; "" where it has none.

        Raises:
            InputError: no post has such a column.
        """
        values: list[Sequence[str | None]] = []
        for name in columns:
            column = self.years() if name == "year" else self.fields.get(name)
            if name == "action":
                column = self.actions
            if column is None or (len(self) and not any(column)):
                known = ", ".join(["year"] * any(self.years()) + [n for n in self.fields if n != "year"]) or "none"
                raise InputError(
                    f"no post of the pool has {name!r} (named by --spread); it can be spread over: {known}"
                )
            values.append(column)
        return [tuple(value or "" for value in row) for row in zip(*values, strict=True)]

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        *,
        ids: Sequence[str] | None = None,
        contexts: Sequence[str | None] | None = None,
        actions: Sequence[str | None] | None = None,
        fields: Mapping[str, Sequence[str | None]] | None = None,
        probabilities: npt.ArrayLike | None = None,
    ) -> Pool:
        """Make a pool from lists.

        Args:
            texts: the posts.
            ids: one a post; without them `text_id` of each text.
            contexts: what each one answers, or None.
            actions: names of actions, or None.
            fields: further columns.
            probabilities: (n, 3), in the order of `LABELS`.

        Raises:
            InputError: the columns differ in length, or an action is unknown.
        """
        count = len(texts)
        chances = None if probabilities is None else np.asarray(probabilities, dtype=np.float64)
        for name, values in {"ids": ids, "contexts": contexts, "actions": actions, **(fields or {})}.items():
            if values is not None and len(values) != count:
                raise InputError(f"{name} has {len(values):,} entries for {count:,} texts; give one for each text")
        if chances is not None and chances.shape != (count, len(LABELS)):
            raise InputError(f"probabilities have the shape ({count}, {len(LABELS)}), not {chances.shape}")
        parsed = [None if (act := Action.parse(name)) is None else act.value for name in actions or [None] * count]
        named = [text_id(text) for text in texts] if ids is None else list(ids)
        return cls(_unique(named), list(texts), list(contexts or [None] * count), parsed, dict(fields or {}), chances)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Pool:
        """Make a pool from a table with `text` and, where known, id, context, action, `FIELDS`, p_neutral...

        Raises:
            InputError: there is no column `text`, or an action is unknown.
        """
        if "text" not in frame:
            raise InputError(f"the table has no column 'text'; its columns are {', '.join(map(str, frame.columns))}")

        def column(name: str) -> list[str | None] | None:
            if name not in frame:
                return None
            missing = frame[name].isna()
            return [None if gone else str(value) for value, gone in zip(frame[name], missing, strict=True)]

        texts = [text or "" for text in column("text") or []]
        ids = column("id")
        known = {"id", "text", "context", "action", *PROBABILITIES}
        named = {str(name): column(str(name)) or [] for name in frame.columns if name not in known}
        return cls.of(
            texts,
            ids=None if ids is None else [own or text_id(text) for own, text in zip(ids, texts, strict=True)],
            contexts=column("context"),
            actions=column("action"),
            fields={name: values for name, values in named.items() if any(values)},
            probabilities=frame[list(PROBABILITIES)].to_numpy() if set(PROBABILITIES) <= set(frame) else None,
        )


@dataclass(frozen=True)
class ReadPool:
    """A pool out of files.

    Attributes:
        pool: the posts.
        rows: how many came from each file.
        unreadable: how many rows could not be read.
        notes: what the user should know, one line each.
    """

    pool: Pool
    rows: tuple[int, ...]
    unreadable: int
    notes: tuple[str, ...]


def read_pool(
    paths: Sequence[str | Path],
    *,
    text_column: str | None = None,
    context_column: str | None = None,
    id_column: str | None = None,
    columns: Sequence[str] = (),
) -> ReadPool:
    """Read dumps, or files that `netral score` wrote, as one pool.

    Args:
        paths: files of any format that `formats.open_posts` reads.
        text_column: where the text is; guessed by default, as for scoring.
        context_column: where the text is that a post answers; guessed by default.
        id_column: where the id is; guessed by default. A post without an id gets `text_id(text)`.
        columns: further columns to carry.

    Returns:
        The posts in the order of the files. Rows that cannot be read are counted and told, not fatal: a pool is not
        gold.

    Raises:
        InputError: a file cannot be read, a column is missing, one to carry holds texts or ids, or a probability is no
            probability. The message names file, row and column.
    """
    from netral_nlp.formats import open_posts

    if not paths:
        raise InputError("no pool given: name at least one file of posts")
    parts: list[Pool] = []
    notes: list[str] = []
    unreadable = 0
    for given in paths:
        rejects: list[tuple[int, str]] = []

        def reject(row: Reject, rejects: list[tuple[int, str]] = rejects) -> None:
            rejects.append((row.row, row.reason))

        with open_posts(given, on_reject=reject) as reader:
            roles = _find_roles(reader, text_column, context_column, id_column)
            for role in ("text", "context", "id"):
                if roles[role] in columns:
                    raise InputError(
                        f"{given}: --spread {roles[role]}: it holds the {role}s of the posts; name a column whose "
                        "values many posts share"
                    )
            notes += reader.notes
            parts.append(_join([*_read(reader, roles, columns)]))
        notes.append(f"{given}: {', '.join(f'{role} from column {name!r}' for role, name in roles.items() if name)}")
        if rejects:
            unreadable += len(rejects)
            row, reason = rejects[0]
            notes.append(
                f"{given}: {len(rejects):,} rows cannot be read and are left out; the first is row {row:,}: {reason}"
            )
    pool = _join(parts)
    return ReadPool(
        Pool(_unique(pool.ids), pool.texts, pool.contexts, pool.actions, pool.fields, pool.probabilities),
        tuple(len(part) for part in parts),
        unreadable,
        tuple(notes),
    )


def _find_roles(
    reader: PostReader, text: str | None, context: str | None, identifier: str | None
) -> dict[str, str | None]:
    """Say which column plays which part.

    Raises:
        InputError: a column that is named or needed is not there.
    """
    from netral_nlp.formats import guess_columns, guess_field, missing_text_column

    names = reader.columns
    for name, option in ((text, "--text-column"), (context, "--context-column"), (identifier, "--id-column")):
        if name is not None and name not in names:
            listed = ", ".join(names)
            raise InputError(f"{reader.path}: no column {name!r} (named by {option}); its columns are {listed}")
    guessed = guess_columns(names, reader.export)
    roles = {
        "text": text or guessed.text,
        "context": context or (guessed.context if guessed.context != text else None),
        "id": identifier or guessed.id,
        "action": guessed.action,
    }
    if roles["text"] is None:
        raise InputError(missing_text_column(reader.path, names))
    for name in FIELDS:
        found = _named(name, names) if name == "year" else guess_field(name, names)
        roles[name] = None if found in roles.values() else found
    return roles


def _named(name: str, columns: Sequence[str]) -> str | None:
    found = [column for column in columns if column.strip().lower() in (name, "tahun")]
    return found[0] if len(found) == 1 else None


def _read(reader: PostReader, roles: Mapping[str, str | None], columns: Sequence[str]) -> Iterator[Pool]:
    """Yield the posts of a file, a batch at a time."""
    for batch in reader.batches():
        count = batch.rows.num_rows

        def cells(role: str, batch: Any = batch, count: int = count) -> list[str | None]:
            name = roles.get(role)
            return [None] * count if name is None else batch.strings(name)

        texts = [text or "" for text in cells("text")]
        ids = [(own or "").strip() or text_id(text) for own, text in zip(cells("id"), texts, strict=True)]
        contexts = [context if context and context.strip() else None for context in cells("context")]
        # The scored file and the dump share one schema, so both are looked for in each batch: rows of JSON lines may
        # bring columns that the first rows lack.
        names = batch.rows.schema.names
        fields = {name: _filled(cells(name)) for name in FIELDS if roles.get(name)}
        fields |= {name: _filled(batch.strings(name)) for name in columns if name in names and name not in fields}
        chances = None
        if set(PROBABILITIES) <= set(names):
            chances = _probabilities(reader.path, batch.numbers, [batch.strings(name) for name in PROBABILITIES])
        yield Pool(ids, texts, contexts, [_action(value) for value in cells("action")], fields, chances)


def _filled(values: Sequence[str | None]) -> list[str | None]:
    return [(value or "").strip() or None for value in values]


def _action(value: str | None) -> str | None:
    """Return the action's own name; None for one that we do not know, as in scoring."""
    try:
        action = Action.parse(value)
    except InputError:
        return None
    return None if action is None else action.value


def _probabilities(path: Path, numbers: Sequence[int], columns: Sequence[Sequence[str | None]]) -> FloatArray:
    """Read (n, 3) probabilities; NaN in rows that have none.

    Raises:
        InputError: a cell is no probability, or those of a row do not sum to 1.
    """
    chances = np.full((len(numbers), len(PROBABILITIES)), np.nan)
    for place, cells in enumerate(zip(*columns, strict=True)):
        if not any((cell or "").strip() for cell in cells):
            continue
        where = f"{path}: row {numbers[place]:,}"
        for index, (name, cell) in enumerate(zip(PROBABILITIES, cells, strict=True)):
            try:
                value = float(cell or "")
            except ValueError:
                value = np.nan
            if not 0 <= value <= 1:
                raise InputError(f"{where}, column {name!r}: expected a probability from 0 to 1; score the file again")
            chances[place, index] = value
        if abs(chances[place].sum() - 1) > _SUM_TOLERANCE:
            raise InputError(
                f"{where}: {', '.join(PROBABILITIES)} sum to {chances[place].sum():.3f}, not 1; score the file again"
            )
    return chances


def _join(parts: Sequence[Pool]) -> Pool:
    """Lay pools one after another; a column that a part lacks is empty there."""
    names = list(dict.fromkeys(name for part in parts for name in part.fields))
    chances = None
    if any(part.probabilities is not None for part in parts):
        empty = [np.full((len(part), len(LABELS)), np.nan) for part in parts]
        chances = np.concatenate(
            [gap if part.probabilities is None else part.probabilities for part, gap in zip(parts, empty, strict=True)]
        )
    return Pool(
        [value for part in parts for value in part.ids],
        [value for part in parts for value in part.texts],
        [value for part in parts for value in part.contexts],
        [value for part in parts for value in part.actions],
        {name: [value for part in parts for value in part.fields.get(name) or [None] * len(part)] for name in names},
        chances,
    )


def _unique(ids: Sequence[str]) -> list[str]:
    """Give every post an id of its own: a repeated one gets `-2`, `-3`..."""
    taken = set(ids)
    seen: Counter[str] = Counter()
    unique = []
    for own in ids:
        seen[own] += 1
        new = own
        while seen[own] > 1 and (new := f"{own}-{seen[own]}") in taken:
            seen[own] += 1
        taken.add(new)
        unique.append(new)
    return unique


def _year(date: str | None) -> str | None:
    found = _YEAR.search(date or "")
    return found[0] if found else None

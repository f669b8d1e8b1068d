"""Labels and posts that a person should look at again: a list, never a change.

Four kinds of trouble make figures say something other than they seem to: labels that are likely wrong (Northcutt, Jiang
and Chuang, "Confident Learning", 2021, through cleanlab), posts that stand in the training data too, word for word or
nearly, one text with two labels, and posts on which annotators differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netral_nlp.corpus.agreement import Agreement, agreement, label_column
from netral_nlp.corpus.check.label_errors import LabelProblem, likely_wrong_labels
from netral_nlp.corpus.labelled import text_id
from netral_nlp.corpus.same_posts import ComparedPosts, Conflict, conflicts, same_across
from netral_nlp.errors import InputError
from netral_nlp.evaluation.metrics import align
from netral_nlp.labels import LABELS, Label

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

__all__ = [
    "COLUMNS",
    "KINDS",
    "Conflict",
    "Duplicate",
    "LabelProblem",
    "LabelProblems",
    "conflicting_labels",
    "find_label_problems",
    "likely_wrong_labels",
]

COLUMNS = ("kind", "id", "row", "given", "suggested", "score", "detail")
"""The columns of `LabelProblems.to_frame`."""

LIKELY_WRONG, CONFLICT, EXACT, NEAR, DISPUTED = KINDS = (
    "likely wrong label",
    "conflicting labels",
    "exact duplicate",
    "near duplicate",
    "annotators differ",
)
"""What `kind` can be, in the order of the list."""

TRAINING = "training posts"
"""What `Duplicate.among` says of the posts that were given as `train_posts`."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A post that stands in another set too.

    Attributes:
        row: the post's position (from 0).
        among: the other set: `TRAINING`, or `split X`.
        other_row: the most alike post's position (from 0): among the training posts, or among the same posts where
            `among` is a split.
        other_id: its id.
        other_label: its label, where it has one.
        jaccard: how alike they are; 1.0 for the same words.
    """

    row: int
    among: str
    other_row: int
    other_id: str
    other_label: Label | None
    jaccard: float

    @property
    def kind(self) -> str:
        """`EXACT` for the same words, `NEAR` otherwise."""
        return EXACT if self.jaccard == 1.0 else NEAR

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready; rows count from 1."""
        return {
            "row": self.row + 1,
            "among": self.among,
            "other_row": self.other_row + 1,
            "other_id": self.other_id,
            "other_label": None if self.other_label is None else self.other_label.value,
            "jaccard": self.jaccard,
        }


@dataclass(frozen=True)
class LabelProblems:
    """What a person should look at again.

    Attributes:
        posts: how many posts were looked at.
        likely_wrong: the surest first; None where there were no probabilities to tell by.
        conflicts: texts with different labels, in order of their first post.
        duplicates: posts that stand in the training posts or in a larger split too, by row; None where there was
            nothing to compare with.
        agreement: of the annotators; None where no columns were named.
        threshold: the least likeness (Jaccard) of near duplicates.
        ids: the posts' ids.
        labels: the posts' labels.
    """

    posts: int
    likely_wrong: tuple[LabelProblem, ...] | None
    conflicts: tuple[Conflict, ...]
    duplicates: tuple[Duplicate, ...] | None
    agreement: Agreement | None
    threshold: float
    ids: tuple[str, ...] = field(repr=False)
    labels: tuple[Label, ...] = field(repr=False)

    def counts(self) -> dict[str, int | None]:
        """Return how many posts there are of each kind in `KINDS`; None for what was not looked for."""
        found = self.duplicates
        return {
            LIKELY_WRONG: None if self.likely_wrong is None else len(self.likely_wrong),
            CONFLICT: sum(len(conflict.rows) for conflict in self.conflicts),
            EXACT: None if found is None else len({copy.row for copy in found if copy.kind == EXACT}),
            NEAR: None if found is None else len({copy.row for copy in found if copy.kind == NEAR}),
            DISPUTED: None if self.agreement is None else self.agreement.disputed_posts,
        }

    def to_dict(self, *, limit: int | None = 100) -> dict[str, Any]:
        """Return everything JSON-ready, without texts; rows count from 1.

        Args:
            limit: keep this many entries of each list; None for all. The counts are of all.
        """
        duplicates = None
        if self.duplicates is not None:
            closest = sorted(self.duplicates, key=lambda copy: -copy.jaccard)
            duplicates = [{"id": self.ids[copy.row], **copy.to_dict()} for copy in closest[:limit]]
        said = None
        if self.agreement is not None:
            said = self.agreement.to_dict()
            said["disputed"] = [{"id": self.ids[one["row"] - 1], **one} for one in said["disputed"][:limit]]
        return {
            "posts": self.posts,
            "threshold": self.threshold,
            "counts": {kind.replace(" ", "_"): count for kind, count in self.counts().items()},
            "likely_wrong": None
            if self.likely_wrong is None
            else [{"id": self.ids[one.row], **one.to_dict()} for one in self.likely_wrong[:limit]],
            "conflicts": [
                {"ids": [self.ids[row] for row in conflict.rows], **conflict.to_dict()}
                for conflict in self.conflicts[:limit]
            ],
            "duplicates": duplicates,
            "agreement": said,
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the list to check again, one line a post and problem, without texts.

        Its columns are `COLUMNS`. `row` counts posts from 1. `suggested` is None where there is nothing to suggest.
        `score` runs from 0 to 1, 1 for the surest: of a likely wrong label see `LabelProblem`; of a conflict the share
        of the text's other copies with another label; of a duplicate the likeness; where annotators differ the distance
        between them, 1 for neutral against campaigning. Kinds come in the order of `KINDS`, the highest score first.
        """
        import pandas as pd

        lines = sorted(self._lines(), key=lambda line: (KINDS.index(line[0]), -line[5], line[2]))
        columns = {name: [line[place] for line in lines] for place, name in enumerate(COLUMNS)}
        types = {"row": "int64", "score": "float64"}
        # Plain objects: pandas 2 and 3 then agree that a missing suggestion is None.
        return pd.DataFrame(
            {name: pd.Series(values, dtype=types.get(name, "object")) for name, values in columns.items()}
        )

    def table(self) -> str:
        """Return the counts as plain text for a terminal."""
        rows = [["to look at again", "posts"]]
        rows += [[kind, "not looked for" if count is None else f"{count:,}"] for kind, count in self.counts().items()]
        return "\n".join(align(rows))

    def _lines(self) -> Iterator[tuple[str, str, int, str, str | None, float, str]]:
        def line(
            kind: str, row: int, suggested: Label | None, score: float, detail: str
        ) -> tuple[str, str, int, str, str | None, float, str]:
            given = self.labels[row]
            other = None if suggested is None or suggested is given else suggested.value
            return kind, self.ids[row], row + 1, given.value, other, score, detail

        for one in self.likely_wrong or ():
            yield line(LIKELY_WRONG, one.row, one.likely, one.score, f"the model reads {one.likely.value}")
        for conflict in self.conflicts:
            times = Counter(conflict.labels)
            first = {label: row for row, label in zip(reversed(conflict.rows), reversed(conflict.labels), strict=True)}
            for row, label in zip(conflict.rows, conflict.labels, strict=True):
                share = (len(conflict.rows) - times[label]) / (len(conflict.rows) - 1)
                elsewhere = [
                    f"{other.value} in row {first[other] + 1}" + (f" and {times[other] - 1} more" * (times[other] > 1))
                    for other in LABELS
                    if times[other] and other is not label
                ]
                yield line(CONFLICT, row, conflict.majority, share, f"the same text is {', '.join(elsewhere)}")
        for copy in self.duplicates or ():
            there = "" if copy.other_label is None else f", labelled {copy.other_label.value} there"
            detail = f"also in row {copy.other_row + 1} ({copy.other_id}) of {copy.among}{there}"
            yield line(copy.kind, copy.row, None, copy.jaccard, detail)
        for post in self.agreement.disputed if self.agreement is not None else ():
            said = Counter(label.value for label in post.labels.values())
            detail = ", ".join(f"{said[label.value]} said {label.value}" for label in LABELS if said[label.value])
            yield line(DISPUTED, post.row, post.majority, post.distance / (len(LABELS) - 1), detail)


def conflicting_labels(posts: pd.DataFrame) -> tuple[Conflict, ...]:
    """Find the same text with different labels.

    Texts are the same if they are so after normalising, without handles, links, phone and id numbers, whatever the
    case. Where posts have a context or an action, these must be the same too: "Gas 🔥" means one thing under a campaign
    post and another under a recipe. Posts without any words are left out.

    Args:
        posts: `text`, `label` (rows without one are left out), and where there are any `context` and `action`.

    Returns:
        One entry a text, in order of its first post.

    Raises:
        InputError: the column `text` is missing or a label unknown.
    """
    read = _Read.of(posts, "posts")
    return conflicts(read.posts, read.labels)


def find_label_problems(
    posts: pd.DataFrame,
    probabilities: npt.ArrayLike | None = None,
    *,
    train_posts: pd.DataFrame | None = None,
    annotator_columns: Sequence[str] = (),
    threshold: float = 0.7,
    limit: int | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> LabelProblems:
    """Gather what a person should look at again in labelled posts; nothing is changed.

    Duplicates are looked for among `train_posts`, and, where posts have a column `split`, between its values: each post
    is compared with those of the larger splits, which usually are what a model is trained on. Two posts with a context
    count as duplicates only if both their texts and text and context together are alike.

    Args:
        posts: as `read_labelled` returns them: `text` and `label`, and where there are any `id`, `context`, `action`
            and `split`.
        probabilities: (n, 3) of a model that was not trained on these posts; None to leave likely wrong labels out.
        train_posts: what the model was trained on: `text`, and where there are any `id`, `label` and `context`.
        annotator_columns: columns of `posts` that hold one annotator's labels each, for their agreement.
        threshold: the least likeness of near duplicates (Jaccard of runs of five characters), 0.1 to 1.
        limit: at most this many likely wrong labels; None for all.
        resamples: bootstrap resamples behind the intervals of the agreement.
        seed: of the resamples.

    Raises:
        InputError: there are no posts, a column is missing, a label is unknown or missing, or the probabilities do not
            fit.
        MissingExtraError: probabilities are given and cleanlab is not installed, or annotator columns are named and
            krippendorff or scikit-learn is not.
    """
    read = _Read.of(posts, "posts")
    labels = tuple(label for label in read.labels if label is not None)
    if not read.ids:
        raise InputError("no posts whose labels could be checked")
    if len(labels) < len(read.ids):
        row = read.labels.index(None) + 1
        raise InputError(f"posts, row {row}, column 'label': no label; label the row or remove it")
    absent = [name for name in annotator_columns if name not in posts]
    if absent:
        raise InputError(f"the posts have no column {absent[0]!r} with an annotator's labels")

    duplicates: list[Duplicate] = []
    if train_posts is not None:
        train = _Read.of(train_posts, "training posts")
        every, other = range(len(read.ids)), range(len(train.ids))
        duplicates += _duplicates(read, every, train, other, dict.fromkeys(other, TRAINING), threshold)
    splits = _by_split(posts)
    larger: list[int] = []
    for rows in splits.values():
        names = {row: f"split {posts['split'].iloc[row]}" for row in larger}
        duplicates += _duplicates(read, rows, read, larger, names, threshold)
        larger += rows
    said = None
    if annotator_columns:
        columns = {name: posts[name].tolist() for name in annotator_columns}
        said = agreement(columns, resamples=resamples, seed=seed, disputed=None)
    wrong = None
    if probabilities is not None:
        wrong = likely_wrong_labels([label.severity for label in labels], probabilities, limit=limit)
    return LabelProblems(
        posts=len(labels),
        likely_wrong=wrong,
        conflicts=conflicts(read.posts, read.labels),
        duplicates=tuple(sorted(duplicates, key=lambda copy: copy.row))
        if train_posts is not None or len(splits) > 1
        else None,
        agreement=said,
        threshold=threshold,
        ids=read.ids,
        labels=labels,
    )


@dataclass(frozen=True)
class _Read:
    """Posts as they are compared."""

    ids: tuple[str, ...]
    posts: ComparedPosts
    labels: tuple[Label | None, ...]

    @classmethod
    def of(cls, posts: pd.DataFrame, name: str) -> _Read:
        """Read a data frame.

        Raises:
            InputError: it has no texts, or a label is unknown.
        """
        from netral_nlp.inference.classifier import as_text

        if "text" not in posts:
            raise InputError(f"the {name} lack the column 'text'; read_labelled gives it")

        def column(wanted: str) -> list[str]:
            if wanted not in posts:
                return [""] * len(posts)
            return [as_text(value) or "" for value in posts[wanted].tolist()]

        texts = column("text")
        ids = (own or text_id(text) for own, text in zip(column("id"), texts, strict=True))
        given = posts["label"].tolist() if "label" in posts else [None] * len(posts)
        codes = label_column(f"{name}, column 'label'", given).tolist()
        return cls(
            tuple(ids),
            ComparedPosts.of(texts, column("context"), column("action")),
            tuple(None if code < 0 else LABELS[code] for code in codes),
        )


def _by_split(posts: pd.DataFrame) -> dict[str, list[int]]:
    """Return the rows of each split, the largest first; none where there is no such column."""
    rows: dict[str, list[int]] = {}
    if "split" in posts:
        for row, value in enumerate(posts["split"].tolist()):
            if isinstance(value, str) and value:
                rows.setdefault(value, []).append(row)
    return dict(sorted(rows.items(), key=lambda item: -len(item[1])))


def _duplicates(
    posts: _Read,
    rows: Sequence[int],
    others: _Read,
    other_rows: Sequence[int],
    among: Mapping[int, str],
    threshold: float,
) -> Iterator[Duplicate]:
    """Yield the posts that stand among others too.

    Args:
        posts: one set.
        rows: which of them.
        others: the other set.
        other_rows: which of them.
        among: what to call each of `other_rows`, by row.
        threshold: the least likeness.
    """
    for same in same_across(posts.posts, rows, others.posts, other_rows, threshold):
        other = same.other_row
        yield Duplicate(same.row, among[other], other, others.ids[other], others.labels[other], same.jaccard)

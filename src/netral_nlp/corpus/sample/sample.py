"""`sample_files`: a pool in, the next posts to annotate out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netral_nlp import __version__
from netral_nlp.corpus.sample.draw import Draw, Opinion, draw
from netral_nlp.corpus.sample.exclusion import Exclusions, Reference, exclude, read_reference
from netral_nlp.corpus.sample.files import TaskFiles, write_manifest, write_tasks
from netral_nlp.corpus.sample.opinions import POSTS_A_SECOND, known_or, model_opinion, read_scored, scored_opinion
from netral_nlp.corpus.sample.options import DISAGREEMENT, DIVERSITY, MIXED, SampleOptions
from netral_nlp.corpus.sample.pool import Pool, ReadPool, read_pool
from netral_nlp.corpus.sample.strategies import require_clusters
from netral_nlp.corpus.sample.tasks import ANSWERS, TaskPost
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.labels import LABELS
from netral_nlp.storage import durable

if TYPE_CHECKING:
    import pandas as pd

    from netral_nlp.inference.classifier import NeutralityClassifier


@dataclass(frozen=True)
class Sample:
    """Posts to annotate.

    Attributes:
        posts: the drawn posts as a pool, in the order in which annotators shall see them.
        drawn: why each of them was taken; `Draw.posts` has the same order.
        copies: how many posts of the pool are nearly the same as each of them, itself included.
        candidates: how many posts might have been drawn.
        excluded: how many posts were left out, by reason.
        dealt: the numbers of the annotators, from 1, who get each of the posts; empty while it is in no file.
    """

    posts: Pool
    drawn: Draw
    copies: tuple[int, ...]
    candidates: int
    excluded: dict[str, int]
    dealt: tuple[tuple[int, ...], ...] = ()

    def frame(self) -> pd.DataFrame:
        """Return the posts as a table: id, text, context, action, what else is known, reason, score, weight, copies."""
        import pandas as pd

        posts = self.drawn.posts
        return pd.DataFrame(
            {
                "id": self.posts.ids,
                "text": self.posts.texts,
                "context": self.posts.contexts,
                "action": self.posts.actions,
                **self.posts.fields,
                "reason": [post.reason for post in posts],
                "score": [post.score for post in posts],
                "weight": [post.weight for post in posts],
                "copies": self.copies,
            }
        )

    def task_posts(self, spread: Sequence[str] = (), *, suggestions: bool = False) -> list[TaskPost]:
        """Return the posts as annotators get them.

        Args:
            spread: columns that travel along besides those that are known; but for `tasks.ANSWERS`.
            suggestions: with the model's label, where it was asked.
        """
        extra = {"action": self.posts.actions, **self.posts.fields}
        if "year" in spread and "year" not in extra:
            extra["year"] = self.posts.years()
        extra = {name: values for name, values in extra.items() if name.strip().lower() not in ANSWERS}
        found = []
        for place, post in enumerate(self.drawn.posts):
            suggestion = None
            if suggestions and post.probabilities is not None:
                best = int(np.argmax(post.probabilities))
                suggestion = (LABELS[best], round(post.probabilities[best], 4))
            fields = {name: value for name, values in extra.items() if (value := values[place])}
            found.append(
                TaskPost(
                    self.posts.ids[place], self.posts.texts[place], self.posts.contexts[place], fields, post.reason,
                    suggestion,
                )
            )  # fmt: skip
        return found


def sample_posts(
    pool: Pool,
    options: SampleOptions | None = None,
    *,
    never: Reference | None = None,
    labelled: Reference | None = None,
    opinion: Opinion | None = None,
    second_opinion: Opinion | None = None,
    with_probabilities: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Sample:
    """Draw posts to annotate from a pool in memory.

    Args:
        pool: the posts; `Pool.of` and `Pool.from_frame` make one.
        options: how to draw.
        never: held-out posts (dev, test): neither they nor their near-duplicates are drawn.
        labelled: posts that have labels already: the same.
        opinion: what a model thinks (`opinions.model_opinion`); by default the probabilities that the pool has.
        second_opinion: another model's, for disagreement.
        with_probabilities: ask the model about all drawn posts.
        say: called with one line for what the user should know.

    Raises:
        InputError: the pool holds nothing that may be drawn, lacks a column or probabilities, or two models that judge
            every post alike shall disagree.
        ConfigError: the strategy needs a model that is not given.
        MissingExtraError: the strategy needs scikit-learn, which is not installed.
    """
    from netral_nlp.evaluation.suites import suite_texts

    options = options or SampleOptions()
    _require(options)
    if not len(pool):
        raise InputError("the pool holds no posts")
    pool.strata(options.spread)  # a column that is not there is told before minutes have gone by
    if opinion is None and pool.probabilities is not None:
        opinion = known_or(None)
    excluded = exclude(pool, never=never, labelled=labelled, suites=suite_texts(), near=options.near)
    say(exclusion_table(len(pool), excluded))
    if not len(excluded.kept):
        raise InputError("nothing is left to draw from: every post of the pool is left out for one of these reasons")
    candidates = pool.take(excluded.kept)
    if len(candidates) <= options.count:
        some = f"{len(candidates):,} of {options.count:,}"
        left = f"fewer posts are left than asked for: {some}" if len(candidates) < options.count else "no more are left"
        unseen = " without scoring them: there is nothing to choose" if options.needs_model else ""
        say(f"{left}; all of them are taken{'' if with_probabilities else unseen}")
    drawn = draw(
        candidates, options, opinion=opinion, second_opinion=second_opinion, with_probabilities=with_probabilities
    )
    rows = np.array([post.row for post in drawn.posts], dtype=np.int64)
    return Sample(
        candidates.take(rows),
        drawn,
        tuple(excluded.copies[rows].tolist()),
        len(candidates),
        dict(excluded.reasons),
    )


def _require(options: SampleOptions) -> None:
    """Check that the strategy can be had, before anything takes its time.

    Raises:
        MissingExtraError: it needs scikit-learn, which is not installed.
    """
    if options.by in (MIXED, DIVERSITY):
        require_clusters()


def exclusion_table(posts: int, excluded: Exclusions) -> str:
    """Return how many posts are left out, and why, as plain text for a terminal."""
    from netral_nlp.evaluation.metrics import align, percent

    rows = [["posts in the pool", f"{posts:,}", ""]]
    rows += [[f"  {why}", f"{count:,}", percent(count, posts)] for why, count in excluded.reasons.items()]
    rows.append(["left to draw from", f"{len(excluded.kept):,}", percent(len(excluded.kept), posts)])
    return "\n".join(align(rows))


@dataclass(frozen=True)
class SampleRequest:
    """What `netral data sample` is asked for.

    Attributes:
        pool: files of posts.
        files: where the draw goes.
        options: how to draw.
        never: files of held-out posts.
        labelled: files of posts that have labels, or are with the annotators.
        model: the model; None for the shipped one.
        second_model: another model, or a file scored by one, for disagreement.
        scored: refuse to score: every post of the pool must have probabilities.
        with_suggestions: give annotators the model's label to confirm or change.
        text_column: where the text is; guessed by default.
        context_column: where the text is that a post answers; guessed by default.
        id_column: where the id is; guessed by default.
        overwrite: replace files that are there.
        progress: show a progress bar while scoring.
    """

    pool: tuple[Path, ...]
    files: TaskFiles
    options: SampleOptions = field(default_factory=SampleOptions)
    never: tuple[Path, ...] = ()
    labelled: tuple[Path, ...] = ()
    model: str | None = None
    second_model: str | None = None
    scored: bool = False
    with_suggestions: bool = False
    text_column: str | None = None
    context_column: str | None = None
    id_column: str | None = None
    overwrite: bool = False
    progress: bool = False

    def __post_init__(self) -> None:
        """Check that the options go together.

        Raises:
            ConfigError: they do not.
        """
        if self.scored and self.model is not None:
            raise ConfigError("--scored reads the pool's own probabilities; leave out --model, or --scored")
        if self.second_model is not None and self.options.by != DISAGREEMENT:
            raise ConfigError("--second-model goes with --by disagreement")
        if self.second_model is not None and self.second_model == self.model:
            raise ConfigError("--model and --second-model are one model, which judges every post alike; name two")


def sample_files(request: SampleRequest, *, say: Callable[[str], None] = lambda line: None) -> Sample:
    """Draw posts from files of posts, and write the tasks, what the tool needs, and the manifest.

    Args:
        request: what to draw and where to.
        say: called with one line (or table) for what the user should know.

    Raises:
        InputError: a file cannot be read or written, a column is missing, or there is nothing to draw from.
        ConfigError: the options do not go together.
        ModelFolderError: the model cannot be found or is incomplete.
        MissingExtraError: the strategy needs scikit-learn, which is not installed.
    """
    _require(request.options)
    paths, second_file = _pool_files(request)
    inputs = (*request.pool, *request.never, *request.labelled, *([] if second_file is None else [second_file]))
    for path in inputs:
        if not path.exists():
            raise InputError(f"{path}: no such file; check the path")
    request.files.check_free(inputs, overwrite=request.overwrite)
    if not request.never and not request.labelled:
        say(
            "neither --never nor --labelled is given: fine in a first round; from then on name your dev and test posts "
            "with --never and labelled ones with --labelled"
        )
    never = read_reference(request.never, say=say)  # what is wrong there is told before a large pool is read
    labelled = read_reference(request.labelled, say=say)
    read = read_pool(
        paths,
        text_column=request.text_column,
        context_column=request.context_column,
        id_column=request.id_column,
        columns=request.options.spread,
    )
    for note in read.notes:
        say(note)
    if not len(read.pool):
        raise InputError(f"{', '.join(map(str, paths))}: no post can be read")
    if request.scored and read.pool.probabilities is None:
        raise InputError(
            f"{paths[0]}: has no columns p_neutral, p_supportive, p_campaigning; score it with `netral score`, or "
            "leave out --scored"
        )
    models = _Models(request, read, second_file, say)
    sample = sample_posts(
        read.pool,
        request.options,
        never=never,
        labelled=labelled,
        opinion=models.first() if request.options.needs_model or request.with_suggestions else None,
        second_opinion=models.second() if request.options.by == DISAGREEMENT else None,
        with_probabilities=request.with_suggestions,
        say=say,
    )
    posts = sample.task_posts(request.options.spread, suggestions=request.with_suggestions)
    name = models.names[0]["name"] if models.names else None
    dealt = write_tasks(posts, request.files, seed=request.options.seed, model=name)
    sample = replace(sample, dealt=tuple(dealt))
    write_manifest(request.files, _manifest(request, read, never, labelled, models, sample))
    return sample


def _pool_files(request: SampleRequest) -> tuple[tuple[Path, ...], Path | None]:
    """Return the pool's files, and the scored file that is a second opinion."""
    if request.options.by != DISAGREEMENT:
        return request.pool, None
    if request.second_model is None:
        if len(request.pool) == 2 and request.model is None:
            return request.pool[:1], request.pool[1]
        raise ConfigError(
            "--by disagreement needs two opinions: give --second-model (a model or a scored file), or exactly two "
            "scored files of the same posts"
        )
    second = Path(request.second_model)
    return request.pool, second if second.is_file() else None


class _Models:
    """The models of a request; `names` has those that were asked."""

    def __init__(
        self, request: SampleRequest, read: ReadPool, second_file: Path | None, say: Callable[[str], None]
    ) -> None:
        self.names: list[dict[str, Any]] = []
        self._request = request
        self._read = read
        self._second_file = second_file
        self._say = say

    def first(self) -> Opinion:
        request = self._request
        if request.model is not None:
            return self._model(request.model)
        if self._read.pool.probabilities is not None:
            scored = {"name": "scored file", "fingerprint": None}
            return self._named(scored, known_or(self._otherwise()))
        return known_or(self._otherwise())

    def second(self) -> Opinion:
        if self._second_file is not None:
            scored = read_scored(
                self._second_file, text_column=self._request.text_column, id_column=self._request.id_column
            )
            name = {"name": self._second_file.name, "fingerprint": durable.sha256_of(self._second_file)}
            return self._named(name, scored_opinion(scored, str(self._second_file)))
        return self._model(self._request.second_model)

    def _otherwise(self) -> Callable[[], Opinion] | None:
        """Return what is asked about posts that come without probabilities; None where nothing may be."""
        of_two = self._second_file is not None and self._request.second_model is None
        return None if self._request.scored or of_two else lambda: self._model(None)

    def _named(self, name: dict[str, Any], ask: Opinion) -> Opinion:
        def asked(pool: Pool) -> Any:
            if name not in self.names:
                self.names.append(name)
            return ask(pool)

        return asked

    def _model(self, name: str | None) -> Opinion:
        from netral_nlp.inference.classifier import NeutralityClassifier

        classifier: NeutralityClassifier = NeutralityClassifier.from_pretrained(name)
        folder = classifier.folder
        name_of = {"name": folder.name, "fingerprint": folder.fingerprint(), "backend": classifier.backend}
        ask = model_opinion(classifier, progress=self._request.progress)

        def told(pool: Pool) -> Any:
            minutes = len(pool) / POSTS_A_SECOND / 60
            about = f"about {minutes:,.0f} minutes" if minutes >= 1.5 else "about a minute or less"
            more = "; --max-pool N scores a random part alone" if minutes > 5 else ""
            self._say(
                f"scoring {len(pool):,} posts with {folder.name}: {about} at {POSTS_A_SECOND} posts a second{more}"
            )
            return ask(pool)

        return self._named(name_of, told)


def _manifest(
    request: SampleRequest,
    read: ReadPool,
    never: Reference,
    labelled: Reference,
    models: _Models,
    sample: Sample,
) -> dict[str, Any]:
    """Return what `OUTPUT.meta.json` says: what was drawn from what, how, and why each post; no text of a post."""

    def files(paths: Sequence[Path], rows: Sequence[int]) -> list[dict[str, Any]]:
        return [
            {"name": path.name, "sha256": None if path.is_dir() else durable.sha256_of(path), "posts": count}
            for path, count in zip(paths, rows, strict=True)
        ]

    options, drawn = request.options, sample.drawn
    paths, _ = _pool_files(request)
    return {
        "netral_nlp": __version__,
        "pool": files(paths, read.rows),
        "never": files(request.never, [never.files[str(path)] for path in request.never]),
        "labelled": files(request.labelled, [labelled.files[str(path)] for path in request.labelled]),
        "models": models.names,
        "options": {
            **options.to_dict(),
            "tool": request.files.tool,
            "language": request.files.language,
            "annotators": request.files.annotators,
            "overlap": request.files.overlap,
            "with_suggestions": request.with_suggestions,
        },
        "counts": {
            "pool": len(read.pool),
            "unreadable": read.unreadable,
            "left_out": sample.excluded,
            "candidates": sample.candidates,
            "considered": drawn.considered,
            "asked_for": options.count,
            "drawn": len(drawn.posts),
            "by_reason": drawn.reasons,
            "read_twice": sum(len(given) > 1 for given in sample.dealt),
        },
        "strata": [
            {**dict(zip(options.spread, values, strict=True)), "candidates": size, "drawn": taken}
            for values, (size, taken) in drawn.strata.items()
        ],
        "posts": [
            {
                "id": identifier,
                "reason": post.reason,
                "score": post.score,
                "weight": None if post.weight is None else round(post.weight, 6),
                "copies": copies,
                "annotators": list(given),
                **({} if post.probabilities is None else {"probabilities": list(post.probabilities)}),
            }
            for identifier, post, copies, given in zip(
                sample.posts.ids, drawn.posts, sample.copies, sample.dealt, strict=True
            )
        ],
    }

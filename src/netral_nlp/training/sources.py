"""Where a run's posts come from: labelled files, labels joined to copies of public posts, old posts mixed in."""

from __future__ import annotations

import copy
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netral_nlp.corpus.labelled import KNOWN_COLUMNS, read_labelled
from netral_nlp.errors import InputError
from netral_nlp.labels import LABELS

if TYPE_CHECKING:
    import pandas as pd

    from netral_nlp.corpus.same_posts import ComparedPosts
    from netral_nlp.training.config import TrainingConfig

log = logging.getLogger(__name__)

_DEV = frozenset({"dev", "development", "val", "valid", "validation", "validasi"})
_TEST = frozenset({"test", "testing", "uji", "holdout", "held_out"})
_NEAR_SAME = 0.7
_POST = ("text", "context", "action")


@dataclass(frozen=True)
class Sources:
    """A run's labelled posts as read; the columns are those of `read_labelled`.

    Attributes:
        train: what no file marks as held out.
        dev: posts that the column `split` marks as dev; None where there are none.
        left_out: how many posts are marked as test, or as dev although dev files were given.
        held_out: the texts of all posts that are marked dev or test and are not trained on.
    """

    train: pd.DataFrame
    dev: pd.DataFrame | None
    left_out: int
    held_out: tuple[str, ...] = ()


def read_sources(config: TrainingConfig, extra_columns: Sequence[str] = (), *, keep_dev: bool = False) -> Sources:
    """Read `data` and the joined posts of `labels`, and part them by their column `split`.

    Args:
        config: the run.
        extra_columns: further columns to carry.
        keep_dev: take posts that are marked dev for training posts: whoever divides the posts anew wants them.

    Raises:
        InputError: a file cannot be read, a label file finds no text, or every post is held out.
    """
    rows = read_posts(config, extra_columns)
    sides = _sides(rows, config)
    if keep_dev:
        sides[sides == "dev"] = "train"
    held_dev, held_test = sides == "dev", sides == "test"
    if (held_dev | held_test).all():
        raise InputError(
            f"{', '.join([*config.data, *config.labels])}: every post is marked dev or test in the column 'split'; "
            "name training posts, or say use_split: false (--no-use-split) to train on them all the same"
        )
    left_out = int(held_test.sum()) + (int(held_dev.sum()) if config.dev and not keep_dev else 0)
    if left_out:
        what = "test" if keep_dev or not config.dev else "dev or test"
        log.info("%d posts are marked %s in the column 'split' and are not trained on", left_out, what)
    if not left_out and not held_dev.any():
        return Sources(rows, None, 0)
    train = rows[~(held_dev | held_test)].reset_index(drop=True)
    dev = rows[held_dev].reset_index(drop=True) if held_dev.any() and not config.dev else None
    if dev is not None:
        log.info("%d posts are marked dev in the column 'split': they choose the best epoch", len(dev))
    return Sources(train, dev, left_out, tuple(rows["text"][held_dev | held_test].tolist()))


def read_posts(config: TrainingConfig, extra_columns: Sequence[str] = ()) -> pd.DataFrame:
    """Read `data` and join `labels` to their texts, whatever their split.

    Args:
        config: the run.
        extra_columns: further columns to carry.

    Raises:
        InputError: a file cannot be read, or a label file finds no text.
    """
    import pandas as pd

    texts = list(config.hydrate)
    labelled = list(config.data)
    if config.labels:  # a file without labels is a copy that the label files are of
        texts += [path for path in config.data if not _has_labels(path, config)]
        labelled = [path for path in config.data if path not in texts]
    parts = [read_files(labelled, config, extra_columns)] if labelled else []
    if config.labels:
        parts.append(_join(config, texts, extra_columns))
    if len(parts) == 1:
        return parts[0]
    # Plain objects stay plain objects, and a column that one part lacks is None there.
    columns = list(dict.fromkeys(name for part in parts for name in part.columns))
    filled = {name: [*_column(parts[0], name), *_column(parts[1], name)] for name in columns}
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in filled.items()})
    if "weight" in frame:
        frame["weight"] = [1.0 if value is None else float(value) for value in frame["weight"]]
    return frame


def read_files(paths: Sequence[str], config: TrainingConfig, extra_columns: Sequence[str] = ()) -> pd.DataFrame:
    """Read labelled files with the columns that the configuration names; its context column is called `context`.

    Raises:
        InputError: a file cannot be read.
    """
    context = config.context_column
    extra = [name for name in (context, *extra_columns) if name and name not in (*KNOWN_COLUMNS, "id")]
    rows = read_labelled(
        list(paths),
        text_column=config.text_column,
        label_column=config.label_column,
        extra_columns=list(dict.fromkeys(extra)),
    )
    if context != "context":
        rows = rows.drop(columns="context", errors="ignore")
        if context is not None:
            rows = rows.rename(columns={context: "context"})
    return rows


def mix_in(train: pd.DataFrame, dev: pd.DataFrame, config: TrainingConfig) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Add old posts to new ones, so that a model that is trained further does not forget what it knew.

    Drawn at random, each label with its share, up to `replay_share` of all training posts; none that the files mark as
    dev or test, none that is near-same to a dev post or the same as a new post (Robins, "Catastrophic forgetting,
    rehearsal and pseudorehearsal", 1995).

    Args:
        train: the new posts.
        dev: what the run is chosen on.
        config: names the files and the share.

    Returns:
        The new posts, then the old ones; and the texts of the old posts that are marked dev or test.

    Raises:
        InputError: a file cannot be read, or nothing is left to mix in.
    """
    import pandas as pd

    from netral_nlp.corpus.same_posts import same_across

    old = _read_old(config)
    sides = _sides(old, config)
    held_out = (sides == "dev") | (sides == "test")
    compared, chosen_on = _compared(old), _compared(dev)
    rows = range(len(compared))
    leaks = {same.row for same in same_across(compared, rows, chosen_on, range(len(chosen_on)), _NEAR_SAME)}
    known = set(_compared(train).keys())
    usable = [
        row
        for row, key in enumerate(compared.keys())
        if not held_out[row] and row not in leaks and key not in known and (key[0] or key[1])
    ]
    if not usable:
        raise InputError(f"{', '.join(config.replay)}: no post is left to mix in; all are held out, or known already")
    wanted = round(len(train) * config.replay_share / (1 - config.replay_share))
    drawn = _draw(usable, [label.severity for label in old["label"]], wanted, config.seed)
    log.info("%d old posts are mixed in with %d new ones", len(drawn), len(train))
    columns = list(dict.fromkeys([*train.columns, *old.columns]))
    taken = old.iloc[drawn]
    frame = pd.DataFrame(
        {name: pd.Series([*_column(train, name), *_column(taken, name)], dtype=object) for name in columns}
    )
    if "weight" in frame:
        frame["weight"] = [1.0 if value is None else float(value) for value in frame["weight"]]
    return frame, tuple(old["text"][held_out].tolist())


def _read_old(config: TrainingConfig) -> pd.DataFrame:
    """Read the files to mix in; where they lack a column that the new posts' files have, by the common names."""
    import pandas as pd

    from netral_nlp.formats import open_posts

    parts = []
    for path in config.replay:
        own = copy.copy(config)
        if not Path(path).is_dir():
            with open_posts(path) as reader:
                names = reader.columns
            own.text_column = config.text_column if config.text_column in names else None
            own.label_column = config.label_column if config.label_column in names else None
            if config.context_column is not None and config.context_column not in names:
                own.context_column = "context"
        parts.append(read_files([path], own))
    columns = list(dict.fromkeys(name for part in parts for name in part.columns))
    cells = {name: [value for part in parts for value in _column(part, name)] for name in columns}
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in cells.items()})


def _draw(rows: Sequence[int], labels: Sequence[int], wanted: int, seed: int) -> list[int]:
    """Return some of the rows in order, each label with its share among them."""
    chance = np.random.default_rng(seed)
    if wanted >= len(rows):
        return list(rows)
    drawn: list[int] = []
    for severity in range(len(LABELS)):
        own = [row for row in rows if labels[row] == severity]
        count = round(wanted * len(own) / len(rows))
        drawn += chance.permutation(own)[:count].tolist() if own else []
    return sorted(drawn)


def _sides(rows: pd.DataFrame, config: TrainingConfig) -> np.ndarray:
    """Say of each post whether its column `split` marks it as dev or test; everything else is train."""
    if "split" not in rows.columns or not config.use_split:
        return np.full(len(rows), "train", dtype=object)
    names = ["" if value is None else str(value).strip().lower() for value in rows["split"].tolist()]
    return np.array(["dev" if name in _DEV else "test" if name in _TEST else "train" for name in names], dtype=object)


def _compared(rows: pd.DataFrame) -> ComparedPosts:
    """Return posts as they are compared with each other, as `netral data check` and `split` do."""
    from netral_nlp.corpus.same_posts import ComparedPosts

    columns = ([None if value is None else str(value) for value in _column(rows, name)] for name in _POST)
    texts, contexts, actions = columns
    return ComparedPosts.of([text or "" for text in texts], contexts, actions)


def _column(rows: pd.DataFrame, name: str) -> list[object]:
    return rows[name].tolist() if name in rows.columns else [None] * len(rows)


def _has_labels(path: str, config: TrainingConfig) -> bool:
    from netral_nlp.formats import open_posts

    if Path(path).is_dir():
        return True
    wanted = (config.label_column or "label").lower()
    with open_posts(path) as reader:
        return any(name.strip().lower() == wanted for name in reader.columns)


def _join(config: TrainingConfig, files: Sequence[str], extra_columns: Sequence[str]) -> pd.DataFrame:
    """Join label files to the user's copies of the public posts, read like any other labelled posts.

    Raises:
        InputError: no label finds its text, or a file cannot be read.
    """
    from netral_nlp.corpus.hydrate import hydrate
    from netral_nlp.corpus.label_file import read_label_files
    from netral_nlp.formats import write_rows

    stated = read_label_files(config.labels).columns
    extra = [name for name in extra_columns if name not in KNOWN_COLUMNS]
    found = hydrate(config.labels, files, keep=[name for name in extra if name not in stated])
    found.require()
    log.info("%d of %d labels found their text", len(found.rows), found.total)
    if found.misses:
        log.warning(
            "%d labels found no text in %d files; netral data hydrate says by source why",
            len(found.misses), len(found.files),
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "joined.jsonl"
        write_rows(path, found.rows, columns=found.columns)
        rows = read_labelled(path, extra_columns=[name for name in extra if name in found.columns])
    return rows if config.context_column else rows.drop(columns="context", errors="ignore")

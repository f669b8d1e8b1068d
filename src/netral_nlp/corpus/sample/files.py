"""A draw as files: the tasks, what a tool needs beside them, and the manifest that says why each post was taken."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from netral_nlp.corpus.sample import tasks
from netral_nlp.corpus.sample.words import words_of
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.formats import write_rows
from netral_nlp.storage import durable

TOOLS: Final[Mapping[str, tuple[str, ...]]] = {
    tasks.LABEL_STUDIO: (".json",),
    tasks.DOCCANO: (".jsonl",),
    tasks.ARGILLA: (".json",),
    tasks.TABLE: (".csv", ".tsv", ".xlsx"),
}
"""The tools, and the endings that their files have."""

_BESIDE: Final = {
    tasks.LABEL_STUDIO: (".label-config.xml",),
    tasks.DOCCANO: (".doccano-labels.json", ".guide.md"),
    tasks.ARGILLA: (".argilla-settings.json",),
    tasks.TABLE: (".guide.md",),
}


@dataclass(frozen=True)
class TaskFiles:
    """Where a draw goes.

    Attributes:
        output: the file that the user named.
        tool: of `TOOLS`.
        annotators: how many people share the posts; each gets a file of their own where there are several.
        overlap: the share of posts that two of them read.
        language: `id` or `en`.
    """

    output: Path
    tool: str
    annotators: int = 1
    overlap: float = 0.1
    language: str = "id"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ConfigError: one of them makes no sense.
        """
        if self.tool not in TOOLS:
            raise ConfigError(f"unknown tool {self.tool!r} (--tool); known: {', '.join(TOOLS)}")
        endings = TOOLS[self.tool]
        if self.output.suffix.lower() not in endings:
            raise ConfigError(f"{self.output}: files for {self.tool} end in {' or '.join(endings)}; choose another -o")
        if self.annotators < 1:
            raise ConfigError(f"--annotators is at least 1, not {self.annotators}")
        if not 0 <= self.overlap <= 1:
            raise ConfigError(f"--overlap lies between 0 and 1; got {self.overlap}")
        words_of(self.language)

    @classmethod
    def named(cls, output: str | Path, tool: str | None = None, **options: Any) -> TaskFiles:
        """Choose the tool by the file's ending where none is named: .json is Label Studio's, .jsonl doccano's.

        Raises:
            ConfigError: the ending is of no tool, or an option makes no sense.
        """
        path = Path(output)
        if tool is None:
            tool = next((name for name, endings in TOOLS.items() if path.suffix.lower() in endings), None)
            if tool is None:
                known = "; ".join(f"{' '.join(endings)} for {name}" for name, endings in TOOLS.items())
                raise ConfigError(f"{path}: the ending is of no annotation tool; use {known}")
        return cls(path, tool, **options)

    @property
    def task_paths(self) -> tuple[Path, ...]:
        """One file, or one for each annotator (`tasks.annotator-1.json`)."""
        if self.annotators == 1:
            return (self.output,)
        stem, suffix = self.output.stem, self.output.suffix
        return tuple(self.output.with_name(f"{stem}.annotator-{n}{suffix}") for n in range(1, self.annotators + 1))

    @property
    def beside(self) -> tuple[Path, ...]:
        """What the tool needs beside the tasks."""
        return tuple(self.output.with_name(self.output.stem + ending) for ending in _BESIDE[self.tool])

    @property
    def manifest(self) -> Path:
        """Where it stands why each post was taken."""
        return self.output.with_name(self.output.name + ".meta.json")

    def check_free(self, inputs: Sequence[Path] = (), *, overwrite: bool = False) -> None:
        """Refuse to replace what is there already, and what cannot be written.

        Raises:
            InputError: a file is there and `overwrite` is not given, is one of the inputs, or has no folder, or none
                that can be written into.
        """
        for path in (*self.task_paths, *self.beside, self.manifest):
            if not path.parent.is_dir():
                raise InputError(f"{path}: there is no folder {path.parent}; make it first")
            part = _part_of(path)
            try:  # hours of scoring shall not end in this
                if not part.exists():
                    part.open("xb").close()
                    part.unlink()
            except OSError as error:
                raise InputError(f"{path}: cannot be written: {error.strerror or error}; choose another -o") from error
            if not path.exists():
                continue
            if path.is_dir():
                raise InputError(f"{path}: is a folder; choose another -o")
            if any(given.exists() and path.samefile(given) for given in inputs):
                raise InputError(f"{path}: is an input and cannot be the output as well; choose another -o")
            if not overwrite:
                raise InputError(f"{path}: exists already; choose another -o, or use --overwrite")


def assign(count: int, annotators: int, overlap: float, seed: int) -> list[tuple[int, ...]]:
    """Deal posts to annotators, evenly; a part of them to two.

    Args:
        count: how many posts.
        annotators: how many people.
        overlap: the share of posts that two people read, drawn at random; no post where there is one person.
        seed: of the draw.

    Returns:
        For each post the numbers of its annotators, from 1.
    """
    chance = np.random.default_rng([seed, 10])
    order = chance.permutation(count).tolist()
    twice = round(overlap * count) if annotators > 1 else 0
    dealt: list[tuple[int, ...]] = [()] * count
    for place, post in enumerate(order):
        first = place % annotators
        given = [first]
        if place < twice:  # the second reader moves on with each round, so that all pairs occur
            given.append((first + 1 + place // annotators % (annotators - 1)) % annotators)
        dealt[post] = tuple(sorted(number + 1 for number in given))
    return dealt


def write_tasks(
    posts: Sequence[tasks.TaskPost], files: TaskFiles, *, seed: int = 0, model: str | None = None
) -> list[tuple[int, ...]]:
    """Write the tasks and what the tool needs beside them; each file appears whole.

    Args:
        posts: the posts, shuffled.
        files: where to.
        seed: of who gets what, in which order.
        model: the name of the model whose suggestions the posts have.

    Returns:
        For each post the numbers of its annotators, from 1.

    Raises:
        InputError: a file cannot be written, or the format cannot hold a post.
    """
    words = words_of(files.language)
    dealt = assign(len(posts), files.annotators, files.overlap, seed)
    context = any(post.context for post in posts)
    for number, path in enumerate(files.task_paths, 1):
        own = [post for post, given in zip(posts, dealt, strict=True) if number in given]
        if files.annotators > 1:
            order = np.random.default_rng([seed, 11, number]).permutation(len(own))
            own = [own[place] for place in order.tolist()]
        if files.tool == tasks.LABEL_STUDIO:
            _write_json(path, tasks.label_studio_tasks(own, words, model))
        elif files.tool == tasks.ARGILLA:
            _write_json(path, tasks.argilla_records(own, model))
        elif files.tool == tasks.DOCCANO:
            rows = tasks.doccano_rows(own, words)
            _write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        else:
            write_rows(path, tasks.table_rows(own, number if files.annotators > 1 else None))
    first, *rest = files.beside
    if files.tool == tasks.LABEL_STUDIO:
        _write_text(first, tasks.label_studio_interface(words, context=context))
    elif files.tool == tasks.ARGILLA:
        _write_json(first, tasks.argilla_settings(words, context=context))
    elif files.tool == tasks.DOCCANO:
        _write_json(first, tasks.doccano_labels(words))
        _write_text(rest[0], words.markdown())
    else:
        _write_text(first, words.markdown())
    return dealt


def write_manifest(files: TaskFiles, document: Mapping[str, Any]) -> None:
    """Write the manifest, with the hashes of the files that are there by now."""
    written = [path for path in (*files.task_paths, *files.beside) if path.exists()]
    outputs = [{"name": path.name, "sha256": durable.sha256_of(path)} for path in written]
    _write_json(files.manifest, {**document, "outputs": outputs})


def _write_json(path: Path, value: Any) -> None:
    _write_text(path, json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def _part_of(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _write_text(path: Path, text: str) -> None:
    temporary = _part_of(path)
    try:
        with durable.durable_file(temporary) as file:
            file.write(text.encode("utf-8", "surrogatepass"))
        durable.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)

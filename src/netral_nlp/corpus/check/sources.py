"""Which files are checked, and on which side of a split each of them stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from netral_nlp.corpus.public_files import is_file
from netral_nlp.errors import InputError
from netral_nlp.formats import detect_format

CARD: Final = "README.md"
_SPLIT: Final = "split.json"
_NO_DATA: Final = (".txt", ".meta.json", _SPLIT)
_LEFT_OUT: Final = "left_out"
"""What `netral data split` calls the posts that can stand on no side without a leak."""
_DATASETS: Final = ("dataset_info.json", "dataset_dict.json", "records.json")


@dataclass(frozen=True)
class Source:
    """A file to check.

    Attributes:
        path: the file, or a folder that `datasets` wrote.
        side: the side of a split that its posts stand on, unless their own column `split` says otherwise; None where
            nothing says so.
        named: the user gave the side its name: it stands above the column `split`.
        from_folder: it was found in a folder, and may well be no labelled file.
        set_aside: it holds what `netral data split` put on no side, so that nothing is trained on it.
    """

    path: Path
    side: str | None = None
    named: bool = False
    from_folder: bool = False
    set_aside: bool = False

    @property
    def name(self) -> str:
        """The file, as messages name it."""
        return str(self.path)


def find_sources(inputs: Sequence[str | Path]) -> list[Source]:
    """Say which files are meant.

    Args:
        inputs: files, `NAME=FILE`, or folders. Of a folder all data files are taken. If its `README.md` has a Hugging
            Face header with `configs:` whose data files have a `split:`, this is their side, and the other files have
            none; without such a header each file is a side.

    Raises:
        InputError: a file or folder is not there, a folder holds no data, a card cannot be read, or nothing is given.
    """
    found: list[Source] = []
    for given in inputs:
        name, path = _parse(given)
        if path.is_dir() and not any((path / mark).is_file() for mark in _DATASETS):
            if name is not None:
                raise InputError(f"{path}: is a folder; NAME=FILE names the side of one file")
            found += _folder(path)
        elif not path.exists():
            raise InputError(f"{path}: no such file; check the path")
        else:
            found.append(Source(path, name, named=name is not None))
    if not found:
        raise InputError("nothing to check: name at least one file or folder")
    path, times = Counter(source.path for source in found).most_common(1)[0]
    if times > 1:
        raise InputError(f"{path}: is given twice; every post in it would stand on two sides")
    if len(found) == 1:
        return found
    names = _side_names([source.path for source in found if source.side is None and not source.from_folder])
    return [
        source
        if source.side is not None or source.from_folder
        else Source(source.path, names[source.path], from_folder=False)
        for source in found
    ]


def _parse(given: str | Path) -> tuple[str | None, Path]:
    """Part `NAME=FILE`; a file whose own name has an equals sign stays what it is."""
    if isinstance(given, str) and "=" in given and not Path(given).exists():
        name, _, path = given.partition("=")
        if name.strip() and path:
            return name.strip(), Path(path)
    return None, Path(given)


def _side_names(paths: Sequence[Path]) -> dict[Path, str]:
    """Name files as shortly as tells them apart."""
    stems = [path.name.split(".")[0] or path.name for path in paths]
    times = Counter(stems)
    return {path: stem if times[stem] == 1 else str(path) for path, stem in zip(paths, stems, strict=True)}


def _folder(folder: Path) -> list[Source]:
    files = [path for path in sorted(folder.rglob("*")) if _is_data(path, folder)]
    if not files:
        raise InputError(f"{folder}: holds no data files")
    card = folder / CARD
    sides = _card_sides(card) if card.is_file() else None
    if sides is None:
        names = _side_names([path.relative_to(folder) for path in files])
        sides_of_files = [names[path.relative_to(folder)] if len(files) > 1 else None for path in files]
        return [
            Source(path, side, from_folder=True, set_aside=_is_set_aside(path))
            for path, side in zip(files, sides_of_files, strict=True)
        ]
    side_of = {path: side for side, patterns in sides for pattern in patterns for path in _matching(folder, pattern)}
    return [Source(path, side_of.get(path), from_folder=True) for path in files]


def _is_set_aside(path: Path) -> bool:
    return path.name.split(".")[0] == _LEFT_OUT and (path.parent / _SPLIT).is_file()


def _is_data(path: Path, folder: Path) -> bool:
    if not is_file(path) or any(part.startswith(".") for part in path.relative_to(folder).parts):
        return False
    try:
        detect_format(path)
    except InputError:
        return False
    return not path.name.endswith(_NO_DATA)


def _card_sides(card: Path) -> list[tuple[str, list[str]]] | None:
    """Return (split, patterns of files) of a card's header; None where it has no `configs`.

    Raises:
        InputError: the header is not YAML.
    """
    import yaml

    text = card.read_text(encoding="utf-8", errors="replace")
    if not text.startswith("---"):
        return None
    header = text[3:].partition("\n---")[0]
    try:
        found = yaml.safe_load(header)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark is not None else ""
        raise InputError(f"{card}: the header between the lines --- is not YAML{line}; mend it") from None
    if not isinstance(found, Mapping) or not isinstance(found.get("configs"), list):
        return None
    sides: list[tuple[str, list[str]]] = []
    for config in found["configs"]:
        if isinstance(config, Mapping):
            sides += _config_sides(config.get("data_files"))
    return sides


def _config_sides(files: Any) -> Iterator[tuple[str, list[str]]]:
    for item in files if isinstance(files, list) else [files]:
        if isinstance(item, Mapping) and isinstance(item.get("split"), str):
            paths = item.get("path")
            listed = paths if isinstance(paths, list) else [paths]
            yield item["split"], [path for path in listed if isinstance(path, str) and path]


def _matching(folder: Path, pattern: str) -> Iterable[Path]:
    try:
        return [path for path in folder.glob(pattern) if path.is_file()]
    except (ValueError, NotImplementedError):  # an absolute pattern, or an address
        return []

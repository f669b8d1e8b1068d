"""Which files a request names: files, patterns, folders and URLs, as one list."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from netral_nlp.errors import InputError
from netral_nlp.formats import detect_format
from netral_nlp.scoring.request import URL

_COMPANION = re.compile(r"[._].*|.*\.(rejects\.jsonl|meta\.json)|rejects-\d+-\d+\.jsonl")
"""What scoring puts beside its output, and hidden files: no posts."""


def expand_inputs(given: Sequence[str]) -> list[str]:
    """The files that inputs name: a pattern's and a folder's in the order of their names.

    A path that is neither stays as it is, also where there is no such file: whoever opens it says so best. URLs are
    looked up with fsspec; `file://` URLs become paths.

    Raises:
        InputError: a pattern or a folder holds no file of posts, or a URL cannot be looked up.
    """
    found: list[str] = []
    for location in given:
        local = local_path(location)
        found.extend(_expand_remote(location) if local is None else _expand_local(location, local))
    return found


def local_path(location: str) -> Path | None:
    """The path of a location on this machine's file systems; None for one elsewhere."""
    if not URL.match(location):
        return Path(location)
    parts = urlsplit(location)
    return Path(unquote(parts.path)) if parts.scheme in ("file", "local") and not parts.netloc else None


def open_remote(location: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it.

    Raises:
        InputError: the scheme is unknown, or the package that serves it is not installed.
    """
    try:
        from fsspec.core import url_to_fs

        filesystem, path = url_to_fs(location)
    except (ImportError, ValueError) as error:
        raise InputError(f"{location}: {' '.join(str(error).split())}") from error
    filesystem.invalidate_cache()  # another run may have written there since
    return filesystem, path


def _expand_local(location: str, path: Path) -> list[str]:
    if path.is_dir():
        names = sorted(entry.name for entry in path.iterdir() if entry.is_file())
        return _posts([str(path / name) for name in names], f"{location}: there is no file of posts in this folder")
    if path.exists() or not glob.has_magic(str(path)):
        return [str(path)]
    matches = sorted(match for match in glob.glob(str(path), recursive=True) if Path(match).is_file())
    if not matches:
        raise InputError(f"{location}: no file matches this pattern; check the path")
    return matches


def _expand_remote(location: str) -> list[str]:
    filesystem, path = open_remote(location)
    try:
        if glob.has_magic(path) and not filesystem.exists(path):
            names = sorted(filesystem.glob(path))
            if not names:
                raise InputError(f"{location}: no file matches this pattern; check the URL")
        elif filesystem.isdir(path):
            names = sorted(entry["name"] for entry in filesystem.ls(path, detail=True) if entry["type"] == "file")
            names = _posts(names, f"{location}: there is no file of posts in this folder")
        else:
            return [location]
    except OSError as error:
        raise InputError(f"{location}: cannot be looked up: {error.strerror or error}; check URL and access") from error
    return [str(filesystem.unstrip_protocol(name)) for name in names]


def _posts(names: Sequence[str], otherwise: str) -> list[str]:
    """Those of a folder's files that a reader knows by their ending."""
    found = []
    for name in names:
        base = name.rpartition("/")[2]
        if not _COMPANION.fullmatch(base):
            try:
                detect_format(base)
            except InputError:
                continue
            found.append(name)
    if not found:
        raise InputError(f"{otherwise}; name the files")
    return found

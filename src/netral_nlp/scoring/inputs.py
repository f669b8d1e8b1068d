"""Which files a request names: files, patterns, folders and URLs, as one list."""

from __future__ import annotations

import contextlib
import functools
import glob
import os
import posixpath
import re
import tempfile
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from netral_nlp.errors import InputError
from netral_nlp.formats import detect_format
from netral_nlp.scoring.request import URL
from netral_nlp.storage.folder import LocalFolder, RemoteFolder, ResultFolder, reaching

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


def check_inputs(found: Sequence[str], destination: str) -> None:
    """Refuse inputs that a run would score twice, or that it could take for its own output and remove.

    A file is the same under every spelling, and through links.

    Raises:
        InputError: there is such an input.
    """
    lies_in_output = _within(destination)
    seen: set[Hashable] = set()
    for location in found:
        if lies_in_output(location):
            raise InputError(f"{location}: lies in the output folder; choose another -o")
        identity = _identity(location)
        if identity in seen:
            raise InputError(f"{location}: is given twice; its posts would stand twice in the output")
        seen.add(identity)


def local_path(location: str) -> Path | None:
    """The path of a location on this machine's file systems; None for one elsewhere."""
    if not URL.match(location):
        return Path(location)
    scheme, _, rest = location.partition("://")  # not urlsplit: a pattern's ? begins no query
    return Path(unquote(rest)) if scheme.lower() == "file" and rest.startswith("/") else None


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


def open_folder(location: str) -> ResultFolder:
    """The folder of results at a location.

    Raises:
        InputError: the location's scheme is unknown, or the package that serves it is not installed.
    """
    path = local_path(location)
    return RemoteFolder(location, *open_remote(location)) if path is None else LocalFolder(path)


@contextlib.contextmanager
def at_hand(location: str) -> Iterator[Path]:
    """A file as one of this machine; a copy, for as long as it is needed, where it is elsewhere.

    Raises:
        InputError: it cannot be fetched.
    """
    path = local_path(location)
    if path is not None:
        yield path
        return
    filesystem, remote = open_remote(location)
    with tempfile.TemporaryDirectory(prefix="netral-") as folder:
        copy = Path(folder) / remote.rstrip("/").rpartition("/")[2]
        with reaching(location):
            filesystem.get_file(remote, str(copy))
        yield copy


def _place(location: str) -> tuple[Any, str]:
    """The fsspec file system of a location, None for this machine's, and the path in it."""
    path = local_path(location)
    if path is not None:
        return None, str(path)
    filesystem, remote = open_remote(location)
    return (None if "file" in filesystem.protocol else filesystem), remote  # `local://` is one of fsspec's


def _identity(location: str) -> Hashable:
    filesystem, path = _place(location)
    if filesystem is not None:
        return filesystem, path
    with contextlib.suppress(OSError):
        status = os.stat(path)  # noqa: PTH116 (through links)
        if status.st_ino:
            return status.st_dev, status.st_ino
    return os.path.realpath(path)


def _within(folder: str) -> Callable[[str], bool]:
    """A function that tells whether a location lies in a folder, or is it."""
    filesystem, path = _place(folder)
    if filesystem is not None:
        prefix = posixpath.normpath(path)

        def is_under(location: str) -> bool:
            other, remote = _place(location)
            # The type, not the file system itself: it also differs where only options of the access do.
            return type(other) is type(filesystem) and f"{posixpath.normpath(remote)}/".startswith(f"{prefix}/")

        return is_under
    try:
        output = os.stat(path)  # noqa: PTH116
    except OSError:
        return lambda location: False  # nothing lies in what is not there

    @functools.cache
    def is_it(candidate: Path) -> bool:
        try:
            return os.path.samestat(candidate.stat(), output)
        except OSError:
            return False

    @functools.cache
    def is_in_it(candidate: Path) -> bool:
        return is_it(candidate) or any(map(is_it, candidate.parents))

    def is_below(location: str) -> bool:
        other, local = _place(location)
        if other is not None:
            return False
        target = Path(os.path.realpath(local))
        link = Path(os.path.realpath(Path(local).parent))  # what a link points to is elsewhere; the link goes as well
        return is_it(target) or is_in_it(target.parent) or is_in_it(link)

    return is_below


def _expand_local(location: str, path: Path) -> list[str]:
    if path.is_dir():
        names = sorted(entry.name for entry in path.iterdir() if entry.is_file())
        return _posts([str(path / name) for name in names], f"{location}: there is no file of posts in this folder")
    if path.exists() or not glob.has_magic(str(path)):
        return [str(path)]
    matched = glob.glob(str(path), recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
    matches = sorted(match for match in matched if Path(match).is_file())
    if not matches:
        raise InputError(f"{location}: no file matches this pattern; check the path")
    return matches


def _expand_remote(location: str) -> list[str]:
    filesystem, path = open_remote(location)
    with reaching(location):
        if glob.has_magic(path) and not filesystem.exists(path):
            names = sorted(filesystem.glob(path))
            if not names:
                raise InputError(f"{location}: no file matches this pattern; check the URL")
        elif filesystem.isdir(path):
            names = sorted(entry["name"] for entry in filesystem.ls(path, detail=True) if entry["type"] == "file")
            names = _posts(names, f"{location}: there is no file of posts in this folder")
        else:
            return [location]
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

"""A folder of results, on a disk or in an object store: files appear in it whole, under their final name."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from netral_nlp.errors import InputError, NetralError
from netral_nlp.storage.durable import durable_file, replace

TEMPORARY = "_temporary"
"""Subfolder for files in the making; leftovers of killed workers lie there."""


@contextlib.contextmanager
def reaching(location: str) -> Iterator[None]:
    """Tell in one line what a remote file system did not allow: each has errors of its own.

    Raises:
        InputError: something went wrong on the way.
    """
    try:
        yield
    except NetralError:
        raise
    except Exception as error:
        why = getattr(error, "strerror", None) or f"{type(error).__name__} {error}"
        raise InputError(f"{location}: cannot be reached: {' '.join(why.split())}; check URL and access") from error


class ResultFolder(Protocol):
    """Where a run's results go. Names may have one `/`."""

    def publish(self, name: str, write: Callable[[Path], None]) -> int:
        """Have a file written and give it its name when it is whole; replaces one of this name. Returns its size."""

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """The content of files; those that are gone are left out."""

    def sizes(self, subfolder: str = "") -> dict[str, int]:
        """Name in the subfolder -> size, of every file directly in it; empty where there is no such folder."""

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; those that are gone are fine."""

    def remove_subfolder(self, name: str) -> None:
        """Remove a subfolder with all that is in it; fine where there is none."""


def publish_bytes(folder: ResultFolder, name: str, content: bytes) -> int:
    """Write a small file, whole or not at all. Returns its size."""

    def write(path: Path) -> None:
        with durable_file(path) as file:
            file.write(content)

    return folder.publish(name, write)


class LocalFolder:
    """A folder on a file system that every worker sees. Renames make files whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def publish(self, name: str, write: Callable[[Path], None]) -> int:
        """See `ResultFolder`."""
        final = self._path / name
        final.parent.mkdir(parents=True, exist_ok=True)
        making = self._path / TEMPORARY
        making.mkdir(exist_ok=True)
        temporary = making / f"{uuid.uuid4().hex}-{final.name}"  # a retried worker's may still be open
        try:
            write(temporary)
            size = temporary.stat().st_size
            replace(temporary, final)
        finally:
            temporary.unlink(missing_ok=True)
        return size

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """See `ResultFolder`."""
        found = {}
        for name in names:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                found[name] = (self._path / name).read_bytes()
        return found

    def sizes(self, subfolder: str = "") -> dict[str, int]:
        """See `ResultFolder`."""
        found = {}
        with (
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
            os.scandir(self._path / subfolder) as entries,
        ):
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # renamed or removed meanwhile; the others are there
                    if entry.is_file():
                        found[entry.name] = entry.stat().st_size
        return found

    def remove(self, names: Iterable[str]) -> None:
        """See `ResultFolder`."""
        for name in names:
            (self._path / name).unlink(missing_ok=True)

    def remove_subfolder(self, name: str) -> None:
        """See `ResultFolder`."""
        folder = self._path / name
        while os.path.lexists(folder):
            with contextlib.suppress(FileNotFoundError):  # another removed a file of it first; go on with the rest
                shutil.rmtree(folder)


class RemoteFolder:
    """A folder that fsspec reaches. Object stores show an object once all of it is there."""

    def __init__(self, location: str, filesystem: Any, path: str) -> None:
        self._location = location
        self._filesystem = filesystem
        self._path = path.rstrip("/")

    def publish(self, name: str, write: Callable[[Path], None]) -> int:
        """See `ResultFolder`."""
        with tempfile.TemporaryDirectory(prefix="netral-") as making:
            temporary = Path(making) / name.rpartition("/")[2]
            write(temporary)
            with reaching(self._location):
                self._filesystem.makedirs(self._full(name).rpartition("/")[0], exist_ok=True)
                self._filesystem.put_file(str(temporary), self._full(name))
            return temporary.stat().st_size

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """See `ResultFolder`."""
        by_path = {self._full(name): name for name in names}
        if not by_path:
            return {}
        with reaching(self._location):
            found = self._filesystem.cat(list(by_path), on_error="omit")
        return {by_path[path]: content for path, content in found.items() if path in by_path}

    def sizes(self, subfolder: str = "") -> dict[str, int]:
        """See `ResultFolder`."""
        entries: list[dict[str, Any]] = []
        with reaching(self._location), contextlib.suppress(FileNotFoundError):
            self._filesystem.invalidate_cache()
            entries = self._filesystem.ls(self._full(subfolder), detail=True)
        return {entry["name"].rpartition("/")[2]: entry["size"] for entry in entries if entry["type"] == "file"}

    def remove(self, names: Iterable[str]) -> None:
        """See `ResultFolder`."""
        for name in names:
            with reaching(self._location), contextlib.suppress(FileNotFoundError):
                self._filesystem.rm_file(self._full(name))

    def remove_subfolder(self, name: str) -> None:
        """See `ResultFolder`."""
        with reaching(self._location), contextlib.suppress(FileNotFoundError):
            self._filesystem.rm(self._full(name), recursive=True)

    def _full(self, name: str) -> str:
        return f"{self._path}/{name}".rstrip("/")

"""Writing that survives a kill or a power cut: fsync of files and folders, atomic replacement."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_HASH_BLOCK = 1 << 20


def is_full_disk(error: OSError) -> bool:
    """True when the system refused to store more: no space left, quota used up, or the file-size limit reached."""
    return error.errno in _FULL


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a new or renamed file is only safe once its folder is."""
    if os.name == "nt":  # Windows opens no folder for syncing; its renames are journalled by NTFS
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def durable_file(path: Path) -> Iterator[BinaryIO]:
    """Open a new file for writing; on leaving without an error its bytes are on the disk."""
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def replace(temporary: Path, final: Path) -> None:
    """Give a finished file its final name, atomically and durably. Both names are on one file system."""
    temporary.replace(final)
    sync_folder(final.parent)


def write_json(path: Path, value: Mapping[str, Any], temporary: Path) -> None:
    """Write a JSON file atomically: whole under its final name, or not there at all."""
    with durable_file(temporary) as file:
        # A file name need not be Unicode; what stands for its bytes is a JSON escape then.
        file.write(json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace") + b"\n")
    replace(temporary, path)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    return sha256_and_lines(path)[0]


def sha256_and_lines(path: Path) -> tuple[str, int]:
    """SHA-256 of a file's bytes, and how many line ends they hold, in one pass."""
    digest = hashlib.sha256()
    lines = 0
    with path.open("rb") as file:
        while block := file.read(_HASH_BLOCK):
            digest.update(block)
            lines += block.count(b"\n")
    return digest.hexdigest(), lines

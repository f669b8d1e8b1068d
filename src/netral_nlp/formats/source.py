"""The bytes of a text file: decompressed on the way, with the errors of broken files told in one line."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

import pyarrow as pa

from netral_nlp.errors import InputError
from netral_nlp.formats.kinds import FileFormat

_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"PK\x03\x04", "a zip or XLSX file; rename it to .xlsx, or unpack it"),
    (b"PK\x05\x06", "an empty zip file; export it again"),
    (b"\x1f\x8b", "gzip-compressed; rename it to end in .gz"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed; rename it to end in .zst"),
    (b"PAR1\x15", "a Parquet file; rename it to .parquet"),
    (b"BZh91AY&SY", "bzip2-compressed; recompress it as .gz or .zst"),
    (b"\xfd7zXZ\x00", "xz-compressed; recompress it as .gz or .zst"),
    (b"\xd0\xcf\x11\xe0", "an old or encrypted Excel file; save it as .xlsx or .csv without a password"),
    (b"%PDF-", "a PDF; export the posts as .csv"),
    (b"SQLite format 3\x00", "an SQLite database; export the table as .csv"),
    (b"\x89PNG", "a picture; export the posts as .csv"),
    (b"\xff\xd8\xff", "a picture; export the posts as .csv"),
)


def what_it_is(head: bytes) -> str | None:
    """What a file's first bytes say it is, with a remedy; None where they are no known mark."""
    return next((what for magic, what in _MAGIC if head.startswith(magic)), None)


class ByteSource:
    """A file read from the start, decompressed. A context manager.

    Raises:
        InputError: the file cannot be opened.
    """

    def __init__(self, path: Path, format: FileFormat) -> None:  # noqa: A002
        self._path = path
        self._compression = format.compression
        try:
            self._file: IO[bytes] = path.open("rb")
        except OSError as error:
            raise InputError(f"{path}: cannot be opened: {error.strerror}; check its permissions") from error
        self._stream: Any = self._file
        if self._compression == "gzip":
            self._stream = gzip.GzipFile(fileobj=self._file, mode="rb")
        elif self._compression == "zstd":
            self._stream = pa.CompressedInputStream(pa.PythonFile(self._file, mode="r"), "zstd")
        self._position = 0

    @property
    def position(self) -> int:
        """Bytes of the file on disk consumed so far."""
        return self._position if self._file.closed else self._file.tell()

    def read(self, size: int) -> bytes:
        """Up to `size` decompressed bytes; fewer only at the end.

        Raises:
            InputError: the compressed stream ends early or is corrupt, or the disk fails.
        """
        pieces = []
        missing = size
        while missing:
            piece = self._read(missing)
            if not piece:
                break
            pieces.append(piece)
            missing -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)  # type: ignore[no-any-return]
        except EOFError as error:
            raise self._truncated() from error
        except (OSError, zlib.error, pa.ArrowInvalid) as error:
            if "Truncated" in str(error):
                raise self._truncated() from error
            if self._compression is None:
                raise InputError(
                    f"{self._path}: cannot be read: {error}; check the disk and the permissions"
                ) from error
            raise InputError(
                f"{self._path}: is not valid {self._compression} data; download or compress it again"
            ) from error

    def _truncated(self) -> InputError:
        return InputError(
            f"{self._path}: the {self._compression} data breaks off before its end (an unfinished download?); "
            "download or compress it again"
        )

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        if not self._file.closed:
            self._position = self._file.tell()
            if self._stream is not self._file:
                self._stream.close()
            self._file.close()

    def __enter__(self) -> ByteSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

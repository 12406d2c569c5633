"""A stretch of a file, read only if the file is still the one that was found."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from quantkit.core.errors import DataError
from quantkit.core.files import readable
from quantkit.core.text import printable


class Stamp(NamedTuple):
    """What tells a changed file from the one that was found."""

    size: int
    modified_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp in a file's status."""
        return cls(status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class FilePart:
    """`length` bytes of `path` from `offset` on, as the file was when `stamp` was taken."""

    path: Path
    stamp: Stamp
    offset: int
    length: int

    @classmethod
    def whole(cls, path: Path, stamp: Stamp) -> FilePart:
        """All of a file."""
        return cls(path, stamp, 0, stamp.size)

    def read(self) -> bytes:
        """The bytes.

        Raises:
            DataError: the file is gone or is another one now.
            SetupError: no permission to read it.
        """
        with as_found(self.path, self.stamp) as stream:
            stream.seek(self.offset)
            content = stream.read(self.length)
        if len(content) != self.length:
            raise _changed(self.path, "it ends early")
        return content


@contextmanager
def as_found(path: Path, stamp: Stamp) -> Iterator[BufferedReader]:
    """The open file, which is the one that `stamp` was taken of.

    Raises:
        DataError: it is gone or is another one now.
        SetupError: no permission to read it.
    """
    with readable(path):
        try:
            stream = path.open("rb")
        except FileNotFoundError as refusal:
            raise _changed(path, "it is gone") from refusal
        with stream:
            if Stamp.of(os.fstat(stream.fileno())) != stamp:
                raise _changed(path, "it was written to")
            yield stream


def _changed(path: Path, how: str) -> DataError:
    name = printable(str(path))
    return DataError(
        "QK2206",
        f"{name} is not what it was when the data was listed: {how}",
        where=name,
        hints=["let nothing write to the data while it is read, then start again"],
    )

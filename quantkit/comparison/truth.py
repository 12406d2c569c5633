"""What is true of each sample, where it is more than a class: files and tables that go by the samples' names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tokenize import TokenError
from typing import Generic, TypeVar

import numpy as np
from PIL import Image

from quantkit.core.arrays import Array
from quantkit.core.errors import DataError
from quantkit.core.files import readable
from quantkit.core.statistics import SampleId
from quantkit.core.text import printable

Entry = TypeVar("Entry")

_PICTURES = ("PNG", "JPEG", "BMP", "TIFF")
_SUFFIXES = frozenset({".npy", ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
# As many as an 8-bit image of 100 megapixels with four channels has.
_MOST_VALUES = 400_000_000


@dataclass(frozen=True, slots=True)
class Named(Generic[Entry]):
    """Something for each sample, found by its whole name or, where only one ends so, by the last part of it.

    Args:
        entries: name → what is known, in names with slashes.
        origin: the file or folder that it comes from, for messages.
    """

    entries: Mapping[str, Entry]
    origin: Path
    _ends: Mapping[str, str]

    @classmethod
    def of(cls, entries: Mapping[str, Entry], origin: Path) -> Named[Entry]:
        """All that is known, by name."""
        ends = Counter(PurePosixPath(name).name for name in entries)
        return cls(entries, origin, {PurePosixPath(n).name: n for n in entries if ends[PurePosixPath(n).name] == 1})

    def get(self, name: str) -> Entry | None:
        """What is known of the sample called `name`."""
        return self.entries.get(name, self.entries.get(self._ends.get(PurePosixPath(name).name, "")))

    def of_sample(self, sample: SampleId) -> Entry:
        """What is known of `sample`.

        Raises:
            DataError: nothing is.
        """
        found = self.get(sample.name)
        if found is None:
            raise DataError(
                "QK2285",
                f"nothing is known of the sample {printable(sample.name)!r}",
                where=printable(str(self.origin)),
                cause=f"it knows {len(self.entries)} names, such as {printable(min(self.entries, default=''))!r}",
                hints=["samples and truth go by the same file names", "leave out the samples that have none"],
            )
        return found


def files(folder: Path) -> Named[Path]:
    """The arrays and images under `folder`, by their paths without suffix.

    Raises:
        DataError: there are none, or two differ in the suffix only.
    """
    with readable(folder):
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    found: dict[str, Path] = {}
    for path in paths:
        name = without_suffix(path.relative_to(folder).as_posix())
        if name in found:
            raise refused(folder, f"both {found[name].name} and {path.name} are for the sample {name}")
        found[name] = path
    if not found:
        raise refused(folder, f"no file with one of the suffixes {', '.join(sorted(_SUFFIXES))}")
    return Named.of(found, folder)


def without_suffix(name: str) -> str:
    """A sample's name without the suffix of its file.

    >>> without_suffix("val/0001.jpg")
    'val/0001'
    """
    return str(PurePosixPath(name).with_suffix("")) if PurePosixPath(name).name else name


def file_of(known: Named[Path], sample: SampleId) -> Path:
    """The file for `sample`, whatever the suffixes of both.

    Raises:
        DataError: there is none.
    """
    return known.of_sample(SampleId(without_suffix(sample.name), sample.digest))


def array_in(path: Path, mode: Callable[[Image.Image], str]) -> Array:
    """The values in an ``.npy`` file as they are, or the pixels of an image, uint8[h, w] or uint8[h, w, channels].

    Args:
        path: the file.
        mode: which of Pillow's modes an image is read in.

    Raises:
        DataError: no such file, damaged, too large, or Python objects, which are never unpickled.
    """
    with readable(path), _explained(path):
        if path.suffix.lower() == ".npy":
            # Mapped first, so that a header that promises more than the file holds allocates nothing.
            return np.array(_bounded(np.lib.format.open_memmap(path, mode="r"), path))
        with Image.open(path, formats=_PICTURES) as image:
            if image.width * image.height * 4 > _MOST_VALUES:
                raise refused(path, f"it has {image.width} × {image.height} pixels")
            wanted = mode(image)
            return np.asarray(image if image.mode == wanted else image.convert(wanted))


def _bounded(values: Array, path: Path) -> Array:
    if values.size > _MOST_VALUES or values.dtype.kind not in "biuf":
        raise refused(path, "no plain array of numbers of a size that can be")
    return values


# What NumPy says of a broken header and Pillow of a broken image; a warning where a program has made errors of them.
_DAMAGED = (
    *(ValueError, TypeError, EOFError, SyntaxError, OverflowError, RecursionError, MemoryError),
    TokenError,
    Image.DecompressionBombError,
    Warning,
)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as reason:
        # One without a number is not the system's: Pillow says so of a file that it cannot decode.
        if reason.errno is not None:
            raise
        raise refused(path, str(reason)) from reason
    except _DAMAGED as reason:
        raise refused(path, f"{type(reason).__name__}: {reason}") from reason


def refused(path: Path, cause: str) -> DataError:
    """The error for a file of truths that cannot be used."""
    name = printable(str(path))
    return DataError(
        "QK2284",
        f"cannot use {name} as ground truth",
        where=name,
        cause=printable(cause),
        hints=["check the file, or name another one in the metric's options"],
    )

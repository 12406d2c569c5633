"""Samples that can be fetched one by one, in any order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from quantkit.core.arrays import Array
from quantkit.core.errors import DataError

UNNAMED = ""
"""The name of an only input whose source does not know what the model calls it."""


class BadSampleError(DataError):
    """One sample that cannot be used; a reader may be told to skip such samples."""


class Slot(NamedTuple):
    """What one sample puts into one input: its shape, without the batch axis, and its type."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Filled(NamedTuple):
    """Who was read: SHA-256 of the content, the label where there is one, and a remark worth a warning."""

    digest: str
    label: int | None = None
    remark: str = ""


class Records(Protocol):
    """Samples by position, always in the same order; read from several threads at once."""

    @property
    def names(self) -> Sequence[str]:
        """One unique name for each sample."""

    @property
    def preprocessing(self) -> Mapping[str, Any]:
        """The declared record of what `fill` does to a sample, as JSON values."""

    def outline(self) -> Mapping[str, Slot]:
        """Input name → what every sample puts there."""

    def fill(self, position: int, rows: Mapping[str, Array]) -> Filled:
        """Writes the sample at `position` into `rows`, arrays laid out as `outline` says.

        Raises:
            BadSampleError: this sample is unusable, others may be fine.
            DataError: the whole set is, or a file changed since it was listed.
        """


def content_digest(arrays: Mapping[str, Array]) -> str:
    """SHA-256 over types, shapes and values, in the order of the names; the names themselves do not count.

    >>> ones = np.ones(2, np.float32)
    >>> content_digest({"x": ones}) == content_digest({"y": ones})
    True
    >>> content_digest({"x": ones}) == content_digest({"x": ones.astype(np.int64)})
    False
    """
    seen = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        seen.update(f"{array.dtype.str}{array.shape}".encode())
        seen.update(np.ascontiguousarray(array).reshape(-1).data)
    return seen.hexdigest()

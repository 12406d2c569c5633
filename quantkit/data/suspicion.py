"""What is odd about data that is otherwise fine; said once, at the end of a pass."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np

from quantkit.core.arrays import Array
from quantkit.core.ports import Samples
from quantkit.core.text import printable

_log = logging.getLogger(__name__)

# Pixels are 0 to 255; a resize filter may overshoot by a little, and a dark first batch may not reach the top.
RAW_LOW, RAW_HIGH = 128.0, 256.0


class Observed(NamedTuple):
    """A batch's values in numbers."""

    low: float
    high: float
    mean: float
    std: float

    @classmethod
    def of(cls, array: Array) -> Observed:
        """The figures of all values in `array`."""
        return cls(float(array.min()), float(array.max()), float(array.mean(dtype=np.float64)), float(array.std()))


def looks_raw(array: Array) -> Observed | None:
    """The figures of a batch of images that seem to have been left at 0 to 255, otherwise nothing.

    >>> looks_raw(np.full((1, 3, 2, 2), 0.5, np.float32)) is None
    True
    >>> looks_raw(np.full((1, 3, 2, 2), 200, np.float32)).mean
    200.0
    """
    if array.dtype.kind != "f" or array.ndim < 4 or array.size == 0:
        return None
    low, high = float(array.min()), float(array.max())
    return Observed.of(array) if low >= 0 and RAW_LOW <= high <= RAW_HIGH else None


class Suspicion:
    """Watches one pass: counts samples, notices raw pixels, rounded values and equal samples."""

    def __init__(self) -> None:
        self.samples = 0
        self._rounds = False
        self._names: dict[str, str] = {}
        self._duplicates: list[tuple[str, str]] = []

    def look(self, given: Samples, fed: Samples) -> None:
        """Takes note of a batch, as the source gave it and as the model gets it."""
        if self.samples == 0:
            _warn_of_raw_pixels(fed)
        if not self._rounds and _types(given) - _types(fed) >= {np.dtype(np.float64)}:
            self._rounds = True
            _log.warning("the data is float64; its values are rounded to the float32 that the model takes")
        self.samples += len(given)
        for name, digest in given.ids:
            first = self._names.setdefault(digest, name)
            if first != name:
                self._duplicates.append((name, first))

    def report(self, enough: int) -> None:
        """Logs what only a whole pass shows: equal samples, and fewer than `enough`."""
        if self._duplicates:
            name, first = map(printable, self._duplicates[0])
            _log.warning(
                "%d of %d samples are equal to an earlier one, such as %s to %s",
                len(self._duplicates),
                self.samples,
                name,
                first,
            )
        if self.samples < enough:
            _log.warning("only %d samples: ranges may be too narrow; give %d or more", self.samples, enough)


def _types(samples: Samples) -> set[np.dtype[np.generic]]:
    return {array.dtype for array in samples.inputs.values()}


def _warn_of_raw_pixels(samples: Samples) -> None:
    for name, array in samples.inputs.items():
        seen = looks_raw(array)
        if seen is not None:
            _log.warning(
                "input %s looks like raw pixels: %.4g to %.4g, mean %.4g, std %.4g; "
                "right only if the model was trained on them, otherwise choose a --preprocess",
                printable(name),
                *seen,
            )

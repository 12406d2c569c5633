"""A histogram in the making: the one mutable thing in the statistics, for speed."""

from __future__ import annotations

import numpy as np

from quantkit.core.arrays import Array, Counts
from quantkit.core.compiled import kernels
from quantkit.core.histogram import Histogram


class Tally:
    """Counts batch after batch of one tensor's values; `histogram` freezes what was seen so far.

    One thread at a time may count into a tally; different tallies count at the same time.

    >>> tally = Tally()
    >>> tally.fold(np.array([0.0, 1.5, -3.0], np.float32))
    >>> tally.histogram()
    Histogram(3 values, -3 to 1.5, 33.3% zeros)
    """

    __slots__ = ("_nonfinite", "_state")

    def __init__(self) -> None:
        self._state = kernels.new_tally()
        self._nonfinite = 0

    def fold(self, values: Array) -> None:
        """Counts `values`, any shape and floating type; fp16, bf16 and float64 are taken as float32."""
        if values.dtype != np.float32:
            # What float64 holds beyond float32 becomes, and is counted as, an infinity.
            with np.errstate(over="ignore"):
                values = values.astype(np.float32)
        self._nonfinite = kernels.fold(self._state, np.ascontiguousarray(values))

    @property
    def nonfinite(self) -> int:
        """NaN and infinities seen so far."""
        return self._nonfinite

    def histogram(self) -> Histogram:
        """What was counted so far."""
        exponent, above, below, zeros, nans, up, down, low, high = kernels.seen(self._state)
        return Histogram(exponent, _counts(above), _counts(below), zeros, nans, up, down, low, high)


def _counts(content: bytes) -> Counts:
    return np.frombuffer(content, np.int64)

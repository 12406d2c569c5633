"""Two-sided counts in bins of width 2**exponent: the same for any batching, order and sharding."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import numpy as np

from quantkit.core.arrays import Counts
from quantkit.core.errors import DataError
from quantkit.core.notebook import html_table
from quantkit.core.ranges import Range

_BINS_POWER = 12

BINS = 2**_BINS_POWER
"""Bins on each side of zero; between half of them and all lie below the largest magnitude."""

LOWEST_EXPONENT = -68
"""The finest grid: 4096 bins of 2**-68 reach 2**-56, about 127 times the smallest scale that is ever written."""


def exponent_for(limit: float) -> int:
    """The bin exponent for a largest magnitude: a function of that magnitude alone.

    >>> exponent_for(1.0), exponent_for(0.999), exponent_for(0.0)
    (-11, -12, -68)
    """
    _, power = math.frexp(limit)
    return max(power - _BINS_POWER, LOWEST_EXPONENT) if limit > 0 else LOWEST_EXPONENT


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """All that is kept of one tensor's values.

    Args:
        exponent: bins have width ``2.0**exponent``.
        positive: int64[4096]; ``positive[j]`` counts x with j·width ≤ x < (j+1)·width, exact zeros left out.
        negative: int64[4096]; the same for −x.
        zeros: count of exact zeros; they are represented exactly under every scale.
        nans: count of NaN.
        positive_infinities: count of +inf.
        negative_infinities: count of −inf.
        low: exact smallest finite value; +inf when none was seen.
        high: exact largest finite value; −inf when none was seen.
    """

    exponent: int
    positive: Counts
    negative: Counts
    zeros: int
    nans: int
    positive_infinities: int
    negative_infinities: int
    low: float
    high: float

    @classmethod
    def empty(cls) -> Histogram:
        """The neutral element of `merge`."""
        none = np.zeros(BINS, np.int64)
        return cls(LOWEST_EXPONENT, none, none.copy(), 0, 0, 0, 0, float("inf"), float("-inf"))

    @property
    def width(self) -> float:
        """Width of a bin, in the tensor's unit."""
        return 2.0**self.exponent

    @property
    def limit(self) -> float:
        """Largest finite magnitude seen; 0 when nothing or only zeros were."""
        return max(-self.low, self.high, 0.0)

    @property
    def observed(self) -> Range:
        """What was seen: exact smallest to exact largest finite value, widened to hold 0.

        Raises:
            DataError: no finite value was seen.
        """
        if not self.low <= self.high:
            raise DataError(
                "QK2302",
                "no finite value was counted, so there is no range to choose",
                hints=["collect statistics from at least one sample", "check the preprocessing for NaN and infinity"],
            )
        return Range(self.low, self.high).with_zero()

    @property
    def count(self) -> int:
        """Finite values seen, exact zeros among them."""
        return int(self.positive.sum() + self.negative.sum()) + self.zeros

    @property
    def nonfinite(self) -> int:
        """NaN and infinite values seen; none of them is in a bin."""
        return self.nans + self.positive_infinities + self.negative_infinities

    @property
    def magnitudes(self) -> Counts:
        """int64[4096]: counts of \\|x\\|, exact zeros left out."""
        return self.positive + self.negative

    def widened(self, exponent: int) -> Histogram:
        """The same values in bins of width ``2**exponent``, which is at least today's."""
        if exponent == self.exponent:
            return self
        step = exponent - self.exponent
        positive, negative = _paired(self.positive, step), _paired(self.negative, step)
        return replace(self, exponent=exponent, positive=positive, negative=negative)

    def merge(self, other: Histogram) -> Histogram:
        """The histogram of both sets of values; commutative, associative and exact.

        >>> whole = Histogram.empty().merge(Histogram.empty())
        >>> whole == Histogram.empty()
        True
        """
        exponent = max(self.exponent, other.exponent)
        mine, theirs = self.widened(exponent), other.widened(exponent)
        return Histogram(
            exponent=exponent,
            positive=mine.positive + theirs.positive,
            negative=mine.negative + theirs.negative,
            zeros=self.zeros + other.zeros,
            nans=self.nans + other.nans,
            positive_infinities=self.positive_infinities + other.positive_infinities,
            negative_infinities=self.negative_infinities + other.negative_infinities,
            low=min(self.low, other.low),
            high=max(self.high, other.high),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and all(
            np.array_equal(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if not self.count:
            return "Histogram(empty)"
        zeros = f", {self.zeros / self.count:.1%} zeros" if self.zeros else ""
        return f"Histogram({self.count} values, {self.low:.6g} to {self.high:.6g}{zeros})"

    @property
    def facts(self) -> dict[str, str]:
        """What a table says about a tensor: title → figure."""
        share = self.zeros / self.count if self.count else 0.0
        return {
            "values": str(self.count),
            "from": f"{self.low:.6g}",
            "to": f"{self.high:.6g}",
            "zeros": f"{share:.1%}",
            "NaN and infinite": str(self.nonfinite),
        }

    def _repr_html_(self) -> str:
        return html_table(repr(self), list(self.facts), [list(self.facts.values())])


def _paired(counts: Counts, step: int) -> Counts:
    """Counts in bins ``2**step`` times as wide.

    >>> _paired(np.arange(4), 1).tolist()
    [1, 5, 0, 0]
    >>> _paired(np.arange(4), 99).tolist()
    [6, 0, 0, 0]
    """
    group = 1 << min(step, counts.size.bit_length() - 1)
    wide = np.zeros_like(counts)
    wide[: counts.size // group] = counts.reshape(-1, group).sum(axis=1)
    return wide

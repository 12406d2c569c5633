"""The interval of real values worth keeping."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantkit.core import arguments
from quantkit.core.arrays import Doubles
from quantkit.core.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Range:
    """`low` to `high`, per tensor (0-d arrays) or per channel (1-d arrays); always finite, never inverted.

    >>> Range.symmetric(2.5)
    Range(-2.5, 2.5)
    >>> Range(0.5, 2.0).with_zero()
    Range(0, 2)
    >>> Range(0.0, float("inf"))
    Traceback (most recent call last):
    quantkit.core.errors.DataError: error[QK2301]: a range must be finite and not inverted, got 0.0 to inf
    hint:  look for NaN or infinity in the values
    """

    low: Doubles
    high: Doubles

    def __init__(self, low: float | Doubles, high: float | Doubles) -> None:
        # Adding 0 turns −0 into 0, so that equal ranges are written alike.
        lows, highs = (_ends(name, end) for name, end in (("low", low), ("high", high)))
        # NaN fails every comparison, so it is refused here as well.
        if lows.shape != highs.shape or not np.all((lows <= highs) & np.isfinite(lows) & np.isfinite(highs)):
            raise DataError(
                "QK2301",
                f"a range must be finite and not inverted, got {low} to {high}",
                hints=["look for NaN or infinity in the values"],
            )
        object.__setattr__(self, "low", lows)
        object.__setattr__(self, "high", highs)

    @classmethod
    def symmetric(cls, limit: float | Doubles) -> Range:
        """−limit to +limit."""
        limits = np.asarray(limit, np.float64)
        return cls(-limits, limits)

    @property
    def limit(self) -> Doubles:
        """The larger magnitude of the two ends."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    def with_zero(self) -> Range:
        """The smallest range that also holds 0, which padding and ReLU need exactly."""
        return Range(np.minimum(self.low, 0.0), np.maximum(self.high, 0.0))

    def union(self, other: Range) -> Range:
        """The smallest range that holds both."""
        return Range(np.minimum(self.low, other.low), np.maximum(self.high, other.high))

    def within(self, other: Range) -> Range:
        """The part of this range that `other` covers too; both have to hold 0."""
        return Range(np.maximum(self.low, other.low), np.minimum(self.high, other.high))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Range) and np.array_equal(self.low, other.low) and np.array_equal(self.high, other.high)
        )

    def __hash__(self) -> int:
        return hash((self.low.tobytes(), self.high.tobytes()))

    def __repr__(self) -> str:
        if self.low.ndim == 0:
            return f"Range({self.low:.6g}, {self.high:.6g})"
        return f"Range({self.low.size} channels, {self.low.min():.6g} to {self.high.max():.6g})"


def _ends(name: str, values: float | Doubles) -> Doubles:
    try:
        return np.asarray(np.add(values, 0.0, dtype=np.float64))
    except (TypeError, ValueError) as reason:
        raise arguments.refused("Range", name, values, "a number, or one for each channel") from reason

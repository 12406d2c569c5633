"""Signal and noise of one inner tensor, summed batch by batch; no value is kept."""

from __future__ import annotations

import math

import numpy as np

from quantkit.comparison.signals import errors
from quantkit.core.arrays import Array, Doubles

# Larger pieces would lie in memory as doubles, several times over, beside a whole network's activations.
_PIECE = 1 << 18


class NoiseMeter:
    """The ratio of a signal to the noise that replaced values add to it, over any number of batches."""

    def __init__(self) -> None:
        self.signal = 0.0
        self.noise = 0.0

    def add(self, expected: Array, found: Array) -> None:
        """Takes in two arrays of one shape; values that are not finite in `expected` are no signal and left out."""
        mine, theirs = expected.reshape(-1), found.reshape(-1)
        for start in range(0, mine.size, _PIECE):
            self._add(_doubles(mine[start : start + _PIECE]), _doubles(theirs[start : start + _PIECE]))

    def _add(self, expected: Doubles, found: Doubles) -> None:
        kept = np.isfinite(expected)
        if not kept.all():
            expected, found = expected[kept], found[kept]
        difference = errors(expected, found)
        self.signal += _energy(expected)
        self.noise += _energy(difference)

    @property
    def decibels(self) -> float:
        """10 · log₁₀(signal / noise); +inf without noise, −inf without signal or with infinite noise.

        >>> meter = NoiseMeter()
        >>> meter.decibels
        inf
        >>> meter.add(np.array([3.0, -1.0]), np.array([3.0, 0.0]))
        >>> meter.decibels
        10.0
        """
        if self.noise == 0:
            return math.inf
        if self.signal == 0 or math.isinf(self.noise):
            return -math.inf
        return 10 * math.log10(self.signal / self.noise)


def _energy(values: Doubles) -> float:
    # Not a dot product: for pieces as short as these, its threads cost more than they help.
    return float(np.einsum("i,i->", values, values))


def _doubles(values: Array) -> Doubles:
    return np.asarray(values, np.float64)

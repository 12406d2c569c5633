"""What the rules entropy and mse minimize, as curves over the symmetric threshold, for people to look at."""

from __future__ import annotations

import numpy as np

from quantkit.calibrators._side import Side
from quantkit.core.arrays import Doubles
from quantkit.core.compiled import kernels
from quantkit.core.evidence import Curve
from quantkit.core.histogram import Histogram

# What the two rules have by default: 128 levels on half of a histogram's bins, and 127 steps.
_LEVELS = 128
_HALVINGS = 1
_STEPS = 127


def divergence_curve(histogram: Histogram, points: int = 128) -> Curve:
    """KL(P‖Q) in nats over the threshold, at about `points` evenly spaced bins and at the best of all bins.

    P and Q are those of `EntropyCalibrator`, for magnitudes and 128 levels. Empty for a histogram with fewer bins.
    """
    coarse = histogram.widened(histogram.exponent + _HALVINGS)
    counts = np.trim_zeros(coarse.magnitudes, "b").astype(np.float64)
    if counts.size < _LEVELS:
        return Curve(np.zeros(0), np.zeros(0))
    best, _ = kernels.least_divergence(counts, _LEVELS)
    kept = np.unique(np.append(np.linspace(_LEVELS, counts.size, points).astype(np.int64), best))
    sums = _Sums(counts)
    return Curve((kept + 0.5) * coarse.width, np.array([sums.divergence(int(bins), _LEVELS) for bins in kept]))


def error_curve(histogram: Histogram, points: int = 128) -> Curve:
    """Expected error E[(x − x̂)²] as a share of E[x²] over the symmetric limit, for 127 steps.

    The places are `points` evenly spaced ones and the bin edge that `MseCalibrator` takes.
    """
    side = Side.of(histogram.magnitudes)
    if not side.above[0] or not side.second[0]:
        return Curve(np.zeros(0), np.zeros(0))
    largest = histogram.limit / histogram.width
    edges = np.append(np.arange(1.0, np.ceil(largest)), largest)
    best = edges[np.argmin(side.error(edges, edges / _STEPS))]
    limits = np.unique(np.append(np.linspace(largest / points, largest, points), best))
    return Curve(limits * histogram.width, side.error(limits, limits / _STEPS) / side.second[0])


class _Sums:
    """Sums over the first k bins: mass, Σ h·log h, and occupied bins; from them each divergence takes a few steps."""

    def __init__(self, counts: Doubles) -> None:
        self._counts = counts
        self._mass = _below(counts)
        self._terms = _below(_term(counts))
        self._occupied = _below((counts > 0).astype(np.float64))

    def divergence(self, kept: int, levels: int) -> float:
        """KL(P‖Q), each normalised, for `kept` bins; infinite where values lie beyond an empty last bin.

        >>> sums = _Sums(np.array([1.0, 3.0, 0.0, 2.0]))
        >>> [round(sums.divergence(kept, levels), 4) for kept, levels in ((4, 4), (3, 2), (4, 1))]
        [0.0, inf, 0.0872]
        """
        total, below, last = self._mass[-1], self._mass[kept], self._counts[kept - 1]
        tail = total - below
        if tail > 0 and last == 0:
            return float("inf")
        # Bin k is of level ⌊k·levels/kept⌋, so level g starts at ⌈g·kept/levels⌉.
        edges = -(-np.arange(levels + 1) * kept // levels)
        mass, occupied = np.diff(self._mass[edges]), np.diff(self._occupied[edges])
        mean = mass / np.maximum(occupied, 1)
        spread = np.diff(self._terms[edges]) - np.where(mass > 0, mass * np.log(np.where(mean > 0, mean, 1)), 0)
        cut = _term(last + tail) - _term(last) - tail * np.log(mean[-1]) if tail > 0 else 0.0
        return max(0.0, float((total * np.log(below / total) + cut + spread.sum()) / total))


def _below(terms: Doubles) -> Doubles:
    return np.concatenate([[0.0], np.cumsum(terms)])


def _term(mass: Doubles | float) -> Doubles:
    """x·log x, and 0 at 0."""
    values = np.asarray(mass, np.float64)
    return np.asarray(values * np.log(np.where(values > 0, values, 1)))

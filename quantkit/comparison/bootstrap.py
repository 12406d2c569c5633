"""Intervals for anything that is computed from means over samples, by drawing the samples again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from quantkit.core.arrays import Doubles
from quantkit.core.comparison import Interval

RESAMPLES = 10_000
SEED = 0

# Beyond this many draws in all, fewer resamples are taken: 2,000 of 50,000 samples. The limits
# then move by about a fiftieth of the interval from one seed to the next.
_DRAWS = 100_000_000
_FEWEST = 1_000
# Drawn at a time, which bounds the memory, and keeps indices and values in the processor's cache: 3 MB.
_CHUNK = 1 << 18


def resampled(
    columns: Doubles, statistic: Callable[[Doubles], Doubles], *, level: float = 0.95, seed: int = SEED
) -> Interval:
    """The percentile interval of a statistic of column means.

    All columns of one sample are drawn together, so a statistic of several columns is paired.

    Args:
        columns: float64[n, k], a row a sample.
        statistic: takes means, float64[r, k], and returns float64[r].
        level: of the two-sided interval.
        seed: equal seeds and equal columns give equal intervals.

    B. Efron, Annals of Statistics 7 (1979), 1–26; percentile interval: B. Efron, The Jackknife, the Bootstrap and Other
    Resampling Plans (1982), chapter 10.

    >>> print(mean(np.array([1.0, 1.0, 1.0])))
    +1 [+1, +1]
    """
    found = replicates(columns, statistic, seed=seed)
    with np.errstate(invalid="ignore"):
        estimate = float(statistic(columns.mean(axis=0, keepdims=True))[0])
    # A quantile that is itself a replicate stays defined where some are infinite.
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(found, tails, method="inverted_cdf")
    method = f"percentile bootstrap, {len(found)} resamples, seed {seed}"
    return Interval(estimate, min(float(low), estimate), max(float(high), estimate), level, method)


def replicates(columns: Doubles, statistic: Callable[[Doubles], Doubles], *, seed: int = SEED) -> Doubles:
    """The statistic of every resample, float64[r]; arguments as for `resampled`."""
    with np.errstate(invalid="ignore"):
        return statistic(means(columns, seed=seed))


def means(columns: Doubles, *, seed: int = SEED) -> Doubles:
    """The means of the columns in every resample, float64[r, k] from float64[n, k].

    Drawing costs more than adding up, so that many columns of the same samples are best given together.
    """
    count = max(_FEWEST, min(RESAMPLES, _DRAWS // len(columns)))
    with np.errstate(invalid="ignore"):
        return np.concatenate(list(_means(columns, count, seed)))


def mean(values: Doubles, *, level: float = 0.95, seed: int = SEED) -> Interval:
    """The mean of `values`, float64[n]; of paired differences, the mean difference."""
    return resampled(values[:, None], _first_column, level=level, seed=seed)


def _first_column(means: Doubles) -> Doubles:
    return means[:, 0]


def _means(columns: Doubles, count: int, seed: int) -> Iterator[Doubles]:
    """Means of `count` resamples, float64[r, k] at a time."""
    generator = np.random.default_rng(seed)
    samples = len(columns)
    at_once = max(1, _CHUNK // samples)
    contiguous = np.ascontiguousarray(columns.T)
    values = np.empty((min(at_once, count), samples))
    for start in range(0, count, at_once):
        drawn = generator.integers(0, samples, (min(at_once, count - start), samples), dtype=np.int32)
        # Clipping never happens; without it NumPy would look at all indices once more and make a copy.
        taken = (np.take(column, drawn, out=values[: len(drawn)], mode="clip") for column in contiguous)
        yield np.stack([resample.mean(axis=1) for resample in taken], axis=1)

"""What is known about one drop: an estimate, and one-sided bounds at any level.

A drop is positive where the candidate is worse.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from scipy.special import ndtri

from quantkit.comparison import bootstrap
from quantkit.comparison.proportions import mcnemar, paired_difference
from quantkit.core.arrays import Array, Counts, Doubles
from quantkit.core.comparison import Interval

POWER = float(ndtri(0.95) + ndtri(0.8))
"""The minimum detectable drop, at one-sided 5 % and 80 % power, is this many standard errors: 2.486."""


class Evidence(Protocol):
    """What the samples say about a drop."""

    @property
    def samples(self) -> int:
        """How many samples there are."""

    @property
    def error(self) -> float:
        """The standard error of the drop where there is none; 0 where no sample differs."""

    @property
    def facts(self) -> Mapping[str, float]:
        """Counts and p-values, for people."""

    def bounds(self, alpha: float) -> Interval:
        """The drop with two bounds; each is crossed by the true drop with probability `alpha` at most."""


@dataclass(frozen=True, slots=True)
class Flips:
    """Samples right in one model and wrong in the other: all that two shares of the same samples can differ by."""

    regressed: int
    fixed: int
    samples: int

    @classmethod
    def between(cls, reference: Array, candidate: Array) -> Flips:
        """Counts them in two columns, bool[n]."""
        lost, won = np.count_nonzero(reference & ~candidate), np.count_nonzero(candidate & ~reference)
        return cls(int(lost), int(won), len(reference))

    @property
    def error(self) -> float:
        """√flips / n."""
        return math.sqrt(self.regressed + self.fixed) / self.samples

    @property
    def facts(self) -> Mapping[str, float]:
        """Both counts and the exact p-value of McNemar's test."""
        p_value = mcnemar(self.regressed, self.fixed)
        return {"regressed": float(self.regressed), "fixed": float(self.fixed), "p_value": p_value}

    def bounds(self, alpha: float) -> Interval:
        """The two-sided paired interval at level 1 − 2 · alpha, each end of which is a one-sided bound."""
        return turned(paired_difference(self.regressed, self.fixed, self.samples, level=1 - 2 * alpha))


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """A mean of paired differences, with the distribution that drawing the samples, or clusters of them, again gives.

    Args:
        drop: the estimate.
        replicates: float64[r], sorted.
        samples: how many samples there are.
        method: for a report.
    """

    drop: float
    replicates: Doubles
    samples: int
    method: str
    facts: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, drops: Doubles, clusters: Counts | None = None) -> Resampled:
        """From the drop of every sample, float64[n], and the cluster that each belongs to, int64[n]."""
        if clusters is None:
            columns, unit = drops[:, None], "samples"
        else:
            sizes = np.bincount(clusters).astype(np.float64)
            columns, unit = np.stack([np.bincount(clusters, drops), sizes], axis=1), "clusters"
        if (drops == drops[0]).all():
            # As between two equal models: there is nothing to draw.
            replicates = np.full(bootstrap.RESAMPLES, drops[0])
        else:
            replicates = bootstrap.replicates(columns, _mean_of_samples)
        method = f"percentile bootstrap of {len(columns)} {unit}, {len(replicates)} resamples, seed {bootstrap.SEED}"
        return cls(float(drops.mean()), np.sort(replicates), len(drops), method)

    @property
    def error(self) -> float:
        """The standard deviation of the replicates."""
        return float(self.replicates.std()) if np.isfinite(self.replicates).all() else math.inf

    def bounds(self, alpha: float) -> Interval:
        """Two percentiles."""
        low, high = np.quantile(self.replicates, [alpha, 1 - alpha], method="inverted_cdf")
        return Interval(self.drop, min(float(low), self.drop), max(float(high), self.drop), 1 - 2 * alpha, self.method)


def _mean_of_samples(means: Doubles) -> Doubles:
    """Of samples themselves, or of the sums and sizes of clusters."""
    return means[:, 0] if means.shape[1] == 1 else means[:, 0] / means[:, 1]


@dataclass(frozen=True, slots=True)
class Stored:
    """An interval that the run holds, for a figure that is no mean over samples.

    Bounds are never narrower than those that were computed; for a smaller `alpha` they are widened as those of a
    normal distribution.
    """

    drop: Interval
    samples: int
    facts: Mapping[str, float] = field(default_factory=dict)

    @property
    def error(self) -> float:
        """Half the interval in standard deviations of a normal distribution."""
        return (self.drop.high - self.drop.low) / (2 * self._deviations)

    @property
    def _deviations(self) -> float:
        return float(ndtri((1 + self.drop.level) / 2))

    def bounds(self, alpha: float) -> Interval:
        """The stored interval, or a wider one."""
        kept = self.drop
        stretch = max(1.0, float(ndtri(1 - alpha)) / self._deviations)
        low = kept.estimate - stretch * (kept.estimate - kept.low)
        high = kept.estimate + stretch * (kept.high - kept.estimate)
        return Interval(kept.estimate, low, high, max(kept.level, 1 - 2 * alpha), kept.method)


def turned(difference: Interval) -> Interval:
    """Candidate − reference as a drop, or the other way round; minus zero is zero.

    >>> turned(Interval(-0.01, -0.02, 0.0))
    Interval(estimate=0.01, low=0.0, high=0.02, level=0.95, method='')
    """
    estimate, low, high = 0 - difference.estimate, 0 - difference.high, 0 - difference.low
    return Interval(estimate, low, high, difference.level, difference.method)

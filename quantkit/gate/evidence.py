"""What is known about one drop: an estimate, and one-sided bounds at any level.

A drop is positive where the candidate is worse.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from scipy.special import ndtri

from quantkit.comparison import bootstrap
from quantkit.comparison.proportions import ENOUGH_FLIPS, mcnemar, minimum_detectable_drop, paired_difference
from quantkit.core.arrays import Array, Counts, Doubles
from quantkit.core.comparison import Interval

_Z95, _Z80 = float(ndtri(0.95)), float(ndtri(0.8))

# The minimum detectable drop, at one-sided 5 % and 80 % power, in standard errors: 2.486.
_POWER = _Z95 + _Z80


class Evidence(Protocol):
    """What the samples say about a drop."""

    @property
    def samples(self) -> int:
        """How many samples there are."""

    @property
    def detectable(self) -> float | None:
        """The true drop that so many samples show 4 times in 5, one-sided at 5 %; none where that is none."""

    @property
    def facts(self) -> Mapping[str, float]:
        """Counts and p-values, for people."""

    def bounds(self, alpha: float) -> Interval:
        """The drop with two bounds; each is crossed by the true drop with probability `alpha` at most."""

    def needed(self, away: float) -> float:
        """About how many samples would show 4 times in 5 that the drop is below a limit this far away, above 0."""


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
    def detectable(self) -> float | None:
        """By the exact test where flips are few."""
        return minimum_detectable_drop(self.regressed + self.fixed, self.samples)

    @property
    def facts(self) -> Mapping[str, float]:
        """Both counts and the exact p-value of McNemar's test."""
        p_value = mcnemar(self.regressed, self.fixed)
        return {"regressed": float(self.regressed), "fixed": float(self.fixed), "p_value": p_value}

    def bounds(self, alpha: float) -> Interval:
        """The two-sided paired interval at level 1 − 2 · alpha, each end of which is a one-sided bound."""
        return turned(paired_difference(self.regressed, self.fixed, self.samples, level=1 - 2 * alpha))

    def needed(self, away: float) -> float:
        """(z₀.₉₅ · √max(flips, away) + z₀.₈ · √flips)² / away², with flips as a share of the samples.

        A drop takes at least as many flips, so those that a limit itself would bring count where fewer were seen:
        without any this is z² / away, as for the score bound of 0 out of n. Where fewer than 30 flips are to be
        expected among so many samples, n, the approximation keeps its word 2 times in 3 only; it does with the
        correction for continuity n/4 · (1 + √(1 + 4 / (n · away)))².

        J. L. Fleiss, Statistical Methods for Rates and Proportions (1981), section 3.2.
        """
        flips = (self.regressed + self.fixed) / self.samples
        plain = float((_Z95 * math.sqrt(max(flips, away)) + _Z80 * math.sqrt(flips)) / away) ** 2
        if not flips or flips * plain >= ENOUGH_FLIPS:
            return plain
        return plain / 4 * (1 + math.sqrt(1 + 4 / (plain * away))) ** 2


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

    @property
    def detectable(self) -> float | None:
        """By the standard deviation of the replicates; none where some are infinite."""
        return _POWER * float(self.replicates.std()) if np.isfinite(self.replicates).all() else None

    def needed(self, away: float) -> float:
        """As the standard error shrinks with the root of the samples."""
        return _scaled(self, away)

    def bounds(self, alpha: float) -> Interval:
        """Two percentiles."""
        low, high = np.quantile(self.replicates, [alpha, 1 - alpha], method="inverted_cdf")
        return Interval(self.drop, min(float(low), self.drop), max(float(high), self.drop), 1 - 2 * alpha, self.method)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """What every sample lost, before any of it is drawn: that is done for all questions together.

    Args:
        drops: float64[n].
        clusters: int64[n], the group that each sample belongs to, where groups are drawn.
    """

    drops: Doubles
    clusters: Counts | None = None

    @property
    def columns(self) -> Doubles:
        """What is drawn: samples, float64[n, 1], or sums and sizes of clusters, float64[clusters, 2]."""
        if self.clusters is None:
            return self.drops[:, None]
        sizes = np.bincount(self.clusters).astype(np.float64)
        return np.stack([np.bincount(self.clusters, self.drops), sizes], axis=1)

    def resampled(self, means: Doubles) -> Resampled:
        """The evidence, from the means of the columns in every resample, float64[r, columns]."""
        if (self.drops == self.drops[0]).all():
            # As between two equal models: rounding must not make a difference of it.
            found = np.full(len(means), self.drops[0])
        else:
            found = means[:, 0] if self.clusters is None else means[:, 0] / means[:, 1]
        drawn = f"{len(self.drops)} samples" if self.clusters is None else f"{self.clusters.max() + 1} clusters"
        method = f"percentile bootstrap of {drawn}, {len(means)} resamples, seed {bootstrap.SEED}"
        return Resampled(float(self.drops.mean()), np.sort(found), len(self.drops), method)


def drawn(found: Sequence[Evidence | Pairs]) -> list[Evidence]:
    """The evidence of all questions: what has as many samples or clusters is drawn in one go, and equally."""
    columns = [own.columns if isinstance(own, Pairs) else np.empty((0, 0)) for own in found]
    means: dict[int, Doubles] = {}
    for length in {len(own) for own in columns if len(own)}:
        alike = [number for number, own in enumerate(columns) if len(own) == length]
        ends = np.cumsum([columns[number].shape[1] for number in alike])
        together = bootstrap.means(np.concatenate([columns[number] for number in alike], axis=1))
        means.update(zip(alike, np.split(together, ends[:-1], axis=1), strict=True))
    return [own.resampled(means[number]) if isinstance(own, Pairs) else own for number, own in enumerate(found)]


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
    def detectable(self) -> float | None:
        """By half the interval, in standard deviations of a normal distribution."""
        return _POWER * (self.drop.high - self.drop.low) / (2 * self._deviations)

    def needed(self, away: float) -> float:
        """As the standard error shrinks with the root of the samples."""
        return _scaled(self, away)

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


def apart(then: Interval, now: Interval, samples: int) -> Stored | None:
    """How much further a figure dropped since, where only the drops of both runs from the same reference are known.

    Each bound is as far from the difference as both drops' own, squared and added, as if the runs were independent.
    Both err on the same samples, so that pairs would be closer.

    G. Y. Zou and A. Donner, Statistics in Medicine 27 (2008), 1693–1702.

    >>> print(apart(Interval(0.01, 0.007, 0.013), Interval(0.02, 0.016, 0.024), 500).drop)
    +0.01 [+0.005, +0.015]
    """
    low = math.hypot(now.estimate - now.low, then.high - then.estimate)
    high = math.hypot(now.high - now.estimate, then.estimate - then.low)
    moved = now.estimate - then.estimate
    if not math.isfinite(low + high + moved) or then.level != now.level:
        return None
    method = "both runs' drops from the reference, as if independent: no outcomes of single samples are stored"
    return Stored(Interval(moved, moved - low, moved + high, now.level, method), samples)


@dataclass(frozen=True, slots=True)
class Noisy:
    """Evidence from models that do not answer twice alike: what two runs differ by is on top of both bounds.

    Args:
        evidence: what the samples say.
        floor: the drop that running the same models again can make by itself, at least 0.
    """

    evidence: Evidence
    floor: float

    @property
    def samples(self) -> int:
        """As without noise."""
        return self.evidence.samples

    @property
    def facts(self) -> Mapping[str, float]:
        """With the floor."""
        return {**self.evidence.facts, "noise_floor": self.floor}

    @property
    def detectable(self) -> float | None:
        """What can be told from noise as well."""
        alone = self.evidence.detectable
        return None if alone is None else alone + self.floor

    def bounds(self, alpha: float) -> Interval:
        """Wider by the floor on either side."""
        own = self.evidence.bounds(alpha)
        method = f"{own.method}, widened by the noise floor" if self.floor else own.method
        return replace(own, low=own.low - self.floor, high=own.high + self.floor, method=method)

    def needed(self, away: float) -> float:
        """No number of samples tells what lies within the noise."""
        return self.evidence.needed(away - self.floor) if away > self.floor else math.inf


def _scaled(evidence: Evidence, away: float) -> float:
    detectable = evidence.detectable
    return math.inf if detectable is None else evidence.samples * (detectable / away) ** 2


def turned(difference: Interval) -> Interval:
    """Candidate − reference as a drop, or the other way round; minus zero is zero.

    >>> turned(Interval(-0.01, -0.02, 0.0))
    Interval(estimate=0.01, low=0.0, high=0.02, level=0.95, method='')
    """
    estimate, low, high = 0 - difference.estimate, 0 - difference.high, 0 - difference.low
    return Interval(estimate, low, high, difference.level, difference.method)

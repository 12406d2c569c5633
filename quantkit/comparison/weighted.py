"""Paired intervals for figures of a whole set, such as mAP or mIoU, which are no means over samples.

A resample of the set is known by how often it draws each sample. So what is costly, such as matching detections, is
done once, and each resample only weighs its results by these counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from quantkit.comparison.bootstrap import SEED
from quantkit.core.arrays import Doubles
from quantkit.core.comparison import Interval

RESAMPLES = 1_000
# Weights at a time, which bounds the memory: 8 MB, and as much again for each step of a figure's arithmetic.
_CHUNK = 1 << 20

Figures = Callable[[Doubles], Doubles]
"""Weights, float64[r, units] → float64[r, 2, k]: k figures of the reference, then the same of the candidate."""


@dataclass(frozen=True, slots=True)
class PairedFigure:
    """One figure of both models, and the difference candidate − reference.

    Args:
        reference: the reference's figure.
        candidate: the candidate's.
        difference: with its interval.
        standard_error: of the difference; its deviation over the resamples.
    """

    reference: float
    candidate: float
    difference: Interval
    standard_error: float

    @property
    def power(self) -> Mapping[str, float]:
        """Facts for a summary: the standard error, and the true drop that would be found 4 times in 5.

        (z₀.₉₅ + z₀.₈) · standard error, for a one-sided 5 % test. Where nothing varies it cannot be told.
        """
        if not self.standard_error > 0:
            return {"standard_error": self.standard_error}
        detectable = float(norm.ppf(0.95) + norm.ppf(0.8)) * self.standard_error
        return {"standard_error": self.standard_error, "minimum_detectable_drop": detectable}

    def facts(self, name: str) -> Mapping[str, float]:
        """Facts for a summary, where this is not its main figure."""
        return {
            f"{name}_reference": self.reference,
            name: self.candidate,
            f"{name}_difference": self.difference.estimate,
            f"{name}_difference_low": self.difference.low,
            f"{name}_difference_high": self.difference.high,
        }


def paired(
    figures: Figures, units: int, *, width: int = 0, resamples: int = RESAMPLES, level: float = 0.95, seed: int = SEED
) -> tuple[PairedFigure, ...]:
    """Each of the k figures with the percentile interval of its difference.

    Both models are judged on the same resamples. A resample on which a figure is undefined, NaN, is left out of that
    figure's interval.

    Args:
        figures: weighs what is known of each unit.
        units: what is drawn: samples, or pairs of samples.
        width: the longest axis that `figures` spreads the weights of one resample over, where it exceeds `units`.
        resamples: how many.
        level: of the two-sided interval.
        seed: equal seeds and equal figures give equal intervals.

    B. Efron, Annals of Statistics 7 (1979), 1–26; by counts of draws: the same, section 5.

    >>> hits = np.array([[1.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]])
    >>> share, = paired(lambda weights: (weights @ hits.T / 4)[:, :, None], 4)
    >>> share.reference, share.candidate, share.difference.high
    (0.75, 0.5, 0.0)
    """
    estimates = figures(np.ones((1, units)))[0]
    drawn = np.concatenate([figures(counts) for counts in _draws(units, max(units, width), resamples, seed)])
    differences = drawn[:, 1] - drawn[:, 0]
    method = f"paired percentile bootstrap by counts, {resamples} resamples, seed {seed}"
    return tuple(
        _figure(float(mine), float(theirs), column, level, method)
        for mine, theirs, column in zip(estimates[0], estimates[1], differences.T, strict=True)
    )


def _figure(reference: float, candidate: float, differences: Doubles, level: float, method: str) -> PairedFigure:
    estimate = candidate - reference
    known = differences[~np.isnan(differences)]
    if not len(known):
        known = np.array([estimate])
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    interval = Interval(estimate, min(float(low), estimate), max(float(high), estimate), level, method)
    return PairedFigure(reference, candidate, interval, float(np.std(known)))


def _draws(units: int, width: int, resamples: int, seed: int) -> Iterator[Doubles]:
    """How often each resample draws each unit, float64[r, units] at a time; a row sums to `units`."""
    generator = np.random.default_rng(seed)
    at_once = max(1, _CHUNK // width)
    for start in range(0, resamples, at_once):
        rows = min(at_once, resamples - start)
        drawn = generator.integers(0, units, (rows, units)) + units * np.arange(rows)[:, None]
        yield np.bincount(drawn.reshape(-1), minlength=rows * units).reshape(rows, units).astype(np.float64)

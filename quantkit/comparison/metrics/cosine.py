"""Whether the candidate's outputs point where the reference's do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quantkit.comparison.bootstrap import mean
from quantkit.comparison.signals import energy, no_signal, pairs, sample_count
from quantkit.core.arrays import Array, Doubles
from quantkit.core.comparison import MetricSummary
from quantkit.core.ports import Answers, Metric, Obstacle


@dataclass(frozen=True, slots=True)
class CosineMetric:
    """Cosine similarity of all floating-point outputs of a sample, taken as one vector; the mean over samples.

    Rows: ``cosine``, float64.
    """

    def obstacle(self, answers: Answers) -> Obstacle | None:
        """No floating-point output."""
        return no_signal(answers)

    def rows(self, answers: Answers) -> Mapping[str, Array]:
        """Similarities of one batch."""
        product, mine, theirs = np.zeros((3, sample_count(answers)))
        for index, expected, found in pairs(answers):
            with np.errstate(invalid="ignore"):
                product[index] += float(expected @ found)
            mine[index] += energy(expected)
            theirs[index] += energy(found)
        return {"cosine": similarity(product, mine, theirs)}

    def summary(self, rows: Mapping[str, Array]) -> MetricSummary:
        """The mean with its interval, and the worst sample's."""
        interval = mean(rows["cosine"])
        return MetricSummary(
            metric="cosine",
            samples=len(rows["cosine"]),
            candidate=interval.estimate,
            interval=interval,
            facts={"worst": float(rows["cosine"].min())},
        )


def similarity(product: Doubles, mine: Doubles, theirs: Doubles) -> Doubles:
    """product / √(mine · theirs), from inner products and energies.

    Two vectors of zeros are the same vector: 1. Where one has no direction, being 0 or not finite, it is 0.

    >>> similarity(np.array([6.0, 0.0, 0.0]), np.array([4.0, 0.0, 1.0]), np.array([9.0, 0.0, 0.0]))
    array([1., 1., 0.])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = product / (np.sqrt(mine) * np.sqrt(theirs))
    defined = np.where(np.isfinite(ratio), np.clip(ratio, -1.0, 1.0), 0.0)
    return np.where((mine == 0) & (theirs == 0), 1.0, defined)


plugin: type[Metric] = CosineMetric

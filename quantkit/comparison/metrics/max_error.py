"""The largest difference between two outputs, in the outputs' own unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quantkit.comparison.signals import errors, no_signal, pairs, sample_count
from quantkit.core.arrays import Array
from quantkit.core.comparison import MetricSummary
from quantkit.core.ports import Answers, Metric, Obstacle


@dataclass(frozen=True, slots=True)
class MaxErrorMetric:
    """The largest |candidate − reference| of any element of any floating-point output, over all samples.

    It has no interval: a further sample can only enlarge it. Rows: ``max_error``, float64, of each sample.
    """

    def obstacle(self, answers: Answers) -> Obstacle | None:
        """No floating-point output."""
        return no_signal(answers)

    def rows(self, answers: Answers) -> Mapping[str, Array]:
        """Largest errors of one batch."""
        largest = np.zeros(sample_count(answers))
        for index, expected, found in pairs(answers):
            largest[index] = max(largest[index], np.abs(errors(expected, found)).max(initial=0.0))
        return {"max_error": largest}

    def summary(self, rows: Mapping[str, Array]) -> MetricSummary:
        """The largest of all, and how large a sample's is on average."""
        return MetricSummary(
            metric="max-error",
            samples=len(rows["max_error"]),
            candidate=float(rows["max_error"].max()),
            higher_is_better=False,
            title="max error",
            facts={"mean": float(rows["max_error"].mean())},
        )


plugin: type[Metric] = MaxErrorMetric

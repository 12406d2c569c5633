"""How often both models predict the same class, right or wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quantkit.comparison.proportions import share
from quantkit.comparison.scores import NO_CLASS, are_probabilities, both_scores, no_classes, predictions
from quantkit.core.arrays import Array
from quantkit.core.comparison import MetricSummary
from quantkit.core.ports import Answers, Metric, Obstacle


@dataclass(frozen=True, slots=True)
class AgreementMetric:
    """The share of samples for which both models predict the same class; it needs no labels.

    An output of shape [n, m] may as well be an embedding, whose largest element means nothing. So without labels
    the metric applies only to probabilities, or when a person names it.

    Rows: whether the predictions are equal (``agreement``).
    """

    def obstacle(self, answers: Answers) -> Obstacle | None:
        """No class scores, or values that may be something else."""
        if obstacle := no_classes(answers):
            return obstacle
        if answers.labels is not None or are_probabilities(both_scores(answers)[0]):
            return None
        doubt = "without labels, nothing says whether the output holds class scores or an embedding"
        return Obstacle(f"{doubt}; name the metric if it does hold scores", certain=False)

    def rows(self, answers: Answers) -> Mapping[str, Array]:
        """Agreement in one batch."""
        expected, found = (predictions(scores) for scores in both_scores(answers))
        return {"agreement": (expected == found) & (found != NO_CLASS)}

    def summary(self, rows: Mapping[str, Array]) -> MetricSummary:
        """The share with its interval."""
        agreed, samples = int(np.count_nonzero(rows["agreement"])), len(rows["agreement"])
        return MetricSummary(
            metric="agreement",
            samples=samples,
            candidate=agreed / samples,
            interval=share(agreed, samples),
            unit="share",
            facts={"disagreements": float(samples - agreed)},
        )


plugin: type[Metric] = AgreementMetric

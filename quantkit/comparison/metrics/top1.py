"""How often the highest score is that of the labelled class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quantkit.comparison.accuracy import accuracy
from quantkit.comparison.scores import both_scores, known_labels, no_truth, predictions
from quantkit.core.arrays import Array
from quantkit.core.comparison import MetricSummary
from quantkit.core.ports import Answers, Metric, Obstacle


@dataclass(frozen=True, slots=True)
class Top1Metric:
    """Top-1 accuracy of both models, and their paired difference.

    Rows: what each model predicts (``predicted_reference``, ``predicted``; −1 where scores are NaN) and whether
    that is the label (``top1_reference``, ``top1``).
    """

    def obstacle(self, answers: Answers) -> Obstacle | None:
        """No labels, no class scores, or a label that is no class."""
        return no_truth(answers)

    def rows(self, answers: Answers) -> Mapping[str, Array]:
        """Predictions and hits of one batch."""
        labels = known_labels(answers)
        expected, found = (predictions(scores) for scores in both_scores(answers))
        return {
            "predicted_reference": expected,
            "predicted": found,
            "top1_reference": expected == labels,
            "top1": found == labels,
        }

    def summary(self, rows: Mapping[str, Array]) -> MetricSummary:
        """Both accuracies, flips both ways, and the difference with its interval."""
        return accuracy("top1", "top1", rows["top1_reference"], rows["top1"])


plugin: type[Metric] = Top1Metric

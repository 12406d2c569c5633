"""How often the labelled class is among the five highest scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quantkit.comparison.accuracy import accuracy
from quantkit.comparison.scores import among_first, both_scores, known_labels, no_truth
from quantkit.core.arrays import Array
from quantkit.core.comparison import MetricSummary
from quantkit.core.ports import Answers, Metric, Obstacle

FIRST = 5


@dataclass(frozen=True, slots=True)
class Top5Metric:
    """Top-5 accuracy of both models, and their paired difference.

    Rows: whether the label is among the five highest scores (``top5_reference``, ``top5``).
    """

    def obstacle(self, answers: Answers) -> Obstacle | None:
        """No labels, no class scores, a label that is no class, or so few classes that none can be missed."""
        if obstacle := no_truth(answers):
            return obstacle
        classes = both_scores(answers)[0].shape[1]
        return Obstacle(f"of {classes} classes each is among the first {FIRST}") if classes <= FIRST else None

    def rows(self, answers: Answers) -> Mapping[str, Array]:
        """Hits of one batch."""
        labels = known_labels(answers)
        expected, found = (among_first(scores, labels, FIRST) for scores in both_scores(answers))
        return {"top5_reference": expected, "top5": found}

    def summary(self, rows: Mapping[str, Array]) -> MetricSummary:
        """Both accuracies, flips both ways, and the difference with its interval."""
        return accuracy("top5", "top5", rows["top5_reference"], rows["top5"])


plugin: type[Metric] = Top5Metric

"""What a reader has to know about the figures of an evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from quantkit.core.arrays import Array, Counts
from quantkit.core.comparison import DOUBTFUL
from quantkit.core.ports import Obstacle

Rows = Mapping[str, Mapping[str, Array]]
"""Candidate → column → array[n]."""


def notes_on(
    rows: Rows, labels: Counts | None, *, obstacles: Mapping[str, Obstacle], undivided: Mapping[str, str]
) -> tuple[str, ...]:
    """All notes.

    Args:
        rows: what every candidate answered.
        labels: int64[n], where known.
        obstacles: metric that was left out → why.
        undivided: output that was left out → its type and shape.
    """
    return (
        *_guessing(rows, labels),
        *_left_out(obstacles),
        *(
            f"output {name!r} is not compared: in {shape}, axis 0 does not count samples"
            for name, shape in undivided.items()
        ),
        *(note for candidate, columns in rows.items() for note in _odd_answers(candidate, columns)),
    )


def _left_out(obstacles: Mapping[str, Obstacle]) -> list[str]:
    """A line for each reason."""
    reasons: dict[Obstacle, list[str]] = {}
    for metric, obstacle in obstacles.items():
        reasons.setdefault(obstacle, []).append(metric)
    return [_unmeasured(obstacle, metrics) for obstacle, metrics in reasons.items()]


def _unmeasured(obstacle: Obstacle, metrics: Sequence[str]) -> str:
    told = f"not measured: {', '.join(metrics)} ({obstacle.reason})"
    if not obstacle.data:
        return told
    return f"{DOUBTFUL}{told}: look at how the labels are numbered, or name the metrics if they are no classes"


def _odd_answers(candidate: str, columns: Mapping[str, Array]) -> list[str]:
    samples, strange = len(columns["changed"]), int(np.count_nonzero(columns["nonfinite"]))
    if not columns["changed"].any():
        return [f"{candidate}: every output equals the reference's on all {samples} samples; was anything quantized?"]
    if strange:
        return [
            f"{candidate}: NaN or infinity where the reference is finite, in {strange} of {samples} samples; "
            "a prediction from NaN counts as wrong, the error of such a value as infinite"
        ]
    return []


# Below this, one lucky sample more or less decides.
_FEWEST = 20


def _guessing(rows: Rows, labels: Counts | None) -> list[str]:
    """A reference that does little better than a constant answer: the labels or the preprocessing are wrong."""
    hits = next((columns["top1_reference"] for columns in rows.values() if "top1_reference" in columns), None)
    if hits is None or labels is None or len(labels) < _FEWEST:
        return []
    right, commonest = int(np.count_nonzero(hits)), int(np.unique(labels, return_counts=True)[1].max())
    # Two standard deviations of a count of guesses that are as often right.
    guessed = commonest + 2 * math.sqrt(commonest)
    if right > guessed:
        return []
    remedy = "look at the preprocessing and at the order of the classes before trusting any accuracy here"
    if (shifted := _shifted(rows, labels)) > guessed:
        remedy = (
            f"on {shifted} it predicts the label plus 1, as networks that count a background class first do; "
            "give --label-offset 1, in Python quantkit.Reading(label_offset=1)"
        )
    return [
        f"{DOUBTFUL}the reference is right on {right} of {len(labels)} samples, hardly more than the {commonest} "
        f"of the commonest label: {remedy}"
    ]


def _shifted(rows: Rows, labels: Counts) -> int:
    """Samples on which the reference predicts the class after the labelled one."""
    predicted = (columns["predicted_reference"] for columns in rows.values() if "predicted_reference" in columns)
    return next((int(np.count_nonzero(classes == labels + 1)) for classes in predicted), 0)

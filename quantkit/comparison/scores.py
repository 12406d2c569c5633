"""Class scores among a model's outputs: which output holds them, and what it predicts."""

from __future__ import annotations

import numpy as np

from quantkit.core.arrays import Array, Batch, Counts
from quantkit.core.errors import DataError
from quantkit.core.ports import Answers, Obstacle
from quantkit.core.text import printable

NO_CLASS = -1
"""The prediction of a sample whose scores hold NaN; it equals no label and agrees with nothing."""


def class_output(outputs: Batch) -> str | None:
    """The first floating-point output of shape [n, classes] or [n, classes, 1, …] with at least 2 classes."""
    return next((name for name, values in outputs.items() if _holds_classes(values)), None)


def _holds_classes(values: Array) -> bool:
    if values.dtype.kind != "f" or values.ndim < 2:
        return False
    return values.shape[1] >= 2 and all(size == 1 for size in values.shape[2:])


def both_scores(answers: Answers) -> tuple[Array, Array]:
    """The class scores of the reference and of the candidate, floating[n, classes] each.

    Raises:
        DataError: there are none.
    """
    name = class_output(answers.reference)
    if name is None:
        raise DataError(
            "QK2283",
            _without_scores(answers.reference),
            hints=["leave the metric out of --metric, or name outputs that hold a score for each class"],
        )
    return _flat(answers.reference[name]), _flat(answers.candidate[name])


def _flat(values: Array) -> Array:
    return values.reshape(values.shape[0], values.shape[1])


def known_labels(answers: Answers) -> Counts:
    """The labels.

    Raises:
        DataError: there are none.
    """
    if answers.labels is None:
        raise DataError("QK2282", _NO_LABELS, hints=["give labels, or leave top1 and top5 out of --metric"])
    return answers.labels


def predictions(scores: Array) -> Counts:
    """The class with the highest score, int64[n]; of equal ones the lowest class, and none where one is NaN.

    >>> predictions(np.array([[0.1, 0.7, 0.7], [0.5, np.nan, 0.1]]))
    array([ 1, -1])
    """
    undefined = np.isnan(scores).any(axis=1)
    return np.where(undefined, NO_CLASS, scores.argmax(axis=1)).astype(np.int64)


def among_first(scores: Array, labels: Counts, count: int) -> Array:
    """Whether each label is among the `count` highest scores, bool[n]; of equal ones the lower class is first.

    >>> among_first(np.array([[0.1, 0.7, 0.7]] * 3), np.array([0, 1, 2]), 2)
    array([False,  True,  True])
    """
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    earlier = np.arange(scores.shape[1]) < labels[:, None]
    ahead = (scores > own) | ((scores == own) & earlier)
    # NaN compares false with everything, so nothing would seem to be ahead of it.
    return np.asarray((ahead.sum(axis=1) < count) & ~np.isnan(scores).any(axis=1))


_NO_LABELS = "no labels to judge by"


def _without_scores(outputs: Batch) -> str:
    shapes = ", ".join(f"{name!r} is {values.dtype}{list(values.shape)}" for name, values in outputs.items())
    return f"no output holds a score for each class: {shapes}"


def no_classes(answers: Answers) -> Obstacle | None:
    """No output holds class scores."""
    return Obstacle(_without_scores(answers.reference)) if class_output(answers.reference) is None else None


def no_truth(answers: Answers) -> Obstacle | None:
    """Right and wrong cannot be told: no labels, no class scores, or a label that is no class."""
    if answers.labels is None:
        return Obstacle(_NO_LABELS)
    if obstacle := no_classes(answers):
        return obstacle
    classes = both_scores(answers)[0].shape[1]
    strange = np.flatnonzero((answers.labels < 0) | (answers.labels >= classes))
    if not strange.size:
        return None
    name, first = class_output(answers.reference), int(strange[0])
    of = f" of {printable(answers.ids[first].name)}" if answers.ids else ""
    reason = f"label {answers.labels[first]}{of} is no class of output {name!r}, which has 0 to {classes - 1}"
    return Obstacle(reason, data=True)


def are_probabilities(scores: Array) -> bool:
    """Whether every row is a distribution, as softmax makes it: nothing below 0, and a sum of 1.

    The sum may be off by 0.01: a thousand float16 values, each rounded by up to 2⁻¹¹ of itself, are off by less.
    """
    sums = scores.sum(axis=1, dtype=np.float64)
    return bool(np.all(scores >= 0) and np.all(np.abs(sums - 1.0) < 0.01))

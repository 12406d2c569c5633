"""A figure for each sample, whose mean over samples is the metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from quantkit.comparison.bootstrap import mean
from quantkit.comparison.images import Images
from quantkit.core.arrays import Array, Doubles
from quantkit.core.comparison import MetricSummary
from quantkit.core.ports import Answers


def image_rows(
    name: str, images: Images, answers: Answers, likeness: Callable[[Doubles, Doubles], float]
) -> Mapping[str, Array]:
    """The likeness of each image in a batch: to the true one for both models, else the candidate's to the reference's.

    Rows, float64: `name`, and ``name_reference`` where true images are given.
    """
    reference, candidate = [], []
    for number, mine, theirs in images.pairs(answers):
        true = images.true_image(answers, number, mine)
        if true is not None:
            reference.append(likeness(true, mine))
        candidate.append(likeness(mine if true is None else true, theirs))
    rows = {name: np.array(candidate, np.float64)}
    return {f"{name}_reference": np.array(reference, np.float64), **rows} if reference else rows


def figure(
    metric: str,
    rows: Mapping[str, Array],
    *,
    column: str | None = None,
    unit: str = "",
    title: str = "",
    higher_is_better: bool = True,
) -> MetricSummary:
    """The mean of a column with its interval, or, beside ``column_reference``, both means and the paired difference."""
    own = rows[column or metric]
    reference = rows.get(f"{column or metric}_reference")
    around = mean(own if reference is None else own - reference)
    worst = own.min() if higher_is_better else own.max()
    return MetricSummary(
        metric=metric,
        samples=len(own),
        candidate=float(own.mean()),
        reference=None if reference is None else float(reference.mean()),
        difference=None if reference is None else around,
        interval=around if reference is None else None,
        unit=unit,
        title=title,
        higher_is_better=higher_is_better,
        facts={"worst": float(worst)},
    )

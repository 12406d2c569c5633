"""Right and wrong, sample by sample, of two models: the summary that every such metric shares."""

from __future__ import annotations

import numpy as np

from quantkit.comparison.proportions import mcnemar, minimum_detectable_drop, paired_difference
from quantkit.core.arrays import Array
from quantkit.core.comparison import MetricSummary


def accuracy(metric: str, title: str, reference: Array, candidate: Array) -> MetricSummary:
    """The summary of a metric whose rows say right or wrong.

    Args:
        metric: plug-in name.
        title: what tables call it.
        reference: bool[n], where the reference is right.
        candidate: bool[n], where the candidate is right.
    """
    samples = len(reference)
    regressed = int(np.count_nonzero(reference & ~candidate))
    fixed = int(np.count_nonzero(candidate & ~reference))
    facts = {"regressed": float(regressed), "fixed": float(fixed), "p_value": mcnemar(regressed, fixed)}
    detectable = minimum_detectable_drop(regressed + fixed, samples)
    return MetricSummary(
        metric=metric,
        samples=samples,
        candidate=int(np.count_nonzero(candidate)) / samples,
        reference=int(np.count_nonzero(reference)) / samples,
        difference=paired_difference(regressed, fixed, samples),
        unit="share",
        title=title,
        facts=facts if detectable is None else {**facts, "minimum_detectable_drop": detectable},
    )

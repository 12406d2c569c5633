"""The evidence that a run holds about a metric: its rows where they are what it is computed from."""

from __future__ import annotations

import math
from pathlib import PurePosixPath

import numpy as np

from quantkit.core.arrays import Array, Counts, Doubles
from quantkit.core.comparison import Comparison, Interval, MetricSummary, Outcome
from quantkit.core.errors import ArtifactError, DataError, UsageError
from quantkit.gate.evidence import Evidence, Flips, Pairs, Stored, turned


def own_values(outcome: Outcome, summary: MetricSummary) -> Array | None:
    """The metric of each sample, bool[n] or float64[n], where the metric is their mean; otherwise none.

    Raises:
        ArtifactError: it is the share of those that are right, and the run says another one.
    """
    return _mean_of(outcome, _column(summary), summary.candidate, summary.samples)


def reference_values(outcome: Outcome, summary: MetricSummary) -> Array | None:
    """The same of the reference."""
    return _mean_of(outcome, f"{_column(summary)}_reference", summary.reference, summary.samples)


def _column(summary: MetricSummary) -> str:
    return summary.metric.replace("-", "_")


def _mean_of(outcome: Outcome, column: str, mean: float | None, samples: int) -> Array | None:
    values = outcome.rows.get(column)
    if values is None or mean is None or not len(values) or values.dtype.kind not in "bf":
        return None
    # Sums of so many doubles agree to far more digits, in whatever order they are added up.
    if math.isclose(float(values.mean()), mean, rel_tol=1e-9, abs_tol=1e-12):
        return values
    if values.dtype.kind == "b" and len(values) == samples:
        # Right and wrong are counted, and nothing else is made of them; only of a torn file some are missing.
        title = f"{column} of {outcome.subject.name} is {mean:.10g} in the run, and its rows make {values.mean():.10g}"
        raise ArtifactError("QK6022", title, where=outcome.subject.path, hints=["compare again"])
    return None


def against_reference(outcome: Outcome, summary: MetricSummary, clusters: Counts | None) -> Evidence | Pairs | None:
    """What the run shows about the drop from the reference; none where the metric has no value for it."""
    before, now = reference_values(outcome, summary), own_values(outcome, summary)
    if before is not None and now is not None:
        return between(before, now, clusters, higher_is_better=summary.higher_is_better)
    if summary.difference is None:
        return None
    if clusters is not None:
        title = f"{summary.metric} is no mean over samples, and the run holds nothing of it to draw in clusters"
        raise UsageError(
            "QK6007", title, hints=["leave --cluster out", f"or judge {summary.metric} in a check of its own"]
        )
    drop = drop_of(summary)
    return None if drop is None else Stored(drop, summary.samples)


def drop_of(summary: MetricSummary) -> Interval | None:
    """The drop from the reference as the run holds it."""
    if summary.difference is None:
        return None
    return turned(summary.difference) if summary.higher_is_better else summary.difference


def between(
    before: Array, now: Array, clusters: Counts | None = None, *, higher_is_better: bool = True
) -> Evidence | Pairs:
    """The drop from one column to another of the same samples in the same order."""
    if before.dtype.kind == now.dtype.kind == "b" and clusters is None:
        return Flips.between(before, now) if higher_is_better else Flips.between(now, before)
    return Pairs(_drops(before, now) if higher_is_better else _drops(now, before), clusters)


def _drops(better: Array, worse: Array) -> Doubles:
    """better − worse; two equal infinities, as of images that are equal, differ by nothing.

    Raises:
        DataError: a value is NaN.
    """
    first, second = better.astype(np.float64), worse.astype(np.float64)
    with np.errstate(invalid="ignore"):
        drops = np.where(first == second, 0.0, first - second)
    if strange := int(np.count_nonzero(np.isnan(drops))):
        raise DataError("QK6005", f"the metric is NaN for {strange} of {len(drops)} samples", hints=["compare again"])
    return drops


def clusters_by(column: str | None, comparison: Comparison, outcome: Outcome) -> Counts | None:
    """The number of the cluster of each sample, int64[n]: by label, by folder, or by a column of the rows.

    Raises:
        UsageError: there is no such column, or all samples are in one cluster.
    """
    if column is None:
        return None
    columns = {name: values for name, values in outcome.rows.items() if values.dtype.kind != "f"}
    if column == "folder":
        values = np.array([str(PurePosixPath(name).parent) for name in comparison.samples])
    elif column == "label" and comparison.labels is not None:
        values = comparison.labels
    elif column in columns:
        values = columns[column]
    else:
        known = ["folder", *(["label"] if comparison.labels is not None else []), *sorted(columns)]
        raise UsageError("QK6021", f"samples cannot be grouped by {column!r}", hints=[f"there are: {', '.join(known)}"])
    found, numbers = np.unique(values, return_inverse=True)
    if len(found) < 2:
        raise UsageError("QK6021", f"all samples are in one cluster by {column!r}", hints=["group by something else"])
    return np.asarray(numbers, np.int64)

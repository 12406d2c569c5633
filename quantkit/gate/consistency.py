"""Whether what a baseline says is what its outcomes and its samples make: somebody may have edited it by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from quantkit.comparison.proportions import PAIRED_METHOD, paired_difference
from quantkit.core.arrays import Array
from quantkit.core.comparison import Comparison
from quantkit.core.errors import ArtifactError
from quantkit.gate.baseline import Baseline, Record, dataset
from quantkit.gate.evidence import turned


def refuse_edited(baseline: Baseline) -> None:
    """Computes again what can be: figures from the outcomes, a drop and its bounds from flips.

    Raises:
        ArtifactError: one of them is another; names the check, the figure, and both values.
    """
    for key, record in sorted(baseline.records.items()):
        for figure, stored, made in _computed(record):
            # Sums of so many doubles agree to far more digits, in whatever order they are added up.
            if not math.isclose(stored, made, rel_tol=1e-9, abs_tol=1e-12 * _size(record)):
                raise _edited(f"{key}: {figure} is stored as {stored:.10g}; what is stored beside it makes {made:.10g}")


def refuse_other_data(baseline: Baseline, comparison: Comparison) -> None:
    """For callers that hold a run against a baseline.

    Raises:
        ArtifactError: other samples, contents or labels; or the same, and the baseline tells another number of them.
    """
    then, now = baseline.dataset, dataset(comparison)
    if then.manifest != now.manifest:
        raise ArtifactError(
            "QK6012",
            "the baseline is of another data set",
            cause=f"{then.samples} samples then, {now.samples} now, or others, or with other labels",
            hints=["compare on the data of the baseline", "quantkit baseline update --new-dataset, with a reason"],
        )
    # What people call the data set is theirs to say.
    if then.samples != now.samples:
        raise _edited(f"the baseline says {then.samples} samples of a data set that has {now.samples}")


def _size(record: Record) -> float:
    """What a difference of the two figures is exact to a part of."""
    return max(1.0, *(abs(figure) for figure in (record.fp32, record.int8) if math.isfinite(figure)))


def _edited(title: str) -> ArtifactError:
    cause = "a figure of the baseline was edited, or its outcomes are those of another run"
    hints = ["take the file from version control", "or remove it and make it anew: quantkit baseline update"]
    return ArtifactError("QK6022", title, cause=cause, hints=hints)


def _computed(record: Record) -> Iterator[tuple[str, float, float]]:
    """The name of a figure, its stored value, and that of computing it again."""
    if record.outcomes is not None and len(record.outcomes):
        yield "int8", record.int8, float(record.outcomes.mean())
        if record.outcomes.dtype.kind == "b" and record.discordant is not None:
            yield from _of_flips(record, record.outcomes, *record.discordant)
    drop = record.drop
    if drop is None:
        return
    lost = record.fp32 - record.int8
    if math.isfinite(lost):
        # Where less is better the drop is the rise, and the record does not say which it is.
        yield "drop", abs(drop.estimate), abs(lost)
    yield "the lower bound of drop", drop.low, min(drop.low, drop.estimate)
    yield "the upper bound of drop", drop.high, max(drop.high, drop.estimate)


def _of_flips(record: Record, right: Array, regressed: int, fixed: int) -> Iterator[tuple[str, float, float]]:
    """What right and wrong make: samples that regressed are wrong now, and those that were fixed are right."""
    samples, hits = len(right), int(np.count_nonzero(right))
    yield "discordant[0]", regressed, min(regressed, samples - hits)
    yield "discordant[1]", fixed, min(fixed, hits)
    yield "fp32", record.fp32, (hits + regressed - fixed) / samples
    if record.drop is not None:
        yield "drop", record.drop.estimate, (regressed - fixed) / samples
        if record.drop.method == PAIRED_METHOD:
            again = turned(paired_difference(regressed, fixed, samples, record.drop.level))
            yield "the lower bound of drop", record.drop.low, again.low
            yield "the upper bound of drop", record.drop.high, again.high

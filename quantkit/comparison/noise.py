"""How far a model differs from itself: what no figure below it can be told from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import numpy as np

from quantkit.comparison.evaluation import Evaluation, compared
from quantkit.core.comparison import MetricSummary, Noise
from quantkit.core.ports import BatchSource, Engine, Metric

_AGAIN = "again"


def noise_of(
    engines: Mapping[str, Engine],
    twin: Callable[[str], AbstractContextManager[Engine]],
    source: BatchSource,
    metrics: Mapping[str, Metric] | None = None,
) -> dict[str, Noise]:
    """Runs every engine beside a second one of the same model, on the same samples.

    A second engine, and not the same once more: kernels that are chosen by timing them are chosen anew.

    Args:
        engines: name → engine.
        twin: builds the second engine of that name.
        source: the samples.
        metrics: as for `compared`.

    Returns:
        Name → what the two answered differently.

    """
    found = {}
    for name, engine in engines.items():
        with twin(name) as second:
            again = compared(engine, {_AGAIN: second}, source, metrics, allow_undefined=True)
            found[name] = _between(again)
    return found


def _between(evaluation: Evaluation) -> Noise:
    rows = evaluation.rows[_AGAIN]
    summaries = [summary for summary in evaluation.metrics[_AGAIN] if summary.difference is not None]
    return Noise(
        samples=len(evaluation.samples),
        changed=int(np.count_nonzero(rows["changed"])),
        floors={summary.metric: _floor(evaluation, summary) for summary in summaries},
    )


def _floor(evaluation: Evaluation, summary: MetricSummary) -> float:
    """The mean distance over samples, which no difference of means exceeds; of a figure of the whole set, its own.

    Of samples that are right or wrong it is the share of those that flip.
    """
    rows, column = evaluation.rows[_AGAIN], summary.metric.replace("-", "_")
    first, second = rows.get(f"{column}_reference"), rows.get(column)
    if first is None or second is None:
        return 0.0 if summary.difference is None else abs(summary.difference.estimate)
    mine, theirs = first.astype(np.float64), second.astype(np.float64)
    with np.errstate(invalid="ignore"):
        same = (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
        return float(np.where(same, 0.0, np.abs(mine - theirs)).mean())


def notes_on_noise(found: Mapping[str, Noise]) -> list[str]:
    """A line for each model that differs from itself, or one that says that none does."""
    quiet = [name for name, noise in found.items() if not noise.changed]
    loud = [
        f"self-check: {name} does not answer twice alike: {_told(found[name])}" for name in found if name not in quiet
    ]
    if not quiet:
        return loud
    samples = found[quiet[0]].samples
    return [*loud, f"self-check: run twice on all {samples} samples, {', '.join(quiet)} answer alike in every value"]


def _told(noise: Noise) -> str:
    floors = ", ".join(f"{metric} {floor:.3g}" for metric, floor in noise.floors.items())
    return f"other outputs for {noise.changed} of {noise.samples} samples; noise floor: {floors or 'not measured'}"

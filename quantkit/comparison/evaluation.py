"""One pass over the samples: the reference and every candidate see the same ones, in the same order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from quantkit.comparison.answers import by_sample, deviations, matching, refuse_undefined
from quantkit.comparison.metrics import every_metric
from quantkit.comparison.notes import notes_on
from quantkit.core.arrays import Array, Batch, Counts
from quantkit.core.comparison import DOUBTFUL, MetricSummary, Outcome, Subject
from quantkit.core.errors import DataError, QuantkitError, TooLittleError, UsageError
from quantkit.core.ports import Answers, BatchSource, Engine, Metric, Obstacle, Samples
from quantkit.core.statistics import SampleId

Progress = Callable[[int], None]
"""Called with the number of samples done."""

KEPT = frozenset({"bool", "int64", "float64"})
"""Types of the columns that are kept for each sample."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one pass found.

    Args:
        samples: who was evaluated, in order.
        labels: int64[n] where every batch had labels.
        metrics: candidate name → its summaries.
        rows: candidate name → column → array[n].
        notes: what a reader has to know about the figures.
    """

    samples: tuple[SampleId, ...]
    labels: Counts | None
    metrics: Mapping[str, tuple[MetricSummary, ...]]
    rows: Mapping[str, Mapping[str, Array]]
    notes: tuple[str, ...]

    def outcome(self, subject: Subject) -> Outcome:
        """Everything found about the candidate called `subject.name`."""
        return Outcome(subject, self.metrics[subject.name], self.rows[subject.name])

    def __repr__(self) -> str:
        return f"Evaluation({', '.join(self.metrics)}: {len(self.samples)} samples)"


def compared(
    reference: Engine,
    candidates: Mapping[str, Engine],
    source: BatchSource,
    metrics: Mapping[str, Metric] | None = None,
    *,
    others: bool = False,
    progress: Progress | None = None,
    allow_undefined: bool = False,
) -> Evaluation:
    """Runs every engine on every batch of `source` once; memory beside the rows does not grow.

    Args:
        reference: the FP32 model.
        candidates: name → engine of a model with the same outputs.
        source: the samples.
        metrics: name → metric; each has to apply. `None` takes every one that does, and notes which do not.
        others: take every one that does besides `metrics`.
        progress: told how many samples are done, after each batch.
        allow_undefined: go on where the reference answers NaN.

    Raises:
        TooLittleError: no samples, or no metric applies.
        UsageError: a metric of `metrics` does not apply.
        DataError: the reference itself answers NaN, or a metric of `metrics` meets a label that is no class; names
            sample and output.
        ModelError: a candidate's outputs are not the reference's.
    """
    named = metrics or {}
    taken = {**every_metric(), **named} if others or metrics is None else named
    ledger = _Ledger(taken, tuple(candidates), named=frozenset(named))
    for samples in source:
        # Copied, as the reference may be one of the candidates, whose next answer takes the place of this one.
        answered = {name: values.copy() for name, values in reference.run(samples.inputs).items()}
        if not allow_undefined:
            refuse_undefined(answered, samples)
        expected = ledger.opened(samples, answered)
        for name, engine in candidates.items():
            found = matching(expected, engine.run(samples.inputs), len(samples), name)
            ledger.add(name, Answers(expected, found, samples.labels, samples.ids))
        if progress:
            progress(len(ledger.samples))
    return ledger.evaluation()


class _Ledger:
    """What is known so far."""

    def __init__(self, metrics: Mapping[str, Metric], candidates: tuple[str, ...], *, named: frozenset[str]) -> None:
        self.samples: list[SampleId] = []
        self._metrics = dict(metrics)
        self._named = named
        self._obstacles: dict[str, Obstacle] = {}
        self._undivided: dict[str, str] = {}
        self._labels: list[Counts | None] = []
        # Candidate → metric → the rows of each batch; what no metric makes is under the empty name.
        self._rows: dict[str, dict[str, list[Mapping[str, Array]]]] = {name: {} for name in candidates}

    def opened(self, samples: Samples, answered: Batch) -> Batch:
        """Begins a batch; returns the outputs that can be divided into samples."""
        self.samples.extend(samples.ids)
        self._labels.append(samples.labels)
        divided = by_sample(answered, len(samples))
        strangers = [name for name in answered if name not in divided and name not in self._undivided]
        self._undivided.update({name: f"{answered[name].dtype}{list(answered[name].shape)}" for name in strangers})
        # A last batch of one sample could be divided, but its rows would mean something else than all others.
        expected = {name: values for name, values in divided.items() if name not in self._undivided}
        for name, metric in list(self._metrics.items()):
            if obstacle := metric.obstacle(Answers(expected, expected, samples.labels, samples.ids)):
                self._meet(name, obstacle)
        return expected

    def _meet(self, name: str, obstacle: Obstacle) -> None:
        if name in self._named and not obstacle.certain:
            return
        if name in self._named:
            raise inapplicable(name, obstacle)
        self._obstacles[name] = obstacle
        del self._metrics[name]

    def add(self, candidate: str, answers: Answers) -> None:
        """Takes down what `candidate` answered to the batch that was opened."""
        rows = self._rows[candidate]
        rows.setdefault("", []).append(deviations(answers))
        for name, metric in self._metrics.items():
            rows.setdefault(name, []).append(metric.rows(answers))

    def evaluation(self) -> Evaluation:
        """Everything, summed up."""
        self._refuse_nothing()
        rows = {candidate: self._joined(batches) for candidate, batches in self._rows.items()}
        metrics = {
            candidate: tuple(metric.summary(columns) for metric in self._metrics.values())
            for candidate, columns in rows.items()
        }
        kept = {candidate: _kept(columns) for candidate, columns in rows.items()}
        labels = self._all_labels()
        notes = notes_on(kept, labels, obstacles=self._obstacles, undivided=self._undivided)
        return Evaluation(tuple(self.samples), labels, metrics, kept, notes)

    def _refuse_nothing(self) -> None:
        if not self.samples:
            raise TooLittleError("QK5001", "0 samples to compare the models on", hints=["look at --data"])
        if not self._metrics:
            reasons = notes_on({}, None, obstacles=self._obstacles, undivided=self._undivided)
            raise TooLittleError(
                "QK5002",
                "no metric applies to these outputs",
                cause="; ".join(reason.removeprefix(DOUBTFUL) for reason in reasons),
                hints=["name metrics, with their options, by --metric"],
            )

    def _joined(self, batches: Mapping[str, list[Mapping[str, Array]]]) -> dict[str, Array]:
        """All batches' columns of the metrics that applied throughout."""
        kept = [batches[name] for name in ("", *self._metrics)]
        return {column: np.concatenate([rows[column] for rows in parts]) for parts in kept for column in parts[0]}

    def _all_labels(self) -> Counts | None:
        known = [labels for labels in self._labels if labels is not None]
        return np.concatenate(known) if len(known) == len(self._labels) else None


def inapplicable(name: str, obstacle: Obstacle) -> QuantkitError:
    """The error for a metric that somebody asked for: it is the wrong one, or the labels are."""
    title = f"the metric {name!r} does not apply: {obstacle.reason}"
    if obstacle.data:
        hints = ["number classes from 0, as the model's outputs are", "or name metrics that need no labels"]
        return DataError("QK2286", title, hints=hints)
    return UsageError("QK1052", title, hints=["leave it out"])


def _kept(columns: Mapping[str, Array]) -> dict[str, Array]:
    """The columns that hold a value for each sample; the others were for the summary."""
    return {name: column for name, column in columns.items() if column.ndim == 1 and column.dtype.name in KEPT}

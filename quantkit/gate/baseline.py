"""What INT8 models scored when somebody last agreed to it: figures and outcomes, sample by sample."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from quantkit.core.arrays import Array, same_values
from quantkit.core.comparison import Comparison, Interval, Latency, MetricSummary, Outcome
from quantkit.core.timing import PERCENTILES, time_ratio
from quantkit.core.tolerance import Tolerance


@dataclass(frozen=True, slots=True)
class DataSet:
    """The samples that outcomes belong to.

    Args:
        span: the first and the last name, for people; the folder they lie in differs between machines.
        samples: how many.
        manifest: SHA-256 of names, contents and labels.
    """

    span: str
    samples: int
    manifest: str


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One metric of one model.

    Args:
        fp32: the reference's value then.
        int8: the candidate's.
        unit: of both.
        drop: fp32 − int8, positive for worse, with the paired interval that the run held.
        discordant: how many samples regressed and were fixed, where the metric is right or wrong.
        outcomes: of the candidate, bool[n] or float64[n], by sample name; none for what is no mean over samples.
        calibration: SHA-256, rule and number of samples, as far as the model said.
        environment: what it ran on.
    """

    fp32: float
    int8: float
    unit: str = ""
    drop: Interval | None = None
    discordant: tuple[int, int] | None = None
    outcomes: Array | None = None
    calibration: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        mine, theirs = self._plain(), other._plain()
        return mine == theirs and same_values(self.outcomes, other.outcomes)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        told = "no outcomes" if self.outcomes is None else f"{len(self.outcomes)} outcomes"
        return f"Record(fp32 {self.fp32:.5g}, int8 {self.int8:.5g}, {told})"

    def _plain(self) -> tuple[object, ...]:
        return self.fp32, self.int8, self.unit, self.drop, self.discordant, self.calibration, self.environment


@dataclass(frozen=True, slots=True)
class Timing:
    """How long both models took in one job; only their ratio outlives the machine.

    Args:
        fp32: the reference's latency then.
        int8: the candidate's.
        environment: what they ran on.
        ratios: percentile → how many times as long the candidate took, with an interval, where that is known.
    """

    fp32: Latency
    int8: Latency
    environment: Mapping[str, str] = field(default_factory=dict)
    ratios: Mapping[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Baseline:
    """All of it, with who to ask: when, why and at which commit it was last changed.

    Args:
        updated: the day, as ``2026-11-21``.
        reason: why.
        commit: where known.
        dataset: what everything was measured on.
        records: `key` → figures.
        tolerances: metric → what it may lose; beside the figures, so that a weaker gate is seen in a review.
        timings: model and target → how long it took.
    """

    updated: str
    reason: str
    commit: str
    dataset: DataSet
    records: Mapping[str, Record]
    tolerances: Mapping[str, Tolerance] = field(default_factory=dict)
    timings: Mapping[str, Timing] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Baseline(of {self.updated}: {len(self.records)} checks on {self.dataset.samples} samples)"


def key(outcome: Outcome, metric: str) -> str:
    """What a record goes by: model, target and metric."""
    return f"{model_key(outcome)}/{metric}"


def model_key(outcome: Outcome) -> str:
    """What a timing goes by: model and target."""
    return f"{outcome.subject.name}/{target(outcome)}"


def target(outcome: Outcome) -> str:
    """What a candidate was made for, where it says so."""
    return outcome.subject.provenance.get("quantkit.target") or "ort-cpu"


def order(comparison: Comparison) -> Array:
    """The positions of the samples in order of their names, int64[n]: files may come in another order next time."""
    return np.array(sorted(range(len(comparison.samples)), key=comparison.samples.__getitem__), np.int64)


def dataset(comparison: Comparison) -> DataSet:
    """What a comparison was measured on; equal for equal samples and labels in any order."""
    labels = [-1] * len(comparison.samples) if comparison.labels is None else comparison.labels.tolist()
    lines = sorted(f"{name}\t{label}" for name, label in zip(comparison.samples, labels, strict=True))
    content = "\n".join([comparison.data.get("samples_sha256", ""), *lines])
    manifest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
    span = f"{min(comparison.samples)} … {max(comparison.samples)}" if comparison.samples else ""
    return DataSet(span, len(comparison.samples), manifest)


def record(comparison: Comparison, outcome: Outcome, summary: MetricSummary, values: Array | None) -> Record:
    """What a metric is now; `values` are its outcomes in the order of the comparison."""
    regressed, fixed = (summary.facts.get(name) for name in ("regressed", "fixed"))
    facts = outcome.subject.provenance
    names = {"quantkit.calibration": "sha256", "quantkit.rule": "method", "quantkit.samples": "n"}
    difference = summary.difference
    sign = -1 if summary.higher_is_better else 1
    return Record(
        fp32=float("nan") if summary.reference is None else summary.reference,
        int8=summary.candidate,
        unit=summary.unit,
        drop=None if difference is None else _scaled(difference, sign),
        discordant=None if regressed is None or fixed is None else (int(regressed), int(fixed)),
        outcomes=None if values is None else values[order(comparison)],
        calibration={short: facts[name] for name, short in names.items() if name in facts},
        environment=dict(comparison.environment),
    )


def timing(comparison: Comparison, outcome: Outcome) -> Timing | None:
    """How long both took now, where that was measured; single blocks of calls are too many for a file in git."""
    fp32, int8 = comparison.reference.latency, outcome.subject.latency
    if fp32 is None or int8 is None:
        return None
    found = {percentile: time_ratio(int8, fp32, percentile=percentile) for percentile in PERCENTILES}
    return Timing(
        replace(fp32, p50s_ms=(), p90s_ms=()),
        replace(int8, p50s_ms=(), p90s_ms=()),
        dict(comparison.environment),
        {percentile: ratio for percentile, ratio in found.items() if ratio},
    )


def differences(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What is not the same in two environments, in words."""
    return [
        f"{name} {then.get(name, 'unknown')} then, {now.get(name, 'unknown')} now"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]


def _scaled(difference: Interval, sign: int) -> Interval:
    low, high = sorted((0 + sign * difference.low, 0 + sign * difference.high))
    return Interval(0 + sign * difference.estimate, low, high, difference.level, difference.method)

"""What INT8 cost: figures with intervals, per-sample rows, speed, size and coverage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from quantkit.core.arrays import Array, Counts, same_values
from quantkit.core.errors import UsageError
from quantkit.core.figures import change, change_span, value, value_span
from quantkit.core.leads import Lead
from quantkit.core.notebook import html_table

DOUBTFUL = "doubtful: "
"""How a note begins that has to be read before any figure of accuracy."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with a two-sided confidence interval, in the metric's own unit; `method` says how it was made."""

    estimate: float
    low: float
    high: float
    level: float = 0.95
    method: str = ""

    def __str__(self) -> str:
        return f"{self.estimate:+.5g} [{self.low:+.5g}, {self.high:+.5g}]"


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """One metric over all samples.

    Args:
        metric: plug-in name, such as ``"top1"``.
        samples: how many samples it is computed from, or pairs of samples where these are what is told.
        reference: the reference model's own value, where it has one (accuracy has, SQNR has not).
        candidate: the candidate's value.
        difference: candidate − reference, paired sample by sample.
        interval: around the candidate's value, where the reference has none.
        unit: ``"share"`` (0…1), ``"dB"`` or ``""``.
        higher_is_better: the direction.
        title: what tables call it, such as ``"mAP"``; the plug-in's name where it is empty.
        facts: further figures, such as ``{"regressed": 3, "fixed": 1, "p_value": 0.6}``.
    """

    metric: str
    samples: int
    candidate: float
    reference: float | None = None
    difference: Interval | None = None
    interval: Interval | None = None
    unit: str = ""
    higher_is_better: bool = True
    title: str = ""
    facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Latency:
    """Time of one `run` call, milliseconds; `runs` of them, each with `batch` samples, and `warmup` not counted.

    The calls fall into blocks, in which several models took turns: `p50s_ms` and `p90s_ms` are those of each block,
    one after the other, and the blocks of all models that were timed together correspond.
    """

    p50_ms: float
    p90_ms: float
    runs: int
    batch: int
    warmup: int
    p50s_ms: tuple[float, ...] = ()
    p90s_ms: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeCoverage:
    """What an engine really does with one node: ``"int8"``, ``"fp32"`` or another precision, and why."""

    node: str
    operator: str
    precision: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EngineLayers:
    """What a built engine consists of, which is other steps than its model's nodes.

    Args:
        by_precision: ``"int8"``, ``"fp16"``, ``"fp32"``, another one, or ``"unknown"`` → layers that compute in it.
        reformats: layers that only convert a tensor's type or layout.
        unscaled: tensor without a scale → ``"constant"``, ``"not float"``, ``"unused"``, ``"fused"``, ``"joined"`` or
            ``"missing"``; ``None`` for an engine that has its scales in its model's Q/DQ pairs, or needs none.
    """

    by_precision: Mapping[str, int]
    reformats: int
    unscaled: Mapping[str, str] | None = None

    @property
    def is_floating(self) -> bool:
        """Whether nothing of it is in integers, nor was meant to be, as in an FP16 engine."""
        return self.unscaled is None and "int8" not in self.by_precision

    @property
    def missing(self) -> tuple[str, ...]:
        """The tensors for want of whose scale a layer is computed in floats."""
        return tuple(name for name, why in (self.unscaled or {}).items() if why == "missing")

    def __str__(self) -> str:
        shown = [f"{number} {precision}" for precision, number in sorted(self.by_precision.items())]
        return ", ".join([*shown, f"{self.reformats} reformats"])


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which of a model's quantizable nodes an engine executes in integers, found in its optimized graph.

    `engine` says what a runtime that builds engines made of the whole model; `pairs` are the model's own Q/DQ pairs.
    """

    nodes: tuple[NodeCoverage, ...]
    engine: EngineLayers | None = None
    pairs: int = 0

    @property
    def integer(self) -> int:
        """Nodes executed in integers."""
        return sum(node.precision == "int8" for node in self.nodes)

    @property
    def total(self) -> int:
        """Nodes that compute something."""
        return len(self.nodes)

    @property
    def share(self) -> float:
        """Integer nodes over all; 0 for a model without nodes."""
        return self.integer / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Subject:
    """One model under comparison: a short name for tables, its file, and what it weighs."""

    name: str
    path: str
    digest: str
    size_bytes: int
    latency: Latency | None = None
    coverage: Coverage | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_simulated(self) -> bool:
        """Whether it is written for TensorRT and ran elsewhere, which shows its accuracy and not its speed."""
        is_engine = self.coverage is not None and self.coverage.engine is not None
        return self.provenance.get("quantkit.target") == "tensorrt" and not is_engine


@dataclass(frozen=True, slots=True)
class Noise:
    """How far a model differs from itself when it is run twice on the same samples.

    Args:
        samples: how many.
        changed: how many of them got another output, in any bit.
        floors: metric → the difference that this alone can make: for right and wrong, the share of samples that flip.
    """

    samples: int
    changed: int
    floors: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A candidate and everything measured about it.

    Args:
        subject: the candidate.
        metrics: each over all samples.
        rows: column → bool, int64 or float64 array[n], in the order of the comparison's samples.
    """

    subject: Subject
    metrics: tuple[MetricSummary, ...]
    rows: Mapping[str, Array]

    def metric(self, name: str) -> MetricSummary | None:
        """The summary called `name`, if it was computed."""
        return next((summary for summary in self.metrics if summary.metric == name), None)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Outcome)
            and (self.subject, self.metrics) == (other.subject, other.metrics)
            and self.rows.keys() == other.rows.keys()
            and all(same_values(column, other.rows[name]) for name, column in self.rows.items())
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Outcome({_told(self)}, {len(self.metrics)} metrics)"


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A reference and its candidates on the same samples, in the same order, in the same run.

    Args:
        reference: the FP32 model.
        candidates: the INT8 models, each with metrics against the reference; names differ.
        samples: sample names, in evaluation order; the rows of every outcome follow it.
        labels: int64[n] where the data has labels.
        environment: versions, threads, instruction set.
        data: what was evaluated: source, digest over samples, preprocessing.
        notes: warnings that every rendering shows.
        noise: model → how far it differs from itself, where that was asked for.
        leads: what tells the candidates apart; the last one's is to be preferred.
        command: the command line that made it, quoted for a shell; empty where none did.
    """

    reference: Subject
    candidates: tuple[Outcome, ...]
    samples: tuple[str, ...]
    labels: Counts | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    noise: Mapping[str, Noise] = field(default_factory=dict)
    leads: tuple[Lead, ...] = ()
    command: str = ""

    def __post_init__(self) -> None:
        """Refuses two models of one name, which no table and no file could tell apart."""
        names = Counter([self.reference.name, *(outcome.subject.name for outcome in self.candidates)])
        name, times = names.most_common(1)[0]
        if times > 1:
            title = f"{times} models under comparison are called {name!r}"
            raise UsageError("QK1051", title, hints=["give each another name"])

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Comparison)
            and (self.reference, self.candidates, self.samples) == (other.reference, other.candidates, other.samples)
            and (self.environment, self.data, self.notes) == (other.environment, other.data, other.notes)
            and (self.noise, self.leads, self.command) == (other.noise, other.leads, other.command)
            and same_values(self.labels, other.labels)
        )

    __hash__ = None  # type: ignore[assignment]

    def is_yardstick(self, outcome: Outcome) -> bool:
        """Whether it is the reference's own model as an engine in floats, such as FP16, to measure INT8 against."""
        coverage = outcome.subject.coverage
        engine = coverage.engine if coverage else None
        return engine is not None and engine.is_floating and outcome.subject.digest == self.reference.digest

    def __repr__(self) -> str:
        shown = ", ".join(_told(outcome) for outcome in self.candidates)
        return f"Comparison({self.reference.name} against {shown}: {len(self.samples)} samples)"

    def _repr_html_(self) -> str:
        header = ["model", "metric", self.reference.name, "candidate", "difference", "interval"]
        rows = [[outcome.subject.name, *_shown(summary)] for outcome in self.candidates for summary in outcome.metrics]
        return html_table(f"{len(self.samples)} samples against {self.reference.name}", header, rows)


def _shown(summary: MetricSummary) -> list[str]:
    """Title, both figures, difference and interval, as every table shows them."""
    unit, difference, interval = summary.unit, summary.difference, summary.interval
    return [
        summary.title or summary.metric,
        "" if summary.reference is None else value(summary.reference, unit),
        value(summary.candidate, unit),
        "" if difference is None else change(difference.estimate, unit),
        change_span(difference.low, difference.high, unit)
        if difference
        else value_span(interval.low, interval.high, unit)
        if interval
        else "",
    ]


def _told(outcome: Outcome) -> str:
    """A candidate's name and the first thing that a reader asks: its accuracy's difference, or its first metric."""
    ranked = sorted(outcome.metrics, key=lambda summary: summary.difference is None)
    if not ranked:
        return outcome.subject.name
    _, _, own, moved, span = _shown(ranked[0])
    return f"{outcome.subject.name} ({' '.join(filter(None, [ranked[0].metric, moved or own, span]))})"

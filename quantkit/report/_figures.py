"""The rows of every table: a line for each figure, a cell for each model, the reference first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from quantkit.core.comparison import Comparison, EngineLayers, Latency, MetricSummary, Subject
from quantkit.core.figures import change, change_span, milliseconds, sizes, times, unsigned, value, value_span
from quantkit.core.timing import time_ratio

NOTHING = "–"
"""A cell whose figure is not known."""

NEVER = ""
"""A cell that can have none, such as the reference's difference from itself."""

_PRECISIONS = ("int8", "fp16", "fp32")

Show = Callable[[MetricSummary], str | None]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table; one that is a `detail` says more about the line above."""

    label: str
    cells: tuple[str, ...]
    detail: bool = False

    @property
    def told(self) -> bool:
        """Whether any cell says something."""
        return any(cell not in {NOTHING, NEVER} for cell in self.cells)


def rows(comparison: Comparison) -> list[Row]:
    """All figures: metrics, those with a reference value first, then latency, size and coverage."""
    subjects = [comparison.reference, *(outcome.subject for outcome in comparison.candidates)]
    metrics = [row for name in _ranked(comparison) for row in _metric_rows(comparison, name)]
    everything = [*metrics, *_latency_rows(subjects), *_size_rows(subjects), *_coverage_rows(subjects)]
    return [row for row in everything if row.told]


def _ranked(comparison: Comparison) -> list[str]:
    """Names of all metrics: accuracies, other shares, decibels, the rest; each in order of the alphabet."""
    units = {"share": 0, "dB": 1}
    found = {summary.metric: summary for outcome in comparison.candidates for summary in outcome.metrics}

    def rank(name: str) -> tuple[bool, int, str]:
        return found[name].difference is None, units.get(found[name].unit, len(units)), name

    return sorted(found, key=rank)


def _metric_rows(comparison: Comparison, name: str) -> list[Row]:
    summaries = [outcome.metric(name) for outcome in comparison.candidates]
    first = next(summary for summary in summaries if summary is not None)
    reference = NOTHING if first.reference is None else value(first.reference, first.unit)
    head = Row(first.title or first.metric, (reference, *_cells(summaries, _own_value)))
    level = next((found.level for found in (first.difference, first.interval) if found is not None), 0.95)
    details: list[tuple[str, Show]] = [
        ("difference", _difference),
        (f"{100 * level:g} % interval", _interval),
        ("flips − / +", _flips),
    ]
    return [head, *(Row(label, (NEVER, *_cells(summaries, show)), detail=True) for label, show in details)]


def _cells(summaries: Iterable[MetricSummary | None], show: Show) -> list[str]:
    return [(show(summary) if summary else None) or NOTHING for summary in summaries]


def _own_value(summary: MetricSummary) -> str:
    return value(summary.candidate, summary.unit)


def _difference(summary: MetricSummary) -> str | None:
    return change(summary.difference.estimate, summary.unit) if summary.difference else None


def _interval(summary: MetricSummary) -> str | None:
    if summary.difference:
        return change_span(summary.difference.low, summary.difference.high, summary.unit)
    if summary.interval:
        return value_span(summary.interval.low, summary.interval.high, summary.unit)
    return None


def _flips(summary: MetricSummary) -> str | None:
    if "regressed" not in summary.facts or "fixed" not in summary.facts:
        return None
    return f"{summary.facts['regressed']:.0f} / {summary.facts['fixed']:.0f}"


def _latency_rows(subjects: Sequence[Subject]) -> list[Row]:
    found = [subject.latency for subject in subjects]
    batch = next((f", batch {latency.batch}" for latency in found if latency), "")
    ratios = [time_ratio(found[0], latency) for latency in found[1:]]
    level = next((ratio.level for ratio in ratios if ratio), 0.95)
    spans = [f"[{unsigned(ratio.low)}, {unsigned(ratio.high)}]" if ratio else NOTHING for ratio in ratios]
    return [
        Row(f"latency{batch}, p50", tuple(milliseconds(latency.p50_ms) if latency else NOTHING for latency in found)),
        Row("p90", tuple(milliseconds(latency.p90_ms) if latency else NOTHING for latency in found), detail=True),
        Row("speed-up", (NEVER, *(_speed_up(found[0], latency) for latency in found[1:])), detail=True),
        Row(f"{100 * level:g} % interval", (NEVER, *spans), detail=True),
    ]


def _speed_up(reference: Latency | None, candidate: Latency | None) -> str:
    """How many times as fast the candidate is; of latencies without blocks, by their medians alone."""
    if ratio := time_ratio(reference, candidate):
        return times(ratio.estimate)
    if reference and candidate and candidate.p50_ms > 0:
        return times(reference.p50_ms / candidate.p50_ms)
    return NOTHING


def _size_rows(subjects: Sequence[Subject]) -> list[Row]:
    reference, *candidates = (subject.size_bytes for subject in subjects)
    ratios = [times(reference / own) if own else NOTHING for own in candidates]
    return [
        Row("size", tuple(sizes([subject.size_bytes for subject in subjects]))),
        Row("times smaller", (NEVER, *ratios), detail=True),
    ]


def _coverage_rows(subjects: Sequence[Subject]) -> list[Row]:
    """What the runtime really does; of an engine also its layers, and the tensors that it lacks a scale for."""
    engines = [subject.coverage.engine if subject.coverage else None for subject in subjects]
    return [
        Row("nodes in INT8", tuple(_covered(subject) for subject in subjects)),
        Row("engine layers INT8 / FP16 / FP32", tuple(_layers(engine) for engine in engines)),
        Row("reformats", tuple(str(engine.reformats) if engine else NOTHING for engine in engines), detail=True),
        Row("scales missing", tuple(_missing(engine) for engine in engines), detail=True),
    ]


def _covered(subject: Subject) -> str:
    coverage = subject.coverage
    return f"{coverage.integer} of {coverage.total}" if coverage else NOTHING


def _layers(engine: EngineLayers | None) -> str:
    return NOTHING if engine is None else " / ".join(str(engine.by_precision.get(name, 0)) for name in _PRECISIONS)


def _missing(engine: EngineLayers | None) -> str:
    return NOTHING if engine is None or engine.unscaled is None else str(len(engine.missing))

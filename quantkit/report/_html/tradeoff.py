"""Accuracy against latency, and what nothing else beats in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quantkit.core.comparison import Comparison, MetricSummary, Subject
from quantkit.core.figures import milliseconds, unsigned
from quantkit.core.sensitivity import Sensitivity
from quantkit.report._html.markup import Section, figure, folded, short, table
from quantkit.report._html.palette import COLOURS, SYMBOLS

_IDENTITY = "plot-tradeoff"


@dataclass(frozen=True, slots=True)
class _Point:
    """A model: milliseconds, the metric's value, and how far both may be off."""

    name: str
    latency_ms: float
    slower_ms: float
    value: float
    below: float
    above: float


def section(comparison: Comparison, sensitivity: Sensitivity | None = None) -> Section | None:
    """A point for each model whose latency was measured; nothing where no metric has a value for FP32 and INT8.

    Models with their worst layers left in FP32 were compared elsewhere, so they stand where they were to FP32 there.
    """
    metric = _metric(comparison)
    if metric is None:
        return None
    factor = 100.0 if metric.unit == "share" else 1.0
    points = _points(comparison, metric.metric, factor)
    others = _left_out(sensitivity, points[0], metric.metric, factor) if points and sensitivity else []
    points += others
    if len(points) < 2:
        return None
    title = metric.title or metric.metric
    unit = "%" if metric.unit == "share" else metric.unit
    header = ["model", "latency p50", "p90", f"{title}, {unit}", "interval"]
    lines = [
        [point.name, milliseconds(point.latency_ms), milliseconds(point.latency_ms + point.slower_ms),
         unsigned(point.value), f"{unsigned(point.value - point.below)} to {unsigned(point.value + point.above)}"]
        for point in points
    ]  # fmt: skip
    caption = (
        f"{title} against latency. Whiskers: the paired interval of the difference from FP32, and the 90th percentile "
        "of latency. The dashed line joins the models that no other beats in both."
    )
    if others:
        caption += (
            " \u201cMinus n\u201d: the n layers that cost most left in FP32, measured by quantkit sensitivity on "
            "samples of its own, and placed by their distance from FP32 there."
        )
    body = figure(_IDENTITY, caption, folded("The numbers", table(header, lines)))
    return Section("tradeoff", "Accuracy and latency", body, {_IDENTITY: _drawn(points, f"{title} ({unit})")})


def _metric(comparison: Comparison) -> MetricSummary | None:
    found = [summary for outcome in comparison.candidates for summary in outcome.metrics if summary.difference]
    return min(found, key=lambda summary: summary.metric != "top1", default=None)


def _points(comparison: Comparison, metric: str, factor: float) -> list[_Point]:
    points: list[_Point] = []
    for outcome in comparison.candidates:
        summary = outcome.metric(metric)
        if summary is None or summary.difference is None or summary.reference is None:
            continue
        spread = summary.difference
        below, above = spread.estimate - spread.low, spread.high - spread.estimate
        if not points:
            points += _point(comparison.reference, summary.reference * factor, 0.0, 0.0)
        points += _point(outcome.subject, summary.candidate * factor, below * factor, above * factor)
    return points


def _point(subject: Subject, value: float, below: float, above: float) -> list[_Point]:
    timed = subject.latency
    if timed is None:
        return []
    return [_Point(subject.name, timed.p50_ms, max(0.0, timed.p90_ms - timed.p50_ms), value, below, above)]


def _left_out(sensitivity: Sensitivity, reference: _Point, metric: str, factor: float) -> list[_Point]:
    """Latency by its ratio to that of FP32, the metric by its difference."""
    found = []
    for point in sensitivity.points:
        summary, fp32 = point.metric(metric), sensitivity.reference_latency
        if point.left_out and summary and summary.difference and point.latency and fp32 and fp32.p50_ms > 0:
            slower, spread = reference.latency_ms / fp32.p50_ms, summary.difference
            p50, p90 = point.latency.p50_ms * slower, point.latency.p90_ms * slower
            value = reference.value + spread.estimate * factor
            below, above = (spread.estimate - spread.low) * factor, (spread.high - spread.estimate) * factor
            name = f"{sensitivity.rule} minus {len(point.left_out)}"
            found.append(_Point(name, p50, max(0.0, p90 - p50), value, below, above))
    return found


def _drawn(points: Sequence[_Point], title: str) -> Mapping[str, Any]:
    best = _unbeaten(points)
    line = {
        "x": [short(point.latency_ms) for point in best],
        "y": [short(point.value) for point in best],
        "mode": "lines",
        "line": {"dash": "dash", "width": 1.5, "color": "#808080"},
        "hoverinfo": "skip",
        "name": "not beaten",
    }
    return {
        "data": [line, *(_trace(number, point) for number, point in enumerate(points))],
        "layout": {
            "xaxis": {"title": {"text": "latency, p50 (ms)"}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": title}},
        },
    }


def _trace(number: int, point: _Point) -> Mapping[str, Any]:
    return {
        "x": [short(point.latency_ms)],
        "y": [short(point.value)],
        "name": point.name,
        "mode": "markers",
        "marker": {"size": 12, "symbol": SYMBOLS[number % len(SYMBOLS)], "color": COLOURS[number % len(COLOURS)]},
        "error_x": {"array": [short(point.slower_ms)], "arrayminus": [0], "thickness": 1},
        "error_y": {"array": [short(point.above)], "arrayminus": [short(point.below)], "thickness": 1},
    }


def _unbeaten(points: Sequence[_Point]) -> list[_Point]:
    """Those that no other is at least as fast and better than, fastest first."""
    kept: list[_Point] = []
    for point in sorted(points, key=lambda point: (point.latency_ms, -point.value)):
        if not kept or point.value > kept[-1].value:
            kept.append(point)
    return kept

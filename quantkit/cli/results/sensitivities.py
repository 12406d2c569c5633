"""A sensitivity as text: the layers that cost most, what leaving some of them in FP32 is worth, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quantkit.cli.process.progress import duration
from quantkit.cli.results.columns import aligned
from quantkit.core.comparison import MetricSummary
from quantkit.core.figures import bare, change, change_span, milliseconds, value, value_span
from quantkit.core.sensitivity import SQNR, Effect, Layer, Measure, Point, Sensitivity
from quantkit.core.text import printable
from quantkit.report._figures import NOTHING
from quantkit.report._sensitivity_text import counsel, left_undone, samples

_SHOWN = 12
"""Layers in the table; the file has them all."""

_COLUMNS = ("only: weights", "activations", "both", "all but: weights", "activations", "both", "gives back")


def told(found: Sensitivity, *, whole: bool = False) -> str:
    """Everything worth knowing, for people; of the layers the worst, or the `whole` list. What to do comes last."""
    layers = [_layers(found, measure, None if whole else _SHOWN) for measure in found.measures]
    parts = [_headed(found), _undone(found), *layers, _points(found), _advice(found)]
    return "\n\n".join(part for part in parts if part)


def _headed(found: Sensitivity) -> str:
    in_float = len(found.layers) - len(found.quantized)
    also = f", {in_float} more in FP32 already" if in_float else ""
    lines = [
        f"{len(found.quantized)} layers of {printable(found.path)} for {found.target}{also}; "
        f"ranges by {printable(found.rule)}; {samples(found)}",
        *(f"note: {printable(note)}" for note in found.notes),
    ]
    return "\n".join(lines)


def _undone(found: Sensitivity) -> str:
    lines = left_undone(found)
    if not lines:
        return ""
    extent, again = found.extent, []
    if extent and extent.go_on:
        took = "" if extent.whole_s is None else f", in about {duration(extent.whole_s)}"
        again = [f"to measure everything{took}:", f"  {printable(extent.go_on)}"]
    return "\n".join([printable(lines[0]), *(f"  {printable(line)}" for line in (*lines[1:], *again))])


def _layers(found: Sensitivity, measure: Measure, most: int | None) -> str:
    layers = [layer for layer in found.worst_first if measure.name in layer.effects]
    # One column more where it says something.
    counted = len({layer.samples for layer in layers}) > 1
    header = ["layer", "operator", *_COLUMNS, *(["samples"] if counted else [])]
    rows = [[*_row(layer, measure), *([str(layer.samples)] if counted else [])] for layer in layers[:most]]
    lines = [_titled(found, measure), *aligned([header, *rows], right=range(2, len(header)))]
    if len(layers) > len(rows):
        lines.append(f"  … and {len(layers) - len(rows)} more, which quantkit inspect -v shows")
    if measure.name == SQNR:
        lines.append("  in the order in which to leave them in FP32: each for what is left by those above it")
        lines.append(
            f"  only: in INT8 this layer alone; all but: in FP32 this layer alone; {NOTHING}: {_lacking(found)}"
        )
        if found.floor_db is not None:
            lines.append(f"  gives back: up to {found.floor_db:.2f} dB may be chance, as all behind is rounded anew")
    return "\n".join(lines)


def _lacking(found: Sensitivity) -> str:
    """What an empty cell means."""
    is_partly = found.extent is not None and bool(found.extent.partly)
    return "no such codes, or not measured" if is_partly else "no such codes"


def _titled(found: Sensitivity, measure: Measure) -> str:
    """What the table holds, with its unit, and what the whole network has."""
    unit = "%" if measure.unit == "share" else measure.unit
    better = "higher" if measure.higher_is_better else "lower"
    whole = f"{value(measure.everything, measure.unit)} with all layers in INT8"
    if measure.reference is not None:
        whole += f", {value(measure.reference, measure.unit)} in FP32"
    return f"{measure.title}{f' in {unit}' if unit else ''}, {better} is better: {whole}, on {found.samples} samples"


def _row(layer: Layer, measure: Measure) -> list[str]:
    effects = layer.effects[measure.name]
    figures = [*_figures(effects.only, measure), *_figures(effects.all_but, measure)]
    gained = measure.given_back(effects)
    return [layer.node, layer.operator, *figures, NOTHING if gained is None else change(gained, measure.unit)]


def _figures(effect: Effect, measure: Measure) -> Iterator[str]:
    for figure in (effect.weights, effect.activations, effect.both):
        yield NOTHING if figure is None else bare(figure, measure.unit)


def _points(found: Sensitivity) -> str:
    """A line for each network that was really made; the reference last, for its latency."""
    if not found.points:
        return ""
    whole = found.points[0]
    shown = _shown(found, whole)
    header = ["left in FP32"]
    for summary in shown:
        header += [summary.title or summary.metric, "against FP32" if summary.difference else "95 % interval"]
    rows = [_line(point, shown) for point in found.points]
    if found.reference_latency is not None:
        references = [NOTHING if s.reference is None else value(s.reference, s.unit) for s in shown]
        cells = [cell for reference in references for cell in (reference, NOTHING)]
        rows.append(["all: FP32", *cells, NOTHING, milliseconds(found.reference_latency.p50_ms)])
    counts = {summary.samples for summary in whole.metrics}
    title = f"the first of them left in FP32 together, really quantized, on {max(counts, default=0)} samples"
    header += ["nodes in INT8", "latency p50"]
    return "\n".join([title, *aligned([header, *rows], right=range(1, len(header)))])


def _shown(found: Sensitivity, whole: Point) -> list[MetricSummary]:
    """SQNR, what decides, and what was measured for every layer as well."""
    deciding = [found.advice.metric] if found.advice else []
    names = dict.fromkeys((SQNR, *deciding, *(measure.name for measure in found.measures)))
    return [summary for name in names if (summary := whole.metric(name)) is not None]


def _line(point: Point, shown: Sequence[MetricSummary]) -> list[str]:
    cells = []
    for summary in shown:
        own = point.metric(summary.metric)
        cells += [NOTHING, NOTHING] if own is None else [value(own.candidate, own.unit), _span(own)]
    latency = NOTHING if point.latency is None else milliseconds(point.latency.p50_ms)
    return [_count(point), *cells, f"{point.integer} of {point.nodes}", latency]


def _span(summary: MetricSummary) -> str:
    if (moved := summary.difference) is not None:
        return f"{change(moved.estimate, summary.unit)} {change_span(moved.low, moved.high, summary.unit)}"
    around = summary.interval
    return NOTHING if around is None else value_span(around.low, around.high, summary.unit)


def _count(point: Point) -> str:
    return {0: "none", 1: "the first"}.get(len(point.left_out), f"the first {len(point.left_out)}")


def _advice(found: Sensitivity) -> str:
    told = counsel(found)
    if told is None:
        return ""
    lines = [printable(told.headline), *(f"  {printable(reason)}" for reason in told.reasons)]
    if told.flags:
        lines += [f"  {printable(told.meant)}:", f"    {printable(told.flags)}"]
    return "\n".join(["what to do", *(f"  {line}" for line in lines)])

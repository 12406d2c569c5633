"""A sensitivity as text: the layers that cost most, and what leaving some of them in FP32 is worth."""

from __future__ import annotations

from collections.abc import Iterator

from quantkit.cli.columns import aligned
from quantkit.core.sensitivity import SQNR, Effect, Layer, Measure, Point, Sensitivity
from quantkit.core.text import printable
from quantkit.report._figures import NOTHING, change, value
from quantkit.report._numbers import milliseconds, unsigned

_SHOWN = 12
"""Layers in the table; the file has them all."""


def told(found: Sensitivity, *, whole: bool = False) -> str:
    """Everything worth knowing, for people; of the layers the worst, or the `whole` list."""
    layers = [_layers(found, measure, None if whole else _SHOWN) for measure in found.measures]
    parts = [_headed(found), *layers, _points(found), *_advice(found)]
    return "\n\n".join(part for part in parts if part)


def _headed(found: Sensitivity) -> str:
    in_float = len(found.layers) - len(found.quantized)
    also = f", {in_float} more in FP32 already" if in_float else ""
    lines = [
        f"{len(found.quantized)} layers of {printable(found.path)} for {found.target}{also}; "
        f"ranges by {printable(found.rule)}; {found.samples} samples",
        *(f"note: {printable(note)}" for note in found.notes),
    ]
    return "\n".join(lines)


def _layers(found: Sensitivity, measure: Measure, most: int | None) -> str:
    layers = [layer for layer in found.worst_first if measure.name in layer.effects]
    unit = "%" if measure.unit == "share" else measure.unit
    title = f"{measure.title}{f', {unit}' if unit else ''}: {value(measure.everything, measure.unit)} in INT8"
    if measure.reference is not None:
        title += f", {value(measure.reference, measure.unit)} in FP32"
    header = [
        "layer",
        "operator",
        "only weights",
        "activations",
        "both",
        "all but weights",
        "activations",
        "both",
        "back",
    ]
    rows = [_row(layer, measure) for layer in layers[:most]]
    more = (
        [f"  … and {len(layers) - len(rows)} more, which quantkit inspect -v shows"] if len(layers) > len(rows) else []
    )
    lines = [title, *aligned([header, *rows], right=range(2, 9)), *more]
    if measure.name == SQNR and found.floor_db is not None:
        lines.append(f"  what is given back up to {found.floor_db:.2f} dB may be chance: all behind it is rounded anew")
    return "\n".join(lines)


def _row(layer: Layer, measure: Measure) -> list[str]:
    effects = layer.effects[measure.name]
    figures = [*_figures(effects.only, measure), *_figures(effects.all_but, measure)]
    gained = NOTHING if effects.gained is None else change(effects.gained, measure.unit)
    return [layer.node, layer.operator, *figures, gained]


def _figures(effect: Effect, measure: Measure) -> Iterator[str]:
    for figure in (effect.weights, effect.activations, effect.both):
        yield NOTHING if figure is None else _bare(figure, measure.unit)


def _bare(figure: float, unit: str) -> str:
    return unsigned(100 * figure if unit == "share" else figure)


def _points(found: Sensitivity) -> str:
    """A line for each network that was really made; the reference last, for its latency."""
    if not found.points:
        return ""
    names = [summary.metric for summary in found.points[0].metrics if summary.reference is not None]
    shown = [SQNR, *(name for name in names if name in ("top1", *(measure.name for measure in found.measures)))]
    header = ["left in FP32", *(_title(found.points[0], name) for name in shown), "in INT8", "latency, p50"]
    rows = [
        [_count(point), *(_metric(point, name) for name in shown), f"{point.integer} of {point.nodes}", _latency(point)]
        for point in found.points
    ]
    if found.reference_latency is not None:
        references = [NOTHING, *(_reference(found.points[0], name) for name in shown[1:])]
        rows.append(["all", *references, NOTHING, milliseconds(found.reference_latency.p50_ms)])
    title = "really quantized, and compared on the same samples"
    return "\n".join([title, *aligned([header, *rows], right=range(1, len(header)))])


def _count(point: Point) -> str:
    return {0: "none", 1: "the first"}.get(len(point.left_out), f"the first {len(point.left_out)}")


def _title(point: Point, name: str) -> str:
    summary = point.metric(name)
    return summary.title or name if summary else name


def _metric(point: Point, name: str) -> str:
    summary = point.metric(name)
    return NOTHING if summary is None else value(summary.candidate, summary.unit)


def _reference(point: Point, name: str) -> str:
    summary = point.metric(name)
    return NOTHING if summary is None or summary.reference is None else value(summary.reference, summary.unit)


def _latency(point: Point) -> str:
    return NOTHING if point.latency is None else milliseconds(point.latency.p50_ms)


def _advice(found: Sensitivity) -> Iterator[str]:
    if not found.order:
        yield "no layer costs anything that leaving it in FP32 would give back"
        return
    point = found.advised
    if point is None:
        yield "leaving layers in FP32 gives nothing back here"
        return
    yield (
        f"to leave {_count(point)} in FP32, with quantkit calibrate and quantize --target {found.target}:\n"
        f"  {printable(point.flags)}"
    )

"""Which layers cost the accuracy: each alone in integers, each alone in floats, and the worst left out together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from quantkit.core.figures import change, milliseconds, plain, signed, unsigned, value
from quantkit.core.sensitivity import SQNR, Effect, Layer, Measure, Sensitivity
from quantkit.report._figures import NOTHING
from quantkit.report._html.markup import Section, escaped, figure, folded, listed, short, table
from quantkit.report._sensitivity_text import counsel, left_undone, samples

_IDENTITY = "plot-sensitivity"
_PARTS = ("weights", "activations", "both")
_ROW = 24
_ABOVE = 120

_LEAST = {"dB": (6.0, 1.0), "share": (5.0, 5.0)}
"""Unit → differences that colour from end to end at least: of what is left, and of what is given back."""


def section(found: Sensitivity | None) -> Section | None:
    """A heatmap for each measure, in graph order and the worst first; the style sheet alone switches between them."""
    if found is None or not found.quantized:
        return None
    figures: dict[str, Mapping[str, Any]] = {}
    views = []
    for order, layers in (("graph", found.layers), ("worst", found.worst_first)):
        shown: list[str] = []
        for measure in found.measures:
            identity = f"{_IDENTITY}-{order}-{len(shown)}"
            figures[identity] = _drawn(layers, measure)
            numbers = folded(f"The numbers: {measure.title}", _table(layers, measure))
            shown.append(figure(identity, _caption(found, measure), numbers, tall=True))
        views.append(f'<div class="view by-{order}">{"".join(shown)}</div>')
    controls = (
        '<input type="radio" class="choice" name="sensitivity-order" id="sensitivity-graph" checked>'
        '<label for="sensitivity-graph">in the order of the graph</label>'
        '<input type="radio" class="choice" name="sensitivity-order" id="sensitivity-worst">'
        '<label for="sensitivity-worst">in the order to leave out</label>'
    )
    body = _undone(found) + _advice(found) + controls + "".join(views) + _points(found)
    return Section("sensitivity", "Which layers cost accuracy", body, figures)


def _undone(found: Sensitivity) -> str:
    """What there was no time for, and how to measure it."""
    lines = left_undone(found)
    if not lines:
        return ""
    again = (
        f'<p>To measure everything: <code class="flags">{escaped(found.extent.go_on, 4000)}</code></p>'
        if found.extent and found.extent.go_on
        else ""
    )
    return f"<p><strong>{escaped(lines[0])}</strong></p>{listed(lines[1:])}{again}"


def _caption(found: Sensitivity, measure: Measure) -> str:
    told = (
        f"{measure.title} at the network's outputs on {samples(found)}. Left: with this layer quantized and no "
        "other, by its weights, by the activations it reads and makes, and by both. Right: what comes back when the "
        f"layer alone is left in FP32, against {value(measure.everything, measure.unit)} with all layers in INT8; an "
        "empty cell: its neighbours want the same codes. Bright: worse on the left, more to gain on the right. "
        "Hatched: in FP32 already."
    )
    if measure.name == SQNR and found.floor_db is not None:
        told += f" Gains up to {found.floor_db:.2f} dB may be chance, as everything behind a layer is rounded anew."
    return told


def _drawn(layers: Sequence[Layer], measure: Measure) -> Mapping[str, Any]:
    places = list(range(len(layers)))
    factor = 100.0 if measure.unit == "share" else 1.0
    alone = [_times(factor, _effect(layer, measure, "only")) for layer in layers]
    gains = [_times(factor, _gains(layer, measure)) for layer in layers]
    left, right = _LEAST.get(measure.unit, (0.0, 0.0))
    # A cosine differs in its fourth digit.
    shown, moved = (unsigned, _signed) if measure.unit in _LEAST else (plain, partial(_signed, digits=5))
    first = _heat(alone, "only this", least=left, reverse=measure.higher_is_better)
    second = _heat(gains, "given back", least=right, reverse=False)
    in_float = [place for place in places if layers[place].reason]
    return {
        "data": [
            first,
            _numbers(first, alone, shown),
            {**second, "xaxis": "x2"},
            {**_numbers(second, gains, moved), "xaxis": "x2"},
            *([_hatched(layers, in_float, axis) for axis in ("x", "x2")] if in_float else []),
        ],
        "layout": {
            "height": _ROW * max(len(layers), 6) + _ABOVE + 40,
            "margin": {"t": _ABOVE, "b": 40, "r": 20},
            "barmode": "overlay",
            "showlegend": False,
            "xaxis": _columns(f"only this in INT8: {_unit(measure)}", [0, 0.48]),
            "xaxis2": _columns(f"only this in FP32: gives back, {_gain_unit(measure)}", [0.52, 1]),
            "yaxis": {
                "range": [len(layers) - 0.5, -0.5],
                "tickvals": places,
                "ticktext": [_label(layer) for layer in layers],
                "showgrid": False,
            },
        },
    }


def _times(factor: float, cells: Sequence[float | None]) -> list[float | None]:
    return [None if cell is None else cell * factor for cell in cells]


def _unit(measure: Measure) -> str:
    unit = "%" if measure.unit == "share" else measure.unit
    return f"{measure.title}{f', {unit}' if unit else ''}"


def _gain_unit(measure: Measure) -> str:
    return "pp" if measure.unit == "share" else measure.unit or measure.title


def _columns(title: str, domain: Sequence[float]) -> Mapping[str, Any]:
    return {
        "title": {"text": title, "standoff": 8},
        "domain": domain,
        "range": [-0.5, len(_PARTS) - 0.5],
        "tickvals": list(range(len(_PARTS))),
        "ticktext": list(_PARTS),
        "side": "top",
        "showgrid": False,
        "fixedrange": True,
    }


def _label(layer: Layer) -> str:
    return f"{layer.node} ({layer.operator})" if len(layer.node) + len(layer.operator) < 32 else layer.node


Cells = Sequence[Sequence["float | None"]]


def _signed(figure: float, digits: int = 2) -> str:
    return signed(figure, digits) if math.isfinite(figure) else unsigned(figure)


def _heat(cells: Cells, name: str, *, least: float, reverse: bool) -> Mapping[str, Any]:
    """Colours for the cells; a spread of less than `least` does not look like a large one.

    The quiet end is the dark one: of what is left, the best; of what is given back, nothing.
    """
    known = [cell for row in cells for cell in row if cell is not None and math.isfinite(cell)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    low, high = (min(low, high - least), high) if reverse else (low, max(high, low + least))
    return {
        "type": "heatmap",
        "name": name,
        "x": list(range(len(_PARTS))),
        "y": list(range(len(cells))),
        "z": [[None if cell is None else short(min(max(cell, low), high)) for cell in row] for row in cells],
        "zmin": short(low),
        "zmax": short(high) if high > low else short(low + 1),
        "hoverinfo": "skip",
        "colorscale": "Viridis",
        "reversescale": reverse,
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
    }


def _numbers(heat: Mapping[str, Any], cells: Cells, write: Callable[[float], str]) -> Mapping[str, Any]:
    """The figures on top, black or white, whichever can be read there."""
    places = [(x, y) for y, row in enumerate(cells) for x, cell in enumerate(row) if cell is not None]
    found = [cells[y][x] or 0.0 for x, y in places]
    span = heat["zmax"] - heat["zmin"]
    bright = [(heat["z"][y][x] - heat["zmin"]) / span for x, y in places]
    return {
        "type": "scatter",
        "mode": "text",
        "name": heat["name"],
        "x": [x for x, _ in places],
        "y": [y for _, y in places],
        "text": [write(cell) for cell in found],
        "textfont": {"size": 12, "color": [_ink(1 - share if heat["reversescale"] else share) for share in bright]},
        "hovertemplate": f"%{{y}}<br>{heat['name']}, %{{x}}: %{{text}}<extra></extra>",
    }


def _ink(share: float) -> str:
    """White up to where black begins to have the higher contrast: a luminance of 0.18, at 44 % of Viridis."""
    return "#000000" if share > 0.44 else "#ffffff"


def _hatched(layers: Sequence[Layer], places: Sequence[int], axis: str) -> Mapping[str, Any]:
    """A bar across the columns for each layer in floats, told apart by hatching and not by colour alone."""
    return {
        "type": "bar",
        "orientation": "h",
        "name": "in FP32 already",
        "xaxis": axis,
        "y": list(places),
        "x": [len(_PARTS)] * len(places),
        "base": [-0.5] * len(places),
        "width": 0.9,
        "text": [layers[place].reason for place in places],
        "textposition": "none",
        "hovertemplate": "%{y}<br>in FP32: %{text}<extra></extra>",
        "marker": {
            "color": "rgba(128,128,128,0.12)",
            "pattern": {"shape": "/", "fgcolor": "#808080", "fillmode": "overlay", "size": 7},
        },
    }


def _effect(layer: Layer, measure: Measure, mode: str) -> list[float | None]:
    effects = layer.effects.get(measure.name)
    found: Effect = getattr(effects, mode) if effects else Effect()
    return [found.weights, found.activations, found.both]


def _gains(layer: Layer, measure: Measure) -> list[float | None]:
    effects = layer.effects.get(measure.name)
    if effects is None:
        return [None, None, None]
    values, sign = _effect(layer, measure, "all_but"), 1 if measure.higher_is_better else -1
    # Both are infinite where nothing is lost.
    return [None if v is None else 0.0 if v == effects.everything else sign * (v - effects.everything) for v in values]


def _table(layers: Sequence[Layer], measure: Measure) -> str:
    header = ["layer", "operator", *(f"only: {part}" for part in _PARTS), *(f"all but: {part}" for part in _PARTS),
              "gives back", "samples"]  # fmt: skip
    lines = []
    for layer in layers:
        cells = [*_effect(layer, measure, "only"), *_effect(layer, measure, "all_but")]
        told = [NOTHING if cell is None else value(cell, measure.unit) for cell in cells]
        gained = measure.given_back(layer.effects[measure.name]) if measure.name in layer.effects else None
        back = NOTHING if gained is None else change(gained, measure.unit)
        lines.append([layer.node, layer.operator, *told, back, layer.reason or str(layer.samples)])
    return table(header, lines, names=2)


def _advice(found: Sensitivity) -> str:
    """What to do, what shows it, and the flags for it."""
    told = counsel(found)
    if told is None:
        return ""
    flags = (
        f'<p>{escaped(told.meant)}: <code class="flags">{escaped(told.flags, 4000)}</code></p>' if told.flags else ""
    )
    return f"<p><strong>What to do: {escaped(told.headline)}</strong></p>{listed(told.reasons)}{flags}"


def _points(found: Sensitivity) -> str:
    """The networks that were really made."""
    if not found.points:
        return ""
    first = found.points[0]
    named = [summary for summary in first.metrics if summary.reference is not None or summary.metric == SQNR]
    header = ["left in FP32", *(summary.title or summary.metric for summary in named), "nodes in INT8", "latency p50"]
    lines = []
    for point in found.points:
        own = [point.metric(summary.metric) for summary in named]
        figures = [NOTHING if summary is None else value(summary.candidate, summary.unit) for summary in own]
        latency = NOTHING if point.latency is None else milliseconds(point.latency.p50_ms)
        lines.append([", ".join(point.left_out) or "none", *figures, f"{point.integer} of {point.nodes}", latency])
    if found.reference_latency is not None:
        fp32 = [NOTHING if s.reference is None else value(s.reference, s.unit) for s in named]
        lines.append(["all: FP32", *fp32, NOTHING, milliseconds(found.reference_latency.p50_ms)])
    counted = max((summary.samples for summary in first.metrics), default=0)
    caption = (
        f"The first layers to leave in FP32 together, really quantized and compared with FP32 on {counted} samples."
    )
    return table(header, lines, caption=caption)

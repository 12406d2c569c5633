"""Where the error arises: every quantized activation, alone and after all others, and what was left in float."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quantkit.core.comparison import Comparison, NodeCoverage
from quantkit.core.evidence import Evidence
from quantkit.core.figures import unsigned
from quantkit.core.layer_errors import LayerError, LayerErrors
from quantkit.core.text import shortened
from quantkit.report._figures import NOTHING
from quantkit.report._html.markup import Section, escaped, figure, folded, short, table

IDENTITY = "plot-layers"

LOW_DB = 20.0
"""Half of the noise's amplitude is then more than a twentieth of the signal's: such a tensor is worth a look."""

_WORST = 20


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the plot: an activation, or a node without a quantized one; and where it does not run in integers."""

    name: str
    operator: str
    error: LayerError | None
    floating: NodeCoverage | None

    @property
    def left(self) -> str:
        """What it runs in instead of integers, and why; empty for a node in INT8."""
        if self.floating is None:
            return ""
        reason = shortened(self.floating.reason, 120)
        return f"{self.floating.precision}: {reason}" if reason else self.floating.precision


def section(comparison: Comparison, evidence: Evidence) -> Section | None:
    """Bars in graph order, and the worst first; the style sheet alone switches between them."""
    if not evidence.layers:
        return None
    rows = {name: list(_rows(errors, _nodes(comparison, name))) for name, errors in evidence.layers.items()}
    choices = "".join(f"<option>{escaped(name, 60)}</option>" for name in rows)
    first = next(iter(evidence.layers.values()))
    # Options are told apart by their position: two names may look alike once they are shortened.
    controls = (
        f'<div class="controls"><label>model <select id="layers-model">{choices}</select></label></div>'
        '<input type="radio" class="choice" name="layers-order" id="layers-graph" checked>'
        '<label for="layers-graph">in the order of the graph</label>'
        '<input type="radio" class="choice" name="layers-order" id="layers-worst">'
        '<label for="layers-worst">the worst first</label>'
    )
    tables = "".join(folded(f"The numbers: {name}", _table(own)) for name, own in rows.items())
    worst = "".join(
        folded(f"The {_WORST} worst: {name}", _table(_by_error(own)[:_WORST])) for name, own in rows.items()
    )
    caption = _caption(first)
    body = (
        f'{controls}<div class="view by-graph">{figure(IDENTITY, caption, tables, tall=True)}</div>'
        f'<div class="view by-worst">{figure(f"{IDENTITY}-worst", caption, worst, tall=True)}</div>'
    )
    data = {"layers": [[_packed(row) for row in own] for own in rows.values()], "low_db": LOW_DB}
    return Section("layers", "Error by layer", body, data=data)


def _caption(first: LayerErrors) -> str:
    told = (
        f"Signal to quantization noise of each quantized activation on {first.samples} samples, in dB; more is better, "
        f"and what is left of the dashed line, {LOW_DB:.0f} dB, is worth a look. "
        "Isolated: the FP32 values, quantized and dequantized by themselves. Accumulated: the INT8 model's values "
        "against the FP32 model's, so with everything before them quantized. "
        "Hatched in grey: nodes that run in floating point."
    )
    if first.output_samples:
        told += (
            " At the output: the FP32 model's outputs when this activation alone is quantized, weights untouched, on "
            f"{first.output_samples} samples."
        )
    return told


def _nodes(comparison: Comparison, name: str) -> Sequence[NodeCoverage]:
    """The nodes of a candidate, in graph order, as far as its engine was asked."""
    subject = next((outcome.subject for outcome in comparison.candidates if outcome.subject.name == name), None)
    return subject.coverage.nodes if subject is not None and subject.coverage is not None else ()


def _rows(errors: LayerErrors, nodes: Sequence[NodeCoverage]) -> Iterator[_Row]:
    """Activations in their order, and before each the nodes in floating point that come first and quantize nothing."""
    places = {node.node: place for place, node in enumerate(nodes)}
    quantized = {layer.node for layer in errors.layers}
    left = iter([node for node in nodes if node.precision != "int8" and node.node not in quantized])
    waiting = next(left, None)
    for layer in errors.layers:
        place = places.get(layer.node)
        while waiting is not None and place is not None and places[waiting.node] < place:
            yield _Row(waiting.node, waiting.operator, None, waiting)
            waiting = next(left, None)
        own = None if place is None else nodes[place]
        yield _Row(layer.tensor, layer.operator, layer, own if own and own.precision != "int8" else None)
    for node in filter(None, [waiting, *left]):
        yield _Row(node.node, node.operator, None, node)


def _by_error(rows: Sequence[_Row]) -> list[_Row]:
    return sorted((row for row in rows if row.error), key=lambda row: row.error.accumulated_db if row.error else 0.0)


def _packed(row: _Row) -> list[object]:
    error = row.error
    ratios = (None,) * 3 if error is None else (error.isolated_db, error.accumulated_db, error.output_db)
    shown = [None if ratio is None else short(round(ratio, 2)) for ratio in ratios]
    return [row.name, row.operator, *shown, row.left, error is not None]


def _table(rows: Sequence[_Row]) -> str:
    header = ["activation", "made by", "isolated, dB", "accumulated, dB", "at the output, dB", "not in INT8"]
    lines = []
    for row in rows:
        error = row.error
        ratios = (None,) * 3 if error is None else (error.isolated_db, error.accumulated_db, error.output_db)
        shown = [NOTHING if ratio is None else unsigned(ratio) for ratio in ratios]
        lines.append([row.name, row.operator or "model input", *shown, row.left or NOTHING])
    return table(header, lines, names=2)

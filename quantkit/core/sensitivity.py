"""What each layer of a network costs in INT8, by its weights and by its activations, and which to leave in FP32."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from quantkit.core.comparison import Latency, MetricSummary
from quantkit.core.notebook import html_table
from quantkit.core.sensitivity_advice import Advice
from quantkit.core.sensitivity_extent import Extent

SQNR = "sqnr"
"""The measure that every sensitivity has: signal to quantization noise at the network's outputs, dB."""

_NEGLIGIBLE_DB = 13.0
"""A twentieth of the energy."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One way of saying how good the network's answers are.

    Args:
        name: plug-in name of the metric.
        title: what tables call it.
        unit: ``"dB"``, ``"share"`` or ``""``.
        higher_is_better: the direction.
        reference: of the FP32 network, where it has a value.
        everything: with all layers quantized, on all samples.
    """

    name: str
    title: str
    unit: str
    higher_is_better: bool
    reference: float | None
    everything: float

    def given_back(self, effects: Effects) -> float | None:
        """What leaving a layer in FP32 gives back, positive for better; ``None`` where that was not measured."""
        gained = effects.gained
        return gained if gained is None or self.higher_is_better else -gained


@dataclass(frozen=True, slots=True)
class Effect:
    """A measure with one layer's weights, its activations, or both treated otherwise than the rest of the network.

    ``None`` where the layer has no such codes, or where it was not measured.
    """

    weights: float | None = None
    activations: float | None = None
    both: float | None = None


@dataclass(frozen=True, slots=True)
class Effects:
    """What a measure says of one layer.

    Args:
        only: with this layer quantized and no other.
        all_but: with every layer quantized but this. `weights` and `activations` are what leaving the node in FP32
            takes away of either kind: codes that its neighbours want are still made, so there may be none.
        everything: with every layer quantized, on the same samples.
    """

    only: Effect
    all_but: Effect
    everything: float

    @property
    def gained(self) -> float | None:
        """What leaving the layer in FP32 adds to the measure: 0 where there was nothing to give."""
        if self.all_but.both is None:
            return None
        # Both may be infinite, where nothing is lost.
        return 0.0 if self.all_but.both == self.everything else self.all_but.both - self.everything


@dataclass(frozen=True, slots=True)
class Layer:
    """A node of the network, as it is called in `--exclude-nodes`.

    Args:
        node: its name. operator: its type.
        effects: measure → what it says; empty for a layer that is in FP32 already.
        samples: how many it was measured on.
        reason: why the layer is in FP32 already; empty for one that is quantized.
    """

    node: str
    operator: str
    effects: Mapping[str, Effects] = field(default_factory=dict)
    samples: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """The network with some layers left in FP32, really quantized, and compared on the same samples.

    Args:
        left_out: names of these layers; none for the whole network in INT8.
        flags: options that make `quantkit calibrate` and `quantize` leave them out, and whatever was left out anyway.
        metrics: against the FP32 network, with intervals.
        integer: nodes in integers. nodes: of how many that compute something.
        size_bytes: what the model weighs.
        latency: on this machine, where it means something.
    """

    left_out: tuple[str, ...]
    flags: str
    metrics: tuple[MetricSummary, ...]
    integer: int
    nodes: int
    size_bytes: int
    latency: Latency | None = None

    def metric(self, name: str) -> MetricSummary | None:
        """The summary called `name`, if it was computed."""
        return next((summary for summary in self.metrics if summary.metric == name), None)


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """A network layer by layer.

    Args:
        model: SHA-256 of the FP32 model. path: its file.
        target: the runtime whose placement was measured.
        rule: what chose the ranges. calibration: SHA-256 of them.
        samples: how many the network was measured on; a layer may have been on fewer, where the time was over.
        measures: what was measured; SQNR first.
        layers: in graph order.
        order: names of layers in the order in which to leave them in FP32: each is the one that takes most of the
            remaining noise away, as the noise of each tensor alone tells.
        points: the first few of that order left out together; fewest first, beginning with none.
        advice: which of the points to take; ``None`` where there are none.
        extent: how much of what was asked for was measured; ``None`` where nobody knows.
        reference_latency: of the FP32 network, measured together with the points.
        data: where the samples come from. environment: versions, threads, instruction set.
        notes: what a reader has to know about the figures.
        over_clipped: tensors of which the ranges let much of their energy saturate, so that other ranges may do better.
    """

    model: str
    path: str
    target: str
    rule: str
    calibration: str
    samples: int
    measures: tuple[Measure, ...]
    layers: tuple[Layer, ...]
    order: tuple[str, ...] = ()
    points: tuple[Point, ...] = ()
    advice: Advice | None = None
    extent: Extent | None = None
    reference_latency: Latency | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    over_clipped: tuple[str, ...] = ()

    @property
    def quantized(self) -> tuple[Layer, ...]:
        """The layers that were measured, in graph order."""
        return tuple(layer for layer in self.layers if not layer.reason)

    @property
    def worst_first(self) -> tuple[Layer, ...]:
        """The measured layers: those of `order`, then the others, the noisiest by themselves first."""
        rank = {node: place for place, node in enumerate(self.order)}

        def key(layer: Layer) -> tuple[int, float]:
            alone = layer.effects[SQNR].only.both if SQNR in layer.effects else None
            return rank.get(layer.node, len(rank)), math.inf if alone is None else alone

        return tuple(sorted(self.quantized, key=key))

    @property
    def floor_db(self) -> float | None:
        """How far SQNR moves when nothing that matters changes, because everything after it is rounded anew.

        The median gain, either way, of layers whose own noise is less than 1/20 of the whole; smaller gains of any
        layer say nothing. ``None`` where there is no such layer.
        """
        known = [layer.effects[SQNR] for layer in self.quantized if SQNR in layer.effects]
        found = [
            abs(effects.gained)
            for effects in known
            if effects.gained is not None
            and math.isfinite(effects.gained)
            and effects.only.both is not None
            and effects.all_but.both != effects.everything
            and effects.only.both > effects.everything + _NEGLIGIBLE_DB
        ]
        return median(found) if found else None

    @property
    def advised(self) -> Point | None:
        """The network that the advice is to take; ``None`` where it is to leave nothing out."""
        taken = self.advice.left_out if self.advice else ()
        return self.point(taken) if taken else None

    def point(self, left_out: tuple[str, ...]) -> Point | None:
        """The network with just these layers in FP32, if it was made."""
        return next((point for point in self.points if point.left_out == left_out), None)

    @property
    def unmeasured(self) -> tuple[Layer, ...]:
        """Layers of which nothing is known, for want of time; in graph order."""
        return tuple(layer for layer in self.quantized if not layer.samples)

    @property
    def span(self) -> tuple[int, int]:
        """The fewest and the most samples that a layer was measured on, among those that were."""
        counts = [layer.samples for layer in self.quantized if layer.samples]
        return min(counts, default=0), max(counts, default=0)

    def __repr__(self) -> str:
        return f"Sensitivity({len(self.quantized)} layers for {self.target} on {self.samples} samples)"

    def _repr_html_(self) -> str:
        header = ["layer", "operator", "only this, dB", "all but this, dB", "gives back, dB"]
        rows = [
            [layer.node, layer.operator, *_shown(effects.only.both, effects.all_but.both, effects.gained)]
            for layer in self.worst_first
            if (effects := layer.effects.get(SQNR))
        ]
        return html_table(f"{self!r}, the first to leave out first", header, rows)


def _shown(*values: float | None) -> list[str]:
    return ["" if value is None else f"{value:.2f}" for value in values]

"""Which layers to leave in FP32, and what the network is then: really quantized, and compared."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from quantkit.core.artifact import Artifact
from quantkit.core.calibration import Calibration
from quantkit.core.comparison import Comparison, Outcome
from quantkit.core.sensitivity import Point
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model
from quantkit.graph.quantized_layers import LayeredPlacement, QuantizedLayer, Sites
from quantkit.pipeline.comparing import Comparing, compare
from quantkit.pipeline.quantizing import quantize

# Each step places the network anew without each of them.
_MOST_CANDIDATES = 48
_MOST_LEFT_OUT = 16


def order_to_leave_out(
    placed: LayeredPlacement, alone: Mapping[str, float], ranges: Collection[str]
) -> tuple[str, ...]:
    """Nodes, each the one whose going takes away most of the noise that those before it left.

    Not more than half of the layers, and at most 16: beyond that it is another network.

    Args:
        placed: the placement, which says what goes together with a node.
        alone: tensor → noise over signal at the network's outputs when it alone is quantized.
        ranges: tensors whose range is known; what would need another one cannot be left out.
    """
    whole = _readings(placed.sites)

    def noise(sites: Sites) -> float:
        # Errors of roundings in different tensors are nearly independent, so that their energies add up. Of a tensor
        # that some still read in codes, its share of readings.
        return sum(alone.get(tensor, 0.0) * count / whole[tensor] for tensor, count in _readings(sites).items())

    candidates = sorted(placed.layers, key=lambda layer: (-noise(layer.brings), layer.position))[:_MOST_CANDIDATES]
    gone: list[QuantizedLayer] = []
    left = noise(placed.sites)
    while len(gone) < _most(len(placed.layers)):
        found = [
            (noise(rest.sites), rank, layer)
            for rank, layer in enumerate(candidates)
            if layer not in gone
            and (rest := placed.without([other.position for other in (*gone, layer)])).tensors.issubset(ranges)
        ]
        after, _, best = min(found, default=(left, 0, None), key=lambda entry: entry[:2])
        if best is None or not after < left:
            break
        left = after
        gone.append(best)
    return tuple(layer.node for layer in gone)


def _most(layers: int) -> int:
    return min(layers // 2, _MOST_LEFT_OUT)


def most_points(layers: int) -> int:
    """How many networks are made at most of one with so many layers."""
    return len(steps([""] * _most(layers)))


def _readings(sites: Sites) -> Mapping[str, int]:
    return Counter(site.tensor for site in sites)


@dataclass(frozen=True, slots=True)
class LeavingOut:
    """How networks with layers left out are made and compared.

    Args:
        target: the runtime. exclude: what is in FP32 in any case.
        reduce_range, per_channel: as for `quantize`.
        how: the comparison.
    """

    target: str
    exclude: Exclusion
    reduce_range: bool
    per_channel: bool
    how: Comparing

    def quantized(self, model: Model, calibration: Calibration, nodes: Sequence[str], folder: Path) -> Artifact:
        """The INT8 model without `nodes`, in `folder`."""
        return quantize(
            model,
            calibration,
            to=folder / f"{len(nodes)}.onnx",
            target=self.target,
            exclude=self._exclusion(nodes),
            reduce_range=self.reduce_range,
            per_channel=self.per_channel,
        )

    def _exclusion(self, nodes: Sequence[str]) -> Exclusion:
        return replace(self.exclude, nodes=(*self.exclude.nodes, *nodes))

    def compared(
        self, model: Model, candidates: Mapping[tuple[str, ...], Artifact], source: Any
    ) -> tuple[tuple[Point, ...], Comparison]:
        """Left-out nodes → model, all on the same samples: the points, and what else the comparison found."""
        named = {str(len(nodes)): artifact for nodes, artifact in candidates.items()}
        comparison = compare(model, named, source, how=self.how)
        found = zip(candidates.items(), comparison.candidates, strict=True)
        return tuple(self._point(nodes, artifact, outcome) for (nodes, artifact), outcome in found), comparison

    def _point(self, nodes: tuple[str, ...], artifact: Artifact, outcome: Outcome) -> Point:
        placed, left = cast(int, artifact.facts["integer_nodes"]), cast(list[str], artifact.facts["left_out"])
        # Of another runtime's model, the engine here executes what it likes.
        coverage = outcome.subject.coverage if self.target == "ort-cpu" else None
        return Point(
            left_out=nodes,
            flags=flags(self._exclusion(nodes)),
            metrics=outcome.metrics,
            integer=coverage.integer if coverage else placed,
            nodes=coverage.total if coverage else placed + len(left),
            size_bytes=outcome.subject.size_bytes,
            latency=outcome.subject.latency,
        )


def flags(exclude: Exclusion) -> str:
    """What a person types for it.

    >>> flags(Exclusion(nodes=("conv1", "a b"), ops=("Gemm",)))
    "--exclude-nodes conv1 'a b' --exclude-ops Gemm"
    """
    groups = {"nodes": exclude.nodes, "ops": exclude.ops, "tensors": exclude.tensors}
    return " ".join(f"--exclude-{kind} {shlex.join(names)}" for kind, names in groups.items() if names)


def steps(order: Sequence[str]) -> list[tuple[str, ...]]:
    """None, the first, the first two, four, eight, … of them.

    >>> steps(["a", "b", "c"])
    [(), ('a',), ('a', 'b')]
    """
    counts = [0]
    while (following := 2 * counts[-1] or 1) <= len(order):
        counts.append(following)
    return [tuple(order[:count]) for count in counts]

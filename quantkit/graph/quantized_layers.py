"""The layers of a network that a target quantizes: which codes each brings, and which go when it is left in FP32."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

from quantkit.core import plugins
from quantkit.core.calibration import Calibration
from quantkit.core.qparams import QParams
from quantkit.graph.codes.parameters import activation_parameters, activation_ranges, quantized_constants
from quantkit.graph.codes.weights import QuantizedConstant
from quantkit.graph.editing.wiring import Slot, Wiring
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model
from quantkit.graph.ort_kernels import CLAMPING
from quantkit.graph.placement import TARGETS, LeftOut, Placement, Target
from quantkit.graph.products import DATA, PRODUCTS


@dataclass(frozen=True, slots=True)
class Site:
    """One reading of a tensor in codes; `reader` is ``None`` where it leaves the model."""

    tensor: str
    reader: Slot | None
    is_constant: bool


Sites: TypeAlias = frozenset[Site]


def sites(placement: Placement) -> Sites:
    """Every reading of codes that a placement makes."""
    activations = {
        Site(pair.tensor, slot, is_constant=False) for pair in placement.activations for slot in pair.readers
    }
    leaving = {Site(pair.tensor, None, is_constant=False) for pair in placement.activations if pair.leaves}
    constants = {Site(pair.tensor, slot, is_constant=True) for pair in placement.constants for slot in pair.readers}
    return frozenset(activations | leaving | constants)


@dataclass(frozen=True, slots=True)
class QuantizedLayer:
    """A node that computes on codes, with the clamp that vanishes into it.

    Args:
        node: its name.
        operator: its type.
        position: its place in the graph.
        brings: the readings of codes that it alone is for: those of its own inputs, and of what it makes as codes.
        takes: those that are gone when it is left in FP32; what its neighbours want stays.
    """

    node: str
    operator: str
    position: int
    brings: Sites
    takes: Sites


class Remainder(NamedTuple):
    """The readings of codes that are left, and the tensors that need a range for all that is quantized then."""

    sites: Sites
    tensors: frozenset[str]


class LayeredPlacement:
    """A placement, layer by layer; bias codes of 32 bits are left out of account, as they cost next to nothing.

    Args:
        model: a prepared model.
        target: the runtime's name.
        exclude: what stays in FP32 in any case.
        per_channel: a scale for each output channel of a weight; one for the whole weight otherwise.
    """

    def __init__(
        self, model: Model, target: str, exclude: Exclusion | None = None, *, per_channel: bool = True
    ) -> None:
        self._model = model
        self._wiring = Wiring(model.proto.graph, model.folder)
        self._target: Target = plugins.load(TARGETS, target)()
        self._excluded = (exclude or Exclusion()).excluded(self._wiring)
        placed = self._target.place(self._wiring, self._excluded)
        self.placement = placed if per_channel else placed.with_one_scale_a_weight()
        self.sites = sites(self.placement)
        self._makers: dict[str, frozenset[int]] = {}

    def without(self, positions: Iterable[int]) -> Remainder:
        """What is left of the placement when the nodes at `positions` stay in FP32."""
        reasons = dict.fromkeys(positions, "left in FP32")
        placed = self._target.place(self._wiring, {**self._excluded, **reasons})
        # Where a node is gone, others may be read in codes that were not: those were not measured.
        return Remainder(sites(placed) & self.sites, frozenset(placed.tensors))

    @cached_property
    def layers(self) -> tuple[QuantizedLayer, ...]:
        """All that read or make codes, in graph order."""
        brought = self._brought()
        return tuple(
            QuantizedLayer(
                node=self._wiring.title(at),
                operator=self._wiring.nodes[at].op_type,
                position=at,
                brings=frozenset(brought[at]),
                takes=self.sites - self.without([at]).sites,
            )
            for at in sorted(brought)
        )

    @cached_property
    def in_float(self) -> tuple[tuple[int, LeftOut], ...]:
        """Matrix products and excluded nodes that stay in FP32, with their positions."""
        positions = {self._wiring.title(at): at for at in range(len(self._wiring.nodes))}
        found = [(positions[node.node], node) for node in self.placement.left_out]
        return tuple((at, node) for at, node in found if node.operator in PRODUCTS or at in self._excluded)

    def _brought(self) -> Mapping[int, set[Site]]:
        integer = set(self.placement.nodes)
        brought: dict[int, set[Site]] = defaultdict(set)
        for site in self.sites:
            owners = set(self._made_by(site.tensor))
            # Somebody has to answer for every code: the sum that takes a quantized residual is in integers nowhere.
            if site.reader is not None and (not owners or self._wiring.title(site.reader.node) in integer):
                owners.add(site.reader.node)
            for at in owners:
                brought[at].add(site)
        return brought

    def _made_by(self, tensor: str) -> frozenset[int]:
        """The nodes in integers that make the codes of `tensor`, seen through clamps, joins and moves."""
        if tensor not in self._makers:
            self._makers[tensor] = self._makers_of(tensor) if tensor in self._made else frozenset()
        return self._makers[tensor]

    def _makers_of(self, tensor: str) -> frozenset[int]:
        at = self._wiring.producer[tensor]
        node = self._wiring.nodes[at]
        if node.op_type in CLAMPING and node.input[DATA] not in self._paired:
            at = self._wiring.producer[node.input[DATA]]
        if self._wiring.title(at) in self.placement.nodes:
            return frozenset({at})
        return frozenset().union(*(self._made_by(name) for name in node.input))

    @cached_property
    def _made(self) -> frozenset[str]:
        return frozenset(pair.tensor for pair in self.placement.activations if pair.made)

    @cached_property
    def _paired(self) -> frozenset[str]:
        return frozenset(pair.tensor for pair in self.placement.activations)

    def codes(self, calibration: Calibration, *, reduce_range: bool = False) -> dict[Site, QParams | QuantizedConstant]:
        """How each site is quantized: a computed tensor's scale and zero point, or a constant's codes.

        Raises:
            ArtifactError: the calibration lacks the range of a tensor.
        """
        placement = self.placement
        ranges = activation_ranges(placement, calibration)
        parameters = activation_parameters(placement, ranges)
        wanted = {pair.tensor for pair in placement.constants} | {bias.tensor for bias in placement.biases}
        weights = {name: self._wiring.values(name) for name in wanted}
        constants = quantized_constants(placement, weights, ranges, parameters, reduce_range=reduce_range)
        found: dict[Site, QParams | QuantizedConstant] = {
            site: parameters[site.tensor] for site in self.sites if not site.is_constant
        }
        for pair, codes in constants.items():
            found |= {Site(pair.tensor, slot, is_constant=True): codes for slot in pair.readers}
        return found

"""The nodes that may run in integers on ONNX Runtime, each with the clamp that vanishes into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from onnx import TensorProto

from quantkit.graph import ort_kernels as kernels
from quantkit.graph import products
from quantkit.graph.editing.wiring import Wiring
from quantkit.graph.products import DATA, PRODUCTS


class Kind(Enum):
    """What a unit does with codes."""

    PRODUCT = "multiplies them with constant weights"
    PAIRING = "multiplies those of two computed tensors"
    COMPUTING = "computes new ones"
    MOVING = "moves or picks them"


@dataclass(frozen=True, slots=True)
class Unit:
    """One node, and what is fused into it.

    Args:
        node: its position.
        kind: what it does with codes.
        data: computed tensors that it reads as codes; constants are not among them.
        outputs: what it makes, behind the clamp that vanishes into it.
        clamp: position of that Relu or Clip.
        reach: what the clamp lets through.
        hands_out_floats: whether its integer kernel can also make floats, without a pair behind it.
    """

    node: int
    kind: Kind
    data: tuple[str, ...]
    outputs: tuple[str, ...]
    clamp: int | None = None
    reach: tuple[float, float] | None = None
    hands_out_floats: bool = False


def units(wiring: Wiring, excluded: Mapping[int, str]) -> tuple[dict[int, Unit], dict[int, str]]:
    """The units by position, and for every matrix product that is none the reason why."""
    found: dict[int, Unit] = {}
    refused: dict[int, str] = {}
    for at, node in enumerate(wiring.nodes):
        if at in excluded or node.domain:
            continue
        unit = _product(wiring, at, excluded) if node.op_type in PRODUCTS else _other(wiring, at, excluded)
        if isinstance(unit, Unit):
            found[at] = unit
        elif unit:
            refused[at] = unit
    return found, refused


def _product(wiring: Wiring, at: int, excluded: Mapping[int, str]) -> Unit | str:
    node = wiring.nodes[at]
    if node.op_type == "MatMul" and not wiring.initializers.keys() & set(node.input):
        return _pairing(wiring, at)
    reason = products.refusal(wiring, at) or kernels.refusal(wiring, at)
    if reason:
        return reason
    floats = node.op_type != "Conv"
    return _clamped(
        wiring, Unit(at, Kind.PRODUCT, (node.input[DATA],), (node.output[0],), hands_out_floats=floats), excluded
    )


def _pairing(wiring: Wiring, at: int) -> Unit | str:
    node = wiring.nodes[at]
    if any(wiring.element_type(name) != TensorProto.FLOAT for name in node.input):
        return "its inputs are not known to be float32"
    return Unit(at, Kind.PAIRING, tuple(node.input), tuple(node.output), hands_out_floats=True)


def _other(wiring: Wiring, at: int, excluded: Mapping[int, str]) -> Unit | None:
    node = wiring.nodes[at]
    if not node.output or not wiring.may_be_float(node.output[0]):
        return None
    if kernels.moves_codes(wiring, at):
        return Unit(at, Kind.MOVING, (kernels.moved(wiring, at),), tuple(name for name in node.output if name))
    if not kernels.computes_codes(wiring, at):
        return None
    data = tuple(name for name in node.input if name not in wiring.initializers)
    return _clamped(wiring, Unit(at, Kind.COMPUTING, data, (node.output[0],)), excluded) if data else None


def _clamped(wiring: Wiring, unit: Unit, excluded: Mapping[int, str]) -> Unit:
    """The unit with the clamp behind it, if nothing else reads what it clamps."""
    (output,) = unit.outputs
    readers = wiring.readers.get(output, ())
    if len(readers) != 1 or readers[0].input != DATA or wiring.leaves(output) or readers[0].node in excluded:
        return unit
    clamp = readers[0].node
    reach = kernels.reach(wiring, clamp)
    if reach is None:
        return unit
    return replace(unit, outputs=(wiring.nodes[clamp].output[0],), clamp=clamp, reach=reach)

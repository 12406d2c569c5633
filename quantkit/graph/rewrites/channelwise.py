"""A factor and a shift for each channel, written as a depthwise convolution, which has an integer kernel.

That is what a BatchNormalization does that has no product before it to be folded into, as in pre-activation networks,
and a Mul by one constant for each channel. Codes of such a constant would share one scale, and small ones would lose
their digits; as weights each has its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import NodeProto, helper

from quantkit.core.arrays import Floats
from quantkit.core.scheme import Scheme
from quantkit.graph.codes.weights import quantized_bias, quantized_weight, smallest_scale
from quantkit.graph.editing.additions import Additions
from quantkit.graph.editing.attributes import number
from quantkit.graph.editing.wiring import Wiring
from quantkit.graph.passes.channels import Affine, normalization

FIRST_SPATIAL = 2
_PARAMETERS = 4


@dataclass(frozen=True, slots=True)
class Channelwise:
    """What a node does to each channel of a tensor with `rank` axes."""

    affine: Affine
    rank: int


def scaled(wiring: Wiring, at: int) -> str:
    """The operand that is not constant."""
    return next((name for name in wiring.nodes[at].input if name not in wiring.initializers), "")


def channelwise(wiring: Wiring, at: int) -> Channelwise | None:
    """What the node does to each channel; ``None`` if it does something else, or there are no spatial axes."""
    node, rank = wiring.nodes[at], len(wiring.shape(scaled(wiring, at)) or ())
    constants = [name for name in node.input if name in wiring.initializers and wiring.may_be_float(name)]
    if rank <= FIRST_SPATIAL:
        return None
    if node.op_type == "BatchNormalization" and len(constants) == _PARAMETERS:
        trains = number(node, "training_mode", 0) or any(node.output[1:])
        affine = None if trains else normalization(node, *(wiring.values(name) for name in node.input[1:]))
        return None if affine is None else Channelwise(affine, rank)
    if node.op_type != "Mul" or len(constants) != 1:
        return None
    shape = wiring.shape(constants[0]) or ()
    channels, *spatial = shape[1 - rank :] if len(shape) >= rank - 1 else (1,)
    if channels == 1 or any(size != 1 for size in (*spatial, *shape[: 1 - rank])):
        return None
    factor = wiring.values(constants[0]).reshape(-1).astype(np.float64)
    return Channelwise(Affine(factor, np.zeros_like(factor)), rank)


def as_convolution(
    node: NodeProto,
    data: str,
    line: Channelwise,
    activation_scale: Floats,
    *,
    weight_scheme: Scheme,
    additions: Additions,
) -> list[NodeProto]:
    """A depthwise convolution with kernels of one tap.

    Args:
        node: the node; what it makes has to be quantized behind it.
        data: the dequantized tensor that it reads.
        line: what `channelwise` found.
        activation_scale: scale of the codes of `data`.
        weight_scheme: codes of the convolution's weights.
        additions: where constants go.
    """
    made, factor, shift = node.output[0], line.affine.factor, line.affine.shift.astype(np.float32)
    kernels = factor.astype(np.float32).reshape(-1, *(1 for _ in range(line.rank - 1)))
    floor = smallest_scale(shift, activation_scale)
    weight = quantized_weight(kernels, weight_scheme.per_channel(0), floor=floor)
    bias = quantized_bias(shift, activation_scale, weight.scale)
    taps, taps_name = additions.constant_codes(f"{made}_factor", weight)
    shifts, shifts_name = additions.constant_codes(f"{made}_shift", bias)
    convolution = helper.make_node("Conv", [data, taps_name, shifts_name], [made], node.name, group=factor.size)
    return [taps, shifts, convolution]

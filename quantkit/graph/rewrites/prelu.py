"""PRelu written as operators that have fast kernels.

ONNX Runtime's own PRelu takes 2 to 3 ns an element, more than the convolutions around it. It is the same as

    max(x, 0) + slope · min(x, 0) = x + (slope − 1) · min(x, 0),

in floats a Clip, a Mul and an Add. On codes it is one depthwise convolution: x and min(x, 0) have one scale, so
they can be stacked along a spatial axis, and a kernel of two taps, as far apart as x is long, weighs them with 1
and slope − 1. That rounds once, as a PRelu kernel for codes would.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from onnx import NodeProto, TensorProto, helper

from quantkit.core.arrays import Array, Floats
from quantkit.core.scheme import Scheme
from quantkit.graph.codes.weights import QuantizedConstant
from quantkit.graph.editing.additions import Additions, Codes
from quantkit.graph.editing.wiring import Wiring

DATA, SLOPE = 0, 1
CHANNEL, FIRST_SPATIAL = 1, 2


class Stacking(NamedTuple):
    """A spatial axis of a PRelu's input whose size is known, and how many axes the input has."""

    axis: int
    size: int
    rank: int


def has_one_slope(wiring: Wiring, at: int) -> bool:
    """Whether all channels have one constant slope, which makes it a LeakyRelu."""
    slope = wiring.initializers.get(wiring.nodes[at].input[SLOPE])
    return slope is not None and np.prod(slope.dims) == 1 and slope.data_type == TensorProto.FLOAT


def stacking(wiring: Wiring, at: int) -> Stacking | None:
    """Where x and min(x, 0) can be stacked; ``None`` if nowhere, or if there is not one slope for each channel."""
    data, slope = (wiring.shape(name) for name in wiring.nodes[at].input)
    if data is None or slope is None or wiring.nodes[at].input[SLOPE] not in wiring.initializers:
        return None
    wanted = (data[CHANNEL], *(1 for _ in data[FIRST_SPATIAL:])) if len(data) > FIRST_SPATIAL else ()
    if not wanted or slope not in (wanted, (1, *wanted)):
        return None
    for axis, size in enumerate(data):
        if axis >= FIRST_SPATIAL and size is not None:
            return Stacking(axis, size, len(data))
    return None


def as_leaky_relu(prelu: NodeProto, slope: Array) -> list[NodeProto]:
    """A LeakyRelu, for one slope."""
    alpha = float(slope.reshape(-1)[0])
    return [helper.make_node("LeakyRelu", [prelu.input[DATA]], list(prelu.output), prelu.name, alpha=alpha)]


def as_split(prelu: NodeProto, slope: Array, additions: Additions) -> list[NodeProto]:
    """A Clip, a Mul and an Add, in floats."""
    data, made = prelu.input[DATA], prelu.output[0]
    zero = additions.constant(f"{made}_zero", np.zeros((), np.float32))
    less = additions.constant(f"{made}_slope_less_one", slope - np.float32(1))
    negative, weighed = additions.name(f"{made}_negative"), additions.name(f"{made}_weighed")
    return [
        additions.node("Clip", [data, "", zero], negative, f"{prelu.name}_Clip"),
        additions.node("Mul", [negative, less], weighed, f"{prelu.name}_Mul"),
        helper.make_node("Add", [data, weighed], [made], prelu.name),
    ]


def as_stacked(
    prelu: NodeProto, weight: QuantizedConstant, along: Stacking, source: Codes, additions: Additions
) -> list[NodeProto]:
    """A depthwise convolution, in integers.

    Args:
        prelu: the node; what it makes has to be quantized behind it.
        weight: what `taps` made of the slopes.
        along: what `stacking` found.
        source: the codes that the node reads.
        additions: where constants go.
    """
    made, channels = prelu.output[0], len(weight.codes)
    kernel = [2 if axis == along.axis else 1 for axis in range(FIRST_SPATIAL, along.rank)]
    shaped = weight._replace(codes=weight.codes.reshape(channels, 1, *kernel))
    dequantize, taps_name = additions.constant_codes(f"{made}_taps", shaped)
    negative, stacked, restored = (additions.name(f"{made}_{word}") for word in ("negative", "stacked", "restored"))
    scaling = [source.scale, source.zero_point]
    return [
        dequantize,
        additions.node("Clip", [source.name, "", source.zero_point], negative, f"{prelu.name}_Clip"),
        additions.node("Concat", [source.name, negative], stacked, f"{prelu.name}_Concat", axis=along.axis),
        additions.node("DequantizeLinear", [stacked, *scaling], restored, f"{prelu.name}_DequantizeLinear"),
        helper.make_node(
            "Conv",
            [restored, taps_name],
            [made],
            prelu.name,
            group=channels,
            kernel_shape=kernel,
            dilations=[along.size if length > 1 else 1 for length in kernel],
        ),
    ]


def taps(slope: Floats, scheme: Scheme) -> QuantizedConstant:
    """The weights 1 and slope − 1 of each channel, int8[channels, 2].

    Of all pairs of codes the one whose ratio is nearest to slope − 1; the first code is then exactly 1, because the
    scale is one over it. Rounding both under a fixed scale would be 30 times as far off.

    >>> from quantkit.core.scheme import INT8
    >>> pair = taps(np.array([0.25], np.float32), INT8)
    >>> (pair.codes * pair.scale).tolist()
    [[1.0, -0.75]]
    """
    wanted = slope.astype(np.float64)[:, None] - 1
    ones = np.arange(1, scheme.highest + 1)[None, :]
    others = np.clip(np.rint(wanted * ones), scheme.lowest, scheme.highest)
    best = np.argmin(np.abs(others / ones - wanted), axis=1)[:, None]
    first, second = best[:, 0] + 1, np.take_along_axis(others, best, axis=1)[:, 0]
    codes = np.stack([first, second], axis=1).astype(scheme.dtype)
    return QuantizedConstant(codes, (1 / first).astype(np.float32), np.zeros(len(slope), scheme.dtype), 0)

"""HardSigmoid and HardSwish written as operators that have integer kernels.

HardSigmoid is max(0, min(1, alpha · x + beta)). The product with alpha is another scale for the codes of x, the sum
with beta an Add, and codes that reach from 0 to 1 clamp by themselves. HardSwish is x · HardSigmoid(x) with alpha =
1/6 and beta = 1/2.
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, helper

from quantkit.core.qparams import QParams
from quantkit.core.ranges import Range
from quantkit.core.scheme import UINT8
from quantkit.graph.codes.weights import quantized
from quantkit.graph.editing.additions import Additions, Codes
from quantkit.graph.editing.attributes import number

SWISH_ALPHA, SWISH_BETA = 1 / 6, 0.5


def as_sum(node: NodeProto, source: Codes, scale: float, additions: Additions) -> list[NodeProto]:
    """HardSigmoid, apart from the clamp, which the pair behind it does.

    Args:
        node: the HardSigmoid.
        source: the codes that it reads.
        scale: of those codes.
        additions: where constants go.
    """
    alpha, beta = number(node, "alpha", 0.2), number(node, "beta", 0.5)
    nodes, summands = _line(node.output[0], source, (alpha * scale, beta), additions)
    return [*nodes, helper.make_node("Add", summands, [node.output[0]], node.name)]


def as_product(node: NodeProto, source: Codes, scale: float, additions: Additions) -> list[NodeProto]:
    """HardSwish, with a pair of its own between its two steps."""
    made = node.output[0]
    gate, codes, restored = (
        additions.name(f"{made}_{word}") for word in ("gate", "gate_quantized", "gate_dequantized")
    )
    unit = QParams.of(Range(0.0, 1.0), UINT8)
    scaling = [
        additions.constant(f"{gate}_scale", unit.scale),
        additions.constant(f"{gate}_zero_point", unit.zero_point),
    ]
    nodes, summands = _line(gate, source, (SWISH_ALPHA * scale, SWISH_BETA), additions)
    return [
        *nodes,
        additions.node("Add", summands, gate, f"{node.name}_Add"),
        additions.node("QuantizeLinear", [gate, *scaling], codes, f"{gate}_QuantizeLinear"),
        additions.node("DequantizeLinear", [codes, *scaling], restored, f"{gate}_DequantizeLinear"),
        helper.make_node("Mul", [node.input[0], restored], [made], node.name),
    ]


def _line(
    made: str, source: Codes, line: tuple[float, float], additions: Additions
) -> tuple[list[NodeProto], list[str]]:
    """Two tensors whose sum `made` is to be: line[0] · (code − zero point) and line[1]; and what makes them."""
    slope = additions.constant(f"{made}_input_scale", np.asarray(line[0], np.float32))
    scaled = additions.name(f"{made}_input")
    offset, offset_name = additions.constant_codes(f"{made}_offset", quantized(np.asarray(line[1], np.float32), UINT8))
    inputs = [source.name, slope, source.zero_point]
    return [offset, additions.node("DequantizeLinear", inputs, scaled, f"{scaled}_DequantizeLinear")], [
        scaled,
        offset_name,
    ]

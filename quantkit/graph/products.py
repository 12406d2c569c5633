"""Matrix products with constant weights: the nodes for whose sake a model is quantized."""

from __future__ import annotations

from onnx import NodeProto, TensorProto

from quantkit.graph.editing.attributes import number
from quantkit.graph.editing.wiring import Wiring

PRODUCTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
PRODUCTS_WITH_BIAS = PRODUCTS - {"MatMul"}
DATA, WEIGHT, BIAS = 0, 1, 2


def refusal(wiring: Wiring, at: int) -> str | None:
    """Why the matrix product at `at` has no integer kernel in any runtime; ``None`` if it may have."""
    node = wiring.nodes[at]
    weight = wiring.initializers.get(node.input[WEIGHT])
    if weight is None and node.input[DATA] in wiring.initializers:
        return "its constant operand comes first, where kernels have no scale for each output channel"
    if weight is None:
        return "its weights are computed at run time"
    if weight.data_type != TensorProto.FLOAT:
        return f"its weights are {TensorProto.DataType.Name(weight.data_type).lower()}, not float32"
    if node.input[DATA] in wiring.initializers:
        return "all it multiplies is constant"
    return None


def has_bias(node: NodeProto) -> bool:
    """Whether a Conv, ConvTranspose or Gemm adds a bias."""
    return node.op_type in PRODUCTS_WITH_BIAS and len(node.input) > BIAS and bool(node.input[BIAS])


def channel_axis(wiring: Wiring, at: int) -> int | None:
    """The weight's axis that counts output channels; ``None`` where one scale has to do for all."""
    node = wiring.nodes[at]
    match node.op_type:
        case "Conv":
            return 0
        case "ConvTranspose":
            # With groups, axis 1 counts the channels of one group only.
            return 1 if number(node, "group", 1) == 1 else None
        case "Gemm":
            return 0 if number(node, "transB", 0) else 1
    return 1 if len(wiring.initializers[node.input[WEIGHT]].dims) == 2 else None

"""Which operators ONNX Runtime's CPU provider computes on codes, read from the graphs it optimizes (1.31)."""

from __future__ import annotations

from math import inf, prod

import numpy as np
from onnx import NodeProto

from quantkit.graph.editing.attributes import number, text
from quantkit.graph.editing.wiring import Wiring
from quantkit.graph.products import BIAS, DATA, WEIGHT, has_bias
from quantkit.graph.rewrites.channelwise import channelwise
from quantkit.graph.rewrites.prelu import has_one_slope, stacking

# DQ → op → Q becomes one integer kernel with scales of its own: QLinearAdd, QLinearConcat, QLinearSigmoid, …
COMPUTING = frozenset(
    {
        "Add",
        "AveragePool",
        "BatchNormalization",
        "Concat",
        "GlobalAveragePool",
        "HardSigmoid",
        "HardSwish",
        "LeakyRelu",
        "Mul",
        "PRelu",
        "Sigmoid",
    }
)

# The pairs around it are dropped when both have one scale; the op then moves or picks codes. Pad is the exception:
# its pairs stay, so it is put between Q and DQ.
MOVING = frozenset(
    {
        "DepthToSpace",
        "Expand",
        "Flatten",
        "Gather",
        "MaxPool",
        "Pad",
        "ReduceMax",
        "Reshape",
        "Resize",
        "Slice",
        "Split",
        "Squeeze",
        "Tile",
        "Transpose",
        "Unsqueeze",
    }
)

# They vanish into the Q behind them, if its codes reach no further than they let through.
CLAMPING = frozenset({"Clip", "Relu"})

# What neither multiplies nor adds: no one counts it when asking how much of a model runs in integers.
UNCOUNTED = MOVING | frozenset(
    {"Cast", "Concat", "Constant", "ConstantOfShape", "Identity", "Range", "ScatterND", "Shape", "Size", "Where"}
)

# Scales stay far from the ends of float32.
LARGEST_FACTOR = 2.0**20

_NO_KERNEL = "ONNX Runtime's CPU provider has no integer kernel for it"


def counts(wiring: Wiring, at: int) -> bool:
    """Whether the node computes real numbers: those are what one asks to run in integers."""
    node = wiring.nodes[at]
    return node.op_type not in UNCOUNTED and any(wiring.may_be_float(name) for name in node.output[:1])


def refusal(wiring: Wiring, at: int) -> str | None:
    """Why a matrix product with constant weights has no integer kernel here; ``None`` if it has."""
    node = wiring.nodes[at]
    if node.op_type == "ConvTranspose":
        return _NO_KERNEL
    if node.op_type == "Gemm" and not _is_plain(wiring, node):
        return "integer kernels have no alpha or beta, and no bias but one value for each column"
    if has_bias(node) and node.input[BIAS] not in wiring.initializers:
        return "its bias is computed at run time"
    return None


def _is_plain(wiring: Wiring, gemm: NodeProto) -> bool:
    if number(gemm, "alpha", 1.0) != 1:
        return False
    if not has_bias(gemm):
        return True
    columns = wiring.shape(gemm.input[WEIGHT]) or ()
    columns = columns[:1] if number(gemm, "transB", 0) else columns[1:]
    return number(gemm, "beta", 1.0) == 1 and wiring.shape(gemm.input[BIAS]) in (columns, (1, *columns))


def computes_codes(wiring: Wiring, at: int) -> bool:
    """Whether the node makes new codes from codes, in a form whose integer kernel exists."""
    node = wiring.nodes[at]
    match node.op_type:
        case "PRelu":
            return has_one_slope(wiring, at) or stacking(wiring, at) is not None
        case "BatchNormalization":
            return channelwise(wiring, at) is not None
        case "HardSigmoid":
            return number(node, "alpha", 0.2) > 0
    return node.op_type in COMPUTING


def rescaling(wiring: Wiring, at: int) -> float | None:
    """The positive number that the Mul or Div at `at` multiplies with, if it does nothing else."""
    node = wiring.nodes[at]
    constants = [name for name in node.input if name in wiring.initializers]
    if (
        node.op_type not in ("Mul", "Div")
        or len(constants) != 1
        or (node.op_type == "Div" and node.input[1] != constants[0])
    ):
        return None
    shape, data = wiring.shape(constants[0]) or (), wiring.shape(moved(wiring, at))
    if prod(size or 0 for size in shape) != 1 or (shape and (data is None or len(shape) > len(data))):
        return None
    value = _scalar(wiring, constants[0])
    factor = 1 / value if node.op_type == "Div" and value else value
    return factor if 1 / LARGEST_FACTOR <= factor <= LARGEST_FACTOR else None


def moved(wiring: Wiring, at: int) -> str:
    """The tensor whose codes the node hands on: its first input, unless that is the constant of a Mul."""
    first, second, *_ = (*wiring.nodes[at].input, "", "")
    return second if wiring.nodes[at].op_type == "Mul" and first in wiring.initializers else first


def moves_codes(wiring: Wiring, at: int) -> bool:
    """Whether the node only moves or picks values, in a form whose integer kernel exists."""
    node = wiring.nodes[at]
    match node.op_type:
        case "Resize":
            return text(node, "mode", "nearest") == "nearest"
        case "MaxPool":
            return not any(node.output[1:])
        case "Pad":
            return _pads_with_zeros(wiring, node)
        case "Mul" | "Div":
            return rescaling(wiring, at) is not None
    return node.op_type in MOVING


def _pads_with_zeros(wiring: Wiring, pad: NodeProto) -> bool:
    """Other modes than the constant one copy values, and the constant 0 has a code under every scale."""
    if text(pad, "mode", "constant") != "constant" or not any(pad.input[2:3]):
        return True
    return pad.input[2] in wiring.initializers and _scalar(wiring, pad.input[2]) == 0


def reach(wiring: Wiring, at: int) -> tuple[float, float] | None:
    """The interval around 0 that a Relu or Clip lets through; ``None`` for any other node, or bounds not known."""
    node = wiring.nodes[at]
    if node.op_type == "Relu":
        return 0.0, inf
    if node.op_type != "Clip":
        return None
    names = [*node.input[DATA + 1 :], "", ""][:2]
    if any(name and name not in wiring.initializers for name in names):
        return None
    low, high = (_scalar(wiring, name) if name else bound for name, bound in zip(names, (-inf, inf), strict=True))
    return (low, high) if low <= 0 <= high else None


def _scalar(wiring: Wiring, name: str) -> float:
    return float(np.ravel(wiring.values(name))[0])

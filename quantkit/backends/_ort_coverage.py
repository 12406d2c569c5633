"""What ONNX Runtime really computes in integers, read from the graph that it executes."""

from __future__ import annotations

import re
from collections.abc import Mapping

import onnx
import onnxruntime
from onnx import GraphProto, ModelProto, NodeProto, TensorProto

from quantkit.backends._ort_session import optimized
from quantkit.core.artifact import SerializedModel
from quantkit.core.comparison import Coverage, NodeCoverage
from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.wiring import Wiring
from quantkit.graph.ort_kernels import CLAMPING, UNCOUNTED, counts
from quantkit.graph.passes.node_names import nodes_named
from quantkit.graph.provenance import facts, left_out

_PAIR = frozenset({"QuantizeLinear", "DequantizeLinear"})
_CODES = frozenset({TensorProto.INT8, TensorProto.UINT8})

_QLINEAR = "QLinear"

# ONNX Runtime's kernels that compute on codes, besides those whose name starts with QLinear.
_INTEGER = frozenset(
    {
        "ConvInteger",
        "DynamicQuantizeLSTM",
        "DynamicQuantizeMatMul",
        "MatMulInteger",
        "MatMulIntegerToFloat",
        "QAttention",
        "QEmbedLayerNormalization",
        "QGemm",
    }
)

# A change of layout puts a new node in the place of the old one and numbers its name.
_RENAMED = re.compile(r"_token_\d+$")


def measured_coverage(model: SerializedModel, options: onnxruntime.SessionOptions) -> Coverage:
    """Builds a session on the CPU and says for each node of `model` that computes something how it is executed.

    Nodes that only move values, and the Q/DQ pairs themselves, are not counted.

    Args:
        model: a model with Q/DQ pairs or operators of integers; one without has no integer nodes.
        options: of the session to build; used up.

    Raises:
        ModelError: ONNX Runtime refuses the model.
    """
    named = _named(model)
    # Weights are of no interest here, and may be too large for one file.
    executed = optimized(named, options, with_weights=False)
    return coverage(onnx.load_model_from_string(named.proto), executed)


def _named(model: SerializedModel) -> SerializedModel:
    """The same model with a name for each node, by which it is found again in the optimized graph."""
    proto = onnx.load_model_from_string(model.proto)
    titles = {node.name for node in proto.graph.node if node.name}
    if len(titles) == len(proto.graph.node):
        return model
    draft = Draft.of(proto, model.folder)
    nodes_named(draft)
    return SerializedModel(draft.serialized(), model.folder)


def coverage(model: ModelProto, optimized: ModelProto) -> Coverage:
    """What became of each node of `model` in the graph that ONNX Runtime made of it."""
    wiring = Wiring(model.graph)
    kernels = _kernels(optimized.graph)
    stated = left_out(model)
    ours = bool(facts(model))
    codes = _codes(wiring)

    def described(at: int) -> NodeCoverage:
        node = wiring.nodes[at]
        precision = _precision(wiring, node, kernels)
        reason = "" if precision == "int8" else stated.get(node.name) or _reason(wiring, node)
        return NodeCoverage(wiring.title(at), _operator(node, ours=ours), precision, reason)

    def counted(at: int) -> bool:
        node = wiring.nodes[at]
        if _computes_on_codes(node):
            return node.op_type.removeprefix(_QLINEAR) not in UNCOUNTED
        return bool(_operator(node, ours=ours)) and counts(wiring, at) and not codes.intersection(node.output)

    nodes = tuple(described(at) for at in range(len(wiring.nodes)) if counted(at))
    pairs = sum(node.op_type == "DequantizeLinear" for node in wiring.nodes)
    return Coverage(nodes, pairs=pairs)


def _computes_on_codes(node: NodeProto) -> bool:
    """Whether the operator is one of integers, in whatever model: ONNX Runtime's own quantization may write such."""
    return node.op_type in _INTEGER or node.op_type.startswith(_QLINEAR)


def _operator(node: NodeProto, *, ours: bool) -> str:
    """What the node was in the FP32 model; empty for one that came with the Q/DQ pairs.

    The export writes an Add as a Sum where the runtime would make something slower of it, and puts a Sum of one
    behind a MaxPool before which no Q is to move.
    """
    if node.op_type in _PAIR or (ours and node.op_type == "Sum" and len(node.input) == 1):
        return ""
    return "Add" if ours and node.op_type == "Sum" else node.op_type


def _kernels(graph: GraphProto) -> dict[str, str]:
    """Names of nodes, and of what they make, → the precision of their kernel."""
    wiring = Wiring(graph)
    found: dict[str, str] = {}
    for node in graph.node:
        if node.op_type in _PAIR:
            continue
        reads_codes = any(wiring.element_type(name) in _CODES for name in node.input[:1])
        is_integer = _computes_on_codes(node) or reads_codes
        for name in filter(None, (_RENAMED.sub("", node.name), *node.output)):
            found[name] = "int8" if is_integer else "fp32"
    return found


def _precision(wiring: Wiring, node: NodeProto, kernels: Mapping[str, str]) -> str:
    """That of the node's own kernel; a clamp that has none has vanished into what is before it."""
    while True:
        known = next((kernels[name] for name in (node.name, *node.output) if name and name in kernels), None)
        before = next((wiring.producer[name] for name in node.input[:1] if name in wiring.producer), None)
        if known is not None or before is None or node.op_type not in _PAIR | CLAMPING:
            return known or "fp32"
        node = wiring.nodes[before]


def _codes(wiring: Wiring) -> set[str]:
    """Tensors of codes: what a Q makes, and what is made of such without a DQ; the pairs' own business."""
    found: set[str] = set()
    for node in wiring.nodes:
        if node.op_type == "QuantizeLinear" or (node.op_type not in _PAIR and found.intersection(node.input[:1])):
            found.update(node.output)
    return found


def _reason(wiring: Wiring, node: NodeProto) -> str:
    makers = (wiring.producer.get(name) for name in node.input)
    if any(at is not None and wiring.nodes[at].op_type == "DequantizeLinear" for at in makers):
        return "ONNX Runtime runs it on dequantized values: no integer kernel fits"
    return "it has no Q/DQ pairs"

"""The activations that a Q/DQ model quantizes, found in the model itself, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from onnx import ModelProto, NodeProto

from quantkit.core.qparams import QParams
from quantkit.core.scheme import UINT8, Scheme
from quantkit.graph.editing.scopes import made
from quantkit.graph.editing.tensors import array
from quantkit.graph.editing.wiring import title
from quantkit.graph.model import Model

# Every code that QuantizeLinear writes; our own models leave −128 out by their scales.
_SIGNED = Scheme(symmetric=True, lowest=-128, highest=127)
_SUFFIX = "_dequantized"
_READ, _WRITE = "DequantizeLinear", "QuantizeLinear"


@dataclass(frozen=True, slots=True)
class QuantizedActivation:
    """An activation of an FP32 model, and where a Q/DQ model has it.

    Args:
        tensor: in the FP32 model.
        restored: in the Q/DQ model, behind the DQ.
        operator: what computes it in the FP32 model; empty for an input.
        parameters: scale and zero point, as stored.
        node: which node of the FP32 model that is; its first output where it has no name.
    """

    tensor: str
    restored: str
    operator: str
    parameters: QParams
    node: str = ""


def quantized_activations(reference: Model, candidate: Model) -> list[QuantizedActivation]:
    """Those with one scale each, in the FP32 model's order; a tensor with several pairs is named once."""
    makers: dict[str, NodeProto] = {name: node for node in reference.proto.graph.node for name in node.output if name}
    order = {name: place for place, name in enumerate([*(spec.name for spec in reference.inputs), *makers])}
    found: dict[str, QuantizedActivation] = {}
    for dequantize, written in _pairs(candidate.proto):
        name = next((name for name in _wishes(dequantize, written) if name in order), None)
        parameters = _parameters(candidate, dequantize)
        if name is not None and name not in found and parameters is not None:
            operator, node = _maker(makers.get(name))
            found[name] = QuantizedActivation(name, dequantize.output[0], operator, parameters, node)
    return sorted(found.values(), key=lambda activation: order[activation.tensor])


def _maker(node: NodeProto | None) -> tuple[str, str]:
    """Its operator and its name; nothing makes an input."""
    return ("", "") if node is None else (node.op_type, title(node))


def _pairs(proto: ModelProto) -> Iterator[tuple[NodeProto, NodeProto | None]]:
    """Every DQ on computed codes, with the Q that wrote them if one did."""
    nodes = proto.graph.node
    computed = made(nodes)
    writers = {node.output[0]: node for node in nodes if node.op_type == _WRITE}
    for node in nodes:
        if node.op_type == _READ and node.input[0] in computed:
            yield node, writers.get(node.input[0])


def _wishes(dequantize: NodeProto, written: NodeProto | None) -> Iterator[str]:
    """What the tensor may be called in the FP32 model, the surest name first.

    Where the restored tensor is a model output, it is the one that kept the name.
    """
    yield dequantize.output[0]
    if written is not None:
        yield written.input[0]
    if dequantize.output[0].endswith(_SUFFIX):
        yield dequantize.output[0].removesuffix(_SUFFIX)


def _parameters(candidate: Model, dequantize: NodeProto) -> QParams | None:
    """Scale and zero point, if they are constants, one each, and of 8 bits."""
    weights = {tensor.name: tensor for tensor in candidate.proto.graph.initializer}
    if len(dequantize.input) < 3 or not all(name in weights for name in dequantize.input[1:3]):
        return None
    scale, zero_point = (array(weights[name], candidate.folder) for name in dequantize.input[1:3])
    if scale.size != 1 or zero_point.dtype.name not in ("int8", "uint8"):
        return None
    scheme = UINT8 if zero_point.dtype.name == "uint8" else _SIGNED
    return QParams(scheme, scale.reshape(()), zero_point.reshape(()))

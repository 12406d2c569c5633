"""Which operators a model uses: the ones quantkit knows, custom ones, ones that run code, quantized ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from onnx import GraphProto, ModelProto, NodeProto

from quantkit.core.errors import ModelError
from quantkit.core.text import enumerated
from quantkit.graph.editing.scopes import nested

STANDARD_DOMAINS = frozenset({"", "ai.onnx.ml"})

# ONNX Runtime's own operators that compute something from their inputs and do nothing else.
_MICROSOFT = frozenset(
    {
        "Attention",
        "BiasAdd",
        "BiasGelu",
        "BiasSplitGelu",
        "BiasSoftmax",
        "CDist",
        "ComplexMul",
        "ConvTransposeWithDynamicPads",
        "CropAndResize",
        "DecoderMaskedMultiHeadAttention",
        "DequantizeLinear",
        "DynamicQuantizeLSTM",
        "DynamicQuantizeMatMul",
        "EmbedLayerNormalization",
        "ExpandDims",
        "FastGelu",
        "FusedConv",
        "FusedGemm",
        "FusedMatMul",
        "FusedMatMulActivation",
        "GatherND",
        "Gelu",
        "GemmFastGelu",
        "GridSample",
        "GroupNorm",
        "GroupQueryAttention",
        "Inverse",
        "Irfft",
        "MatMulInteger16",
        "MatMulIntegerToFloat",
        "MatMulNBits",
        "MaxpoolWithMask",
        "MultiHeadAttention",
        "MurmurHash3",
        "NGramRepeatBlock",
        "NhwcConv",
        "NhwcFusedConv",
        "NhwcMaxPool",
        "Pad",
        "QAttention",
        "QEmbedLayerNormalization",
        "QGemm",
        "QLinearAdd",
        "QLinearAveragePool",
        "QLinearConcat",
        "QLinearConv",
        "QLinearGlobalAveragePool",
        "QLinearLeakyRelu",
        "QLinearMul",
        "QLinearReduceMean",
        "QLinearSigmoid",
        "QLinearSoftmax",
        "QLinearWhere",
        "QMoE",
        "QuantizeLinear",
        "QuickGelu",
        "Range",
        "ReduceSumInteger",
        "RelativePositionBias",
        "Rfft",
        "RotaryEmbedding",
        "SampleOp",
        "SimplifiedLayerNormalization",
        "SkipGroupNorm",
        "SkipLayerNormalization",
        "SkipSimplifiedLayerNormalization",
        "TransposeMatMul",
        "Trilu",
        "Unique",
        "WordConvEmbedding",
    }
)

# Operators whose attributes name code that the runtime calls back into.
_RUNNING_CODE = frozenset({"ATen", "ATenOp", "ExternalOp", "PyCustomOp", "PyFunc", "PyOp", "PythonOp", "PythonOpGrad"})

_QUANTIZED = frozenset(
    {
        "ConvInteger",
        "DequantizeLinear",
        "DynamicQuantizeLinear",
        "DynamicQuantizeLSTM",
        "DynamicQuantizeMatMul",
        "MatMulInteger",
        "MatMulInteger16",
        "MatMulIntegerToFloat",
        "MatMulNBits",
        "QAttention",
        "QEmbedLayerNormalization",
        "QGemm",
        "QMoE",
        "QuantizeLinear",
    }
)
_QUANTIZED_PREFIXES = ("QLinear", "QOrdered")

_SHOWN = 8


def all_nodes(proto: ModelProto) -> Iterator[NodeProto]:
    """Every node: of the model's graph, the graphs inside it, and its functions."""
    for graph in nested(proto.graph):
        yield from graph.node
    for function in proto.functions:
        for graph in nested(GraphProto(node=function.node)):
            yield from graph.node


def refuse_unknown_operators(proto: ModelProto, *, allow_custom_ops: bool = False) -> None:
    """Refuses operators that only foreign code can run.

    Raises:
        ModelError: operators that run code, always; operators of unknown domains unless they are allowed.
    """
    functions = {(function.domain, function.name) for function in proto.functions}
    used = Counter((node.domain, node.op_type) for node in all_nodes(proto))
    running = {key: number for key, number in used.items() if key[1] in _RUNNING_CODE}
    if running:
        raise ModelError(
            "QK3023",
            f"the model calls back into code: {_listed(running)}",
            hints=["export the network without such operators; no flag allows them"],
        )
    custom = {key: number for key, number in used.items() if key not in functions and not _is_known(*key)}
    if custom and not allow_custom_ops:
        raise ModelError(
            "QK3012",
            f"the model uses custom operators: {_listed(custom)}",
            cause="they run only with a library of their own, which is code",
            hints=["--allow-custom-op-library PATH names the library that implements them"],
        )


def quantized_operators(proto: ModelProto) -> tuple[str, ...]:
    """The operators of `proto` that make or use quantized tensors, sorted; empty for a float model."""
    return tuple(sorted({node.op_type for node in all_nodes(proto) if _is_quantized(node.op_type)}))


def _is_known(domain: str, op_type: str) -> bool:
    return domain in STANDARD_DOMAINS or (domain == "com.microsoft" and op_type in _MICROSOFT)


def _is_quantized(op_type: str) -> bool:
    return op_type in _QUANTIZED or op_type.startswith(_QUANTIZED_PREFIXES)


def _listed(used: dict[tuple[str, str], int]) -> str:
    return enumerated(sorted(f"{domain}::{op_type} ({number})" for (domain, op_type), number in used.items()), _SHOWN)

"""What an engine really does with a model: from the JSON of TensorRT's engine inspector, versions 8.5 to 11.

TensorRT fuses nodes into layers and names a layer after its nodes, joined with `` + `` and `` || `` or put in
``PWN(…)``; from 8.6 on a layer also lists them as metadata. Versions up to 10 put format and type of a tensor into one
sentence, 11 gives the type a field of its own.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onnx import GraphProto, NodeProto

from quantkit.core.comparison import Coverage, EngineLayers, NodeCoverage
from quantkit.core.errors import InternalError
from quantkit.graph.editing.wiring import title
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.products import PRODUCTS

UNKNOWN_FORM = "QK9020"
"""The code of the error for engines that are described in another way than those of the versions that are known."""

# Words that stand for a type in formats, weights and type fields; the first that is found counts.
_PRECISIONS = {
    "int8": re.compile(r"\b(int8|kINT8)\b", re.IGNORECASE),
    "fp8": re.compile(r"\b(fp8|e4m3|kFP8)\w*", re.IGNORECASE),
    "fp16": re.compile(r"\b(fp16|half|kHALF|float16)\b", re.IGNORECASE),
    "bf16": re.compile(r"\b(bf16|bfloat16|kBF16)\b", re.IGNORECASE),
    "fp32": re.compile(r"\b(fp32|float|kFLOAT|float32)\b", re.IGNORECASE),
}
# TensorRT writes an unbounded activation's bound as C does, which is no JSON.
_NO_NUMBER = re.compile(r"(?<=[:\[,\s])-?(?:inf|nan)(?=[,\]}\s])")

_METADATA = re.compile(r"\[ONNX Layer: (.+?)\](?=[\x1e\x1f]|\[ONNX Layer: |$)", re.DOTALL)

# What may stand before and behind a node's name in a layer's: fusions are written with signs and spaces around them.
_BEFORE, _BEHIND = r"(?<![^\s(|+,\[])", r"(?![^\s)|+,\]])"


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of an engine.

    Args:
        name: TensorRT's name for it.
        kind: what it is, such as ``"CaskConvolution"`` or ``"Reformat"``.
        precision: ``"int8"``, ``"fp16"``, ``"fp32"``, another one, or ``""`` where that is not told.
        nodes: titles of the ONNX nodes in it.
        inputs: tensors that it reads.
        outputs: tensors that it makes.
        has_weights: it multiplies by weights.
    """

    name: str
    kind: str
    precision: str
    nodes: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    has_weights: bool = False

    @property
    def is_reformat(self) -> bool:
        """Whether it only converts a tensor's type or layout."""
        return self.kind.lower() in {"reformat", "noop"} or self.name.startswith("Reformatting CopyNode")


def layers(information: str, titles: Iterable[str]) -> tuple[Layer, ...]:
    """The layers of an engine.

    Args:
        information: what the engine inspector says, as JSON.
        titles: the names of the model's nodes.

    Raises:
        InternalError: it says so in a form that is not known; the code is `UNKNOWN_FORM`.
    """
    try:
        # Metadata may be separated by control characters as they are, which strict JSON escapes.
        listed = list(json.loads(_NO_NUMBER.sub("null", information), strict=False)["Layers"])
    except (ValueError, KeyError, TypeError) as reason:
        raise InternalError(
            "QK9020",
            "TensorRT describes its engine in an unknown way",
            cause=str(reason),
            hints=["please report this, with the version of TensorRT"],
        ) from reason
    finder = _Titles(titles)
    # Unless it was built with detailed verbosity, an engine tells the names of its layers only, or nothing.
    return tuple(_layer(entry if isinstance(entry, dict) else {"Name": entry}, finder) for entry in listed)


class _Titles:
    """Finds nodes by their names in the names of layers."""

    def __init__(self, titles: Iterable[str]) -> None:
        self._known = frozenset(title for title in titles if title)
        # The longest first, as one name may begin with another. A node without a name is called after its first output.
        names = "|".join(re.escape(title) for title in sorted(self._known, key=len, reverse=True))
        self._pattern = re.compile(f"{_BEFORE}(?:node_of_)?({names}){_BEHIND}") if names else None

    def within(self, entry: Mapping[str, Any]) -> tuple[str, ...]:
        named = [title for title in _METADATA.findall(str(entry.get("Metadata", ""))) if title in self._known]
        if not named and self._pattern is not None:
            named = self._pattern.findall(str(entry.get("Name", "")))
        return tuple(dict.fromkeys(named))


def _layer(entry: Mapping[str, Any], finder: _Titles) -> Layer:
    return Layer(
        name=str(entry.get("Name", "")),
        kind=str(entry.get("LayerType", "")),
        precision=_precision(entry),
        nodes=finder.within(entry),
        inputs=tuple(str(tensor.get("Name", "")) for tensor in _tensors(entry, "Inputs")),
        outputs=tuple(str(tensor.get("Name", "")) for tensor in _tensors(entry, "Outputs")),
        has_weights=_weight_type(entry) is not None,
    )


def _precision(entry: Mapping[str, Any]) -> str:
    """The weights' type, which a kernel multiplies in; else what the layer says itself, else its first input's.

    A part of the network that TensorRT compiled as a whole computes in types of its own between its ends.
    """
    told = [_weight_type(entry), entry.get("Precision")]
    if not _is_compiled(entry):
        told += [_type_of(tensor) for tensor in (*_tensors(entry, "Inputs"), *_tensors(entry, "Outputs"))]
    return next((found for text in told if text and (found := _named_precision(str(text)))), "")


def _is_compiled(entry: Mapping[str, Any]) -> bool:
    return "ForeignNode[" in str(entry.get("Name", "")) or entry.get("LayerType") in ("Myelin", "ForeignNode")


def _weight_type(entry: Mapping[str, Any]) -> str | None:
    weights = entry.get("Weights")
    return str(weights.get("Type", "")) if isinstance(weights, Mapping) else None


def _tensors(entry: Mapping[str, Any], side: str) -> Sequence[Mapping[str, Any]]:
    listed = entry.get(side)
    return [tensor for tensor in listed if isinstance(tensor, Mapping)] if isinstance(listed, list) else []


def _type_of(tensor: Mapping[str, Any]) -> str:
    fields = {key.lower(): value for key, value in tensor.items()}
    return str(fields.get("datatype") or fields.get("format/datatype") or fields.get("format") or "")


def _named_precision(text: str) -> str:
    return next((name for name, pattern in _PRECISIONS.items() if pattern.search(text)), "")


def composition(engine: Sequence[Layer], absent: Mapping[str, str] | None = None) -> EngineLayers:
    """How many layers compute in which precision; layers that only convert are counted apart.

    Args:
        engine: its layers.
        absent: as for `unscaled`, where the engine was built from scales beside the model.
    """
    computing = [layer for layer in engine if not layer.is_reformat]
    return EngineLayers(
        by_precision=dict(sorted(Counter(layer.precision or "unknown" for layer in computing).items())),
        reformats=len(engine) - len(computing),
        unscaled=None if absent is None else unscaled(engine, absent),
    )


def coverage(
    engine: Sequence[Layer],
    graph: GraphProto,
    absent: Mapping[str, str] | None = None,
    *,
    built_from: GraphProto | None = None,
) -> Coverage:
    """In which precision an engine computes each matrix product of a model, and why not in integers.

    Args:
        engine: its layers.
        graph: the model.
        absent: as for `composition`.
        built_from: the model with Q/DQ pairs that the engine was built from, where `graph` is the one without.
    """
    homes, paired = _homes(engine), _paired(built_from or graph)
    if _has_details(engine):
        nodes = tuple(_covered(title(node), node, homes, paired) for node in matrix_products(graph))
    else:
        why = "the engine was built to tell no details of its layers"
        nodes = tuple(NodeCoverage(title(node), node.op_type, "unknown", why) for node in matrix_products(graph))
    return Coverage(nodes, composition(engine, absent))


def _has_details(engine: Sequence[Layer]) -> bool:
    """Whether layers are more than names: an engine of another profiling verbosity tells names only, or nothing."""
    return any(layer.kind for layer in engine)


def _paired(graph: GraphProto) -> frozenset[str] | None:
    """The matrix products that multiply dequantized values; ``None`` in a model without Q/DQ nodes."""
    dequantized = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    if not dequantized:
        return None
    return frozenset(title(node) for node in matrix_products(graph) if node.input[0] in dequantized)


def _covered(name: str, node: NodeProto, homes: Mapping[str, Layer], paired: frozenset[str] | None) -> NodeCoverage:
    layer = homes.get(name)
    if layer is None:
        return NodeCoverage(name, node.op_type, "unknown", "no layer of the engine names it")
    if not layer.precision:
        return NodeCoverage(name, node.op_type, "unknown", "the engine does not tell in which type its layer computes")
    precision = layer.precision
    reason = "" if precision == "int8" else _why_in_floats(name, precision, paired)
    return NodeCoverage(name, node.op_type, precision, reason)


def _why_in_floats(name: str, precision: str, paired: frozenset[str] | None) -> str:
    if paired is None:
        return f"TensorRT had the choice, and took {precision}"
    if name in paired:
        return f"TensorRT took {precision} in spite of its Q/DQ pair"
    return "it has no Q/DQ pair"


def kept_out_of_int8(engine: Sequence[Layer], graph: GraphProto) -> Exclusion:
    """The matrix products that an int8 engine with scales for everything computes in floats nevertheless.

    TensorRT timed both and found integers no faster there, conversions included. Without Q/DQ pairs around these nodes
    an explicit engine may choose the same kernels; with them it has to use integers.
    """
    floats = [node.node for node in coverage(engine, graph).nodes if node.precision in ("fp16", "fp32", "bf16")]
    return Exclusion(nodes=tuple(floats))


def unscaled(engine: Sequence[Layer], absent: Mapping[str, str]) -> dict[str, str]:
    """Tensors that have no scale, with what that means in this engine.

    Args:
        engine: its layers.
        absent: what the model alone tells of them, as `quantkit.graph.scales.coverage` does. Whether TensorRT fuses a
            tensor into a layer, which it predicts, is known here: ``"fused"`` if no layer reads or makes it, otherwise
            ``"missing"``. An engine that does not tell its tensors leaves the prediction as it is.
    """
    if not _has_details(engine):
        return dict(absent)
    visible = {tensor for layer in engine for tensor in (*layer.inputs, *layer.outputs)}
    predicted = ("fused", "missing")
    return {
        name: why if why not in predicted else "missing" if name in visible else "fused" for name, why in absent.items()
    }


def matrix_products(graph: GraphProto) -> Iterator[NodeProto]:
    """The nodes for whose sake a model is quantized, in graph order."""
    return (node for node in graph.node if node.op_type in PRODUCTS)


def _homes(engine: Sequence[Layer]) -> dict[str, Layer]:
    """Node → the layer that computes it; of several that name it, one with weights."""
    homes: dict[str, Layer] = {}
    for layer in sorted(engine, key=lambda layer: not layer.has_weights):
        for node in layer.nodes:
            if not layer.is_reformat:
                homes.setdefault(node, layer)
    return homes

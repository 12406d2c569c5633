"""The scales that a Q/DQ model holds, under the names of the float model's tensors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from onnx import NodeProto, TensorProto

from quantkit.core.errors import ModelError
from quantkit.core.trt_cache import unusable
from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.scopes import reads
from quantkit.graph.editing.tensors import array
from quantkit.graph.model import Model
from quantkit.graph.passes.constants import constants_to_initializers

_SHOWN = 3


def activation_scales(model: Model) -> dict[str, np.float32]:
    """Tensor → scale of its int8 codes, in the order of the graph, for a model with QuantizeLinear nodes.

    Weights are left out: they have a scale for each channel, and TensorRT takes theirs from the weights. A tensor that
    leaves the model dequantized goes by the output's name, which is the one it has in the float model.

    Raises:
        ModelError: no activation is quantized, or one is in a way that a calibration cache cannot say: with a zero
            point, per channel, with a computed scale, or with two scales.
    """
    found: dict[str, np.float32] = {}
    refused: dict[str, str] = {}
    for tensor, scale in _Pairs(model).activations():
        if isinstance(scale, str):
            refused[tensor] = scale
        elif found.setdefault(tensor, scale) != scale:
            refused[tensor] = f"it has the scales {found[tensor]:.6g} and {scale:.6g}"
    if refused:
        raise _not_symmetric(model, refused, len(found.keys() | refused.keys()))
    if not found:
        title = "no activation of the model is quantized"
        raise ModelError("QK3091", title, where=_where(model), hints=["give a model with QuantizeLinear nodes"])
    return found


class _Pairs:
    """The quantizing nodes of a model's outermost graph, and what their inputs are."""

    def __init__(self, model: Model) -> None:
        self._draft = Draft.of(model.proto, model.folder)
        constants_to_initializers(self._draft)
        self._readers: dict[str, list[NodeProto]] = defaultdict(list)
        for node in self._draft.graph.node:
            for name in node.input:
                self._readers[name].append(node)

    def activations(self) -> Iterator[tuple[str, np.float32 | str]]:
        """Each quantized activation with its scale, or with the reason why a calibration cache cannot hold it."""
        constant = set(self._draft.weights)
        for node in self._draft.graph.node:
            if node.input and constant.issuperset(reads(node)):
                constant.update(node.output)
            elif node.op_type == "QuantizeLinear":
                yield self._name(node), self._scale(node)

    def _name(self, quantize: NodeProto) -> str:
        restored = [name for node in self._readers[quantize.output[0]] for name in node.output]
        return next((name for name in restored if name in self._draft.outputs), quantize.input[0])

    def _scale(self, quantize: NodeProto) -> np.float32 | str:
        scale = self._draft.weights.get(quantize.input[1])
        if scale is None:
            return "its scale is computed while the model runs"
        values = array(scale, self._draft.folder)
        if values.size != 1:
            return f"it has {values.size} scales, one for each channel"
        value: np.float32 = np.float32(values.ravel()[0])
        if reason := unusable(value):
            return f"it has the scale {value:.6g}: {reason}"
        return self._asymmetry(quantize) or value

    def _asymmetry(self, quantize: NodeProto) -> str | None:
        """What keeps the codes from being TensorRT's: int8, around 0."""
        name = quantize.input[2] if len(quantize.input) > 2 else ""
        if not name:
            return "its codes are uint8, as always without a zero point"
        zero_point = self._draft.weights.get(name)
        if zero_point is None:
            return "its zero point is computed while the model runs"
        if zero_point.data_type != TensorProto.INT8:
            return f"its codes are {TensorProto.DataType.Name(zero_point.data_type).lower()}, not int8"
        values = array(zero_point, self._draft.folder)
        return f"it has the zero point {values.max(initial=-128)}" if values.any() else None


def _not_symmetric(model: Model, refused: dict[str, str], count: int) -> ModelError:
    reasons = [f"{tensor!r}: {reason}" for tensor, reason in list(refused.items())[:_SHOWN]]
    more = len(refused) - len(reasons)
    return ModelError(
        "QK3091",
        f"{len(refused)} of {count} quantized activations do not fit TensorRT's codes",
        where=_where(model),
        cause="; ".join([*reasons, *([f"and {more} more"] if more else [])]),
        hints=["quantize the float model again with --target tensorrt"],
    )


def _where(model: Model) -> str | None:
    return str(model.path) if model.path else None

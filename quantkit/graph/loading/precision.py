"""Only float32 networks are quantized; others are refused by name."""

from __future__ import annotations

from collections.abc import Iterator

from onnx import TensorProto

from quantkit.core.errors import ModelError
from quantkit.graph.editing.draft import Draft
from quantkit.graph.products import PRODUCTS

_OTHER_FLOATS: dict[int, str] = {
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT8E4M3FN: "float8",
    TensorProto.FLOAT8E4M3FNUZ: "float8",
    TensorProto.FLOAT8E5M2: "float8",
    TensorProto.FLOAT8E5M2FNUZ: "float8",
}


def refuse_other_precisions(draft: Draft) -> None:
    """Looks at what is fed and at what is multiplied; a float64 scalar elsewhere does no harm.

    Raises:
        ModelError: names the tensor and its type.
    """
    for name, data_type in _deciding(draft):
        if (kind := _OTHER_FLOATS.get(data_type)) is not None:
            raise ModelError(
                "QK3019",
                f"tensor {name!r} is {kind}; quantization starts from a float32 model",
                where=name,
                cause="scales and rounding are defined against float32 results",
                hints=["export the network in float32: module.float() before torch.onnx.export"],
            )


def _deciding(draft: Draft) -> Iterator[tuple[str, int]]:
    """Name and element type of every input, and of every initializer that enters a matrix product."""
    for value in draft.graph.input:
        yield value.name, value.type.tensor_type.elem_type
    for node in draft.graph.node:
        if node.op_type in PRODUCTS:
            yield from ((name, draft.weights[name].data_type) for name in node.input if name in draft.weights)

"""Types and shapes of a graph's tensors, and the refusal of those that no machine holds."""

from __future__ import annotations

import math
from collections.abc import Iterator

import onnx
from onnx import ModelProto, ValueInfoProto

from quantkit.core.errors import ModelError
from quantkit.graph.editing.onnx_calls import reported
from quantkit.graph.editing.scopes import nested

MOST_ELEMENTS = 2**31 - 1
"""Elements of one tensor that TensorRT can address; some kernels of ONNX Runtime count in 32 bits as well."""


def inferred(light: ModelProto) -> ModelProto:
    """`light` with the type and shape of every tensor for which they can be known.

    What cannot be inferred stays open. Values are not propagated along with shapes: on 1-D tensors ONNX's
    propagation takes memory in proportion to their size, so that a model of 100 bytes could claim all there is.
    """
    with reported(
        "QK3013",
        "the ONNX package cannot infer the model's shapes",
        hints=["quantkit doctor shows the version of onnx; a newer one may do"],
    ):
        return onnx.shape_inference.infer_shapes(light)


def refuse_giants(proto: ModelProto) -> None:
    """Refuses tensors whose fixed dimensions alone ask for more than `MOST_ELEMENTS`; free ones count as 1.

    Raises:
        ModelError: names the tensor and its size.
    """
    for value in _values(proto):
        sizes = [size.dim_value for size in value.type.tensor_type.shape.dim]
        if (elements := math.prod(max(size, 1) for size in sizes)) > MOST_ELEMENTS:
            raise ModelError(
                "QK3015",
                f"tensor {value.name!r} would have {elements} elements; {MOST_ELEMENTS} are allowed",
                where=value.name,
                cause=f"its fixed dimensions are {'x'.join(str(size or '?') for size in sizes)}",
                hints=["it exceeds --memory-limit on any machine: the model is damaged, or made to exhaust memory"],
            )


def _values(proto: ModelProto) -> Iterator[ValueInfoProto]:
    for graph in nested(proto.graph):
        yield from graph.input
        yield from graph.value_info
        yield from graph.output

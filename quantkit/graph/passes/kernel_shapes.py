"""Convolutions say how large their kernel is: behind a DequantizeLinear not every parser sees it in the weights."""

from __future__ import annotations

from onnx.helper import make_attribute

from quantkit.graph.editing.draft import Draft


def kernel_shapes_stated(draft: Draft) -> None:
    """Adds ``kernel_shape`` where a convolution leaves it to the shape of its stored weights."""
    for node in draft.graph.node:
        if node.op_type not in ("Conv", "ConvTranspose") or node.domain or len(node.input) < 2:
            continue
        weight = draft.weights.get(node.input[1])
        if weight is not None and not any(attribute.name == "kernel_shape" for attribute in node.attribute):
            node.attribute.append(make_attribute("kernel_shape", list(weight.dims[2:])))

"""Constant nodes become initializers, so that weights are in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import AttributeProto, NodeProto, TensorProto, numpy_helper

from quantkit.graph.editing.draft import Draft

_VALUES: dict[str, Callable[[AttributeProto], Any]] = {
    "value_float": lambda attribute: np.float32(attribute.f),
    "value_floats": lambda attribute: np.array(attribute.floats, np.float32),
    "value_int": lambda attribute: np.int64(attribute.i),
    "value_ints": lambda attribute: np.array(attribute.ints, np.int64),
}


def constants_to_initializers(draft: Draft) -> None:
    """Takes every Constant of the outermost graph out, but those that are model outputs, text, or sparse."""
    outputs = draft.outputs
    moved = []
    for position, node in enumerate(draft.graph.node):
        if node.op_type == "Constant" and not node.domain and node.output[0] not in outputs:
            tensor = _content(node)
            if tensor is not None:
                draft.weights[tensor.name] = tensor
                moved.append(position)
    draft.drop(moved)


def _content(node: NodeProto) -> TensorProto | None:
    """The node's value under the name of its output; None where an initializer cannot hold it."""
    tensor = TensorProto()
    for attribute in node.attribute:
        if attribute.name == "value":
            tensor.CopyFrom(attribute.t)
        elif attribute.name in _VALUES:
            tensor = numpy_helper.from_array(np.asarray(_VALUES[attribute.name](attribute)))
    tensor.name = node.output[0]
    return tensor if tensor.data_type else None

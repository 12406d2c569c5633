"""New names and constants for a model that is being rewritten."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from onnx import NodeProto, helper, numpy_helper

from quantkit.core.arrays import Array
from quantkit.graph.codes.weights import QuantizedConstant
from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.scopes import tensor_names, unused_name


class Codes(NamedTuple):
    """Names of a quantized tensor, its scale and its zero point."""

    name: str
    scale: str
    zero_point: str


class Additions:
    """Hands out names that nothing uses yet, and stores constants in the draft."""

    def __init__(self, draft: Draft) -> None:
        self._weights = draft.weights
        self._taken = tensor_names(draft.graph) | set(draft.weights)
        self._titles = {node.name for node in draft.graph.node}

    def name(self, wish: str) -> str:
        """`wish`, with a number behind it where that is taken."""
        return unused_name(wish, self._taken)

    def node(self, operator: str, inputs: list[str], output: str, wish: str, **attributes: Any) -> NodeProto:
        """A new node; its name is `wish` where that is free, because ONNX Runtime refuses a name used twice."""
        title = unused_name(wish, self._titles)
        return helper.make_node(operator, inputs, [output], title, **attributes)

    def constant(self, wish: str, values: Array) -> str:
        """Stores `values`; returns their name."""
        name = self.name(wish)
        self._weights[name] = numpy_helper.from_array(np.ascontiguousarray(values).reshape(values.shape), name)
        return name

    def constant_codes(self, name: str, constant: QuantizedConstant) -> tuple[NodeProto, str]:
        """Stores constant codes; returns the DQ that makes real values of them, and the name of those."""
        restored = self.name(f"{name}_dequantized")
        inputs = [
            self.constant(f"{name}_quantized", constant.codes),
            self.constant(f"{name}_scale", constant.scale),
            self.constant(f"{name}_zero_point", constant.zero_point),
        ]
        along = {} if constant.axis is None else {"axis": constant.axis}
        return self.node("DequantizeLinear", inputs, restored, f"{name}_DequantizeLinear", **along), restored

"""Shapes come from the graph, and from the exporter where the graph does not tell."""

from __future__ import annotations

import onnx
import pytest

from quantkit.core.errors import ModelError
from quantkit.graph.editing.draft import Draft
from quantkit.graph.passes.known_shapes import shapes_inferred
from tests.onnx_models import random, written

PROTO = written(
    "g (float[N, 4] x) => (float[?, ?] y) { a = MatMul(x, w) b = com.acme.Any(a) y = Identity(b) }", w=random(4, 900)
)


def shapes(draft: Draft) -> dict[str, list[object]]:
    return {
        value.name: [size.dim_value or size.dim_param for size in value.type.tensor_type.shape.dim]
        for value in draft.graph.value_info
    }


def test_wrong_records_are_replaced_and_others_kept() -> None:
    draft = Draft.of(PROTO)
    draft.graph.value_info.append(onnx.helper.make_tensor_value_info("a", 1, [7, 7]))
    draft.graph.value_info.append(onnx.helper.make_tensor_value_info("b", 1, ["N", 5]))
    shapes_inferred(draft)
    assert shapes(draft) == {"a": ["N", 900], "b": ["N", 5]}
    assert [value.name for value in draft.graph.input] == ["x"]


def test_a_giant_is_refused() -> None:
    draft = Draft.of(PROTO)
    for size in draft.graph.input[0].type.tensor_type.shape.dim[:1]:
        size.dim_value = 2**31
    with pytest.raises(ModelError, match="tensor 'x' would have 8589934592 elements"):
        shapes_inferred(draft)

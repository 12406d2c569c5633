"""Inputs are what has to be fed."""

from __future__ import annotations

import onnx

from quantkit.graph.editing.draft import Draft
from quantkit.graph.passes.interface import free_dimensions_freed, initializers_out_of_inputs
from tests.onnx_models import assert_same, random, results, written


def test_initializers_leave_the_inputs_and_the_ir_allows_it() -> None:
    proto = written("g (float[2] x) => (float[2] y) { y = Add(x, w) }", 8, w=random(2))
    del proto.opset_import[1:]
    proto.ir_version = 3
    proto.graph.input.append(onnx.helper.make_tensor_value_info("w", 1, [2]))
    draft = Draft.of(proto)
    initializers_out_of_inputs(draft)
    assert [value.name for value in draft.graph.input] == ["x"]
    onnx.checker.check_model(draft.whole())
    assert_same(results(draft.whole(), {"x": random(2)}), results(proto, {"x": random(2)}))


def test_sizes_of_minus_one_and_zero_become_free() -> None:
    proto = written("g (float[N, 3, 4] x) => (float[N, 3, 4] y) { y = Neg(x) }")
    for value in (proto.graph.input[0], proto.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = -1
        value.type.tensor_type.shape.dim[1].dim_value = 0
    draft = Draft.of(proto)
    free_dimensions_freed(draft)
    for value in (draft.graph.input[0], draft.graph.output[0]):
        assert [size.WhichOneof("value") for size in value.type.tensor_type.shape.dim] == [None, None, "dim_value"]

"""A draft is the model without its weights' weight."""

from __future__ import annotations

import onnx
import pytest
from onnx import ModelProto

from quantkit.core.errors import ModelError
from quantkit.graph.editing import draft
from quantkit.graph.editing.draft import Draft
from tests.onnx_models import random, written


def model() -> ModelProto:
    proto = written(
        "g (float[N, 4] x) => (float[N, 2] y) { z = Gemm(x, w) y = Add(z, b) }", w=random(4, 2), b=random(2)
    )
    proto.metadata_props.add(key="author", value="somebody")
    return proto


def heavy() -> ModelProto:
    return written("g (float[N, 400] x) => (float[N, 20] y) { y = Gemm(x, w, b) }", w=random(400, 20), b=random(20))


@pytest.mark.parametrize("make", [model, heavy])
def test_whole_and_serialized_are_the_original(make: object) -> None:
    assert callable(make)
    taken = Draft.of(make())
    assert taken.whole() == make()
    assert ModelProto.FromString(taken.serialized()) == make()


def test_the_original_stays_as_it_was() -> None:
    proto = model()
    taken = Draft.of(proto)
    taken.drop([1])
    taken.weights.clear()
    assert proto == model()
    assert [node.op_type for node in taken.graph.node] == ["Gemm"]


def test_light_models_have_large_weights_as_inputs() -> None:
    light = Draft.of(heavy()).light()
    onnx.checker.check_model(light)
    assert [tensor.name for tensor in light.graph.initializer] == ["b"]
    assert [value.name for value in light.graph.input] == ["x", "w"]


def test_adopting_keeps_the_large_weights_and_takes_the_rest() -> None:
    taken = Draft.of(heavy())
    light = taken.light()
    del light.graph.initializer[:]
    light.graph.node[0].input[2] = "other"
    light.graph.initializer.append(onnx.numpy_helper.from_array(random(20), "other"))
    taken.adopt(light)
    assert sorted(taken.weights) == ["other", "w"]
    assert taken.weights["w"] == heavy().graph.initializer[0]
    assert [value.name for value in taken.graph.input] == ["x"]
    onnx.checker.check_model(taken.whole())


def test_weights_that_are_inputs_of_the_model_stay_inputs() -> None:
    proto = heavy()
    proto.graph.input.append(onnx.helper.make_tensor_value_info("w", 1, [400, 20]))
    taken = Draft.of(proto)
    taken.adopt(taken.light())
    assert taken.whole() == proto


def test_more_than_two_gigabytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Draft.of(heavy())
    monkeypatch.setattr(draft, "LARGEST_PROTO", 30_000)
    with pytest.raises(ModelError, match=r"the model takes [0-9]+ bytes; one ONNX file holds at most 30000") as refusal:
        taken.serialized()
    assert "save_as_external_data" in refusal.value.hints[0]

"""A loaded model knows its interface, and is what its file says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto

from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import ModelError
from quantkit.graph.model import already_quantized, from_bytes, from_proto, load, refuse_quantized
from tests.onnx_models import assert_same, random, results, saved, written

GEMM = "g (float[N, 4] x) => (float[N, 2] y) { y = Gemm(x, w) }"


def gemm() -> ModelProto:
    return written(GEMM, w=random(4, 2))


def test_inputs_and_outputs_have_names_types_and_shapes() -> None:
    proto = written("""g (float[N, 3, ?, 5] x, int64 sr) => (float[N] y, bool z) {
        y = ReduceMax <axes = [1, 2, 3], keepdims = 0> (x) z = Cast <to = 9> (sr) }""")
    model = from_proto(proto)
    assert model.inputs == (TensorSpec("x", "float32", ("N", 3, None, 5)), TensorSpec("sr", "int64", ()))
    assert model.outputs == (TensorSpec("y", "float32", ("N",)), TensorSpec("z", "bool", ()))


def test_initializers_among_the_inputs_need_not_be_fed() -> None:
    proto = gemm()
    proto.graph.input.append(onnx.helper.make_tensor_value_info("w", 1, [4, 2]))
    assert [spec.name for spec in from_proto(proto).inputs] == ["x"]


def test_sizes_below_one_are_free() -> None:
    proto = gemm()
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = -1
    assert from_proto(proto).inputs == (TensorSpec("x", "float32", (None, 4)),)


def test_inputs_that_are_no_tensors_say_what_they_are() -> None:
    proto = written("g (seq(float[2]) s, int64 i) => (float[2] y) { y = SequenceAt(s, i) }")
    assert from_proto(proto).inputs[0].dtype == "sequence_type"


def test_a_file_a_proto_and_bytes_are_the_same_model(tmp_path: Path) -> None:
    models = [load(saved(gemm(), tmp_path)), from_proto(gemm()), from_bytes(gemm().SerializeToString())]
    assert len({model.digest for model in models}) == 1
    assert [model.folder for model in models] == [tmp_path, None, None]
    assert repr(models[0]) == f"Model(model.onnx: 1 nodes, content {models[0].digest[:12]})"
    assert repr(models[1]).startswith("Model(g: 1 nodes")


def test_a_serialized_model_computes_what_the_file_computes(tmp_path: Path) -> None:
    feeds = {"x": random(3, 4)}
    for outside in ("", "weights.bin"):
        model = load(saved(gemm(), tmp_path, outside=outside))
        assert_same(results(model, feeds), results(gemm(), feeds))


def test_weights_in_other_files_stay_there_and_are_weighed(tmp_path: Path) -> None:
    inside, outside = from_proto(gemm()), load(saved(gemm(), tmp_path, outside="weights.bin"))
    assert not outside.proto.graph.initializer[0].raw_data
    assert outside.size_bytes - outside.proto.ByteSize() == (tmp_path / "weights.bin").stat().st_size == 32
    assert inside.size_bytes == inside.proto.ByteSize()


def test_a_refusal_names_the_file(tmp_path: Path) -> None:
    proto = gemm()
    proto.graph.node[0].op_type = "Gem"
    with pytest.raises(ModelError, match="the ONNX checker refuses the model") as refusal:
        load(saved(proto, tmp_path))
    assert refusal.value.where == str(tmp_path / "model.onnx")
    assert "No Op registered for Gem" in str(refusal.value.cause)


def test_custom_operators_load_where_they_are_allowed() -> None:
    proto = written("g (float[N] x) => (float[N] y) { y = com.acme.Foo(x) }")
    with pytest.raises(ModelError, match="custom operators"):
        from_proto(proto)
    assert from_proto(proto, allow_custom_ops=True).outputs[0].name == "y"


def test_quantized_models_are_recognized_and_refused_where_asked() -> None:
    proto = written(
        "g (float[N] x) => (float[N] y) { q = QuantizeLinear(x, s) y = DequantizeLinear(q, s) }", s=np.float32(0.1)
    )
    model = from_proto(proto)
    assert already_quantized(model) == ("DequantizeLinear", "QuantizeLinear")
    with pytest.raises(ModelError, match="the model is already quantized: it uses DequantizeLinear, QuantizeLinear"):
        refuse_quantized(model)
    refuse_quantized(from_proto(gemm()))

"""Pairs for TensorRT stand on the inputs of matrix products and nowhere that costs a layer of its own."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper

from quantkit.core.scheme import INT8
from quantkit.graph.editing.wiring import Wiring
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model
from quantkit.graph.placement import Placement, place
from tests.onnx_models import operators, random, results, written
from tests.quantization import as_written, quantized, ready, sqnr_db

C = 8
WEIGHTS = {
    "w": random(C, C, 3, 3, seed=1) / 4,
    "v": random(C, C, 1, 1, seed=2) / 2,
    "b": random(C, seed=4),
    "m": random(C, C, seed=5),
}
SAME = "<pads = [1, 1, 1, 1]>"


def network(body: str, *, given: str = "float[N, 8, 8, 8]", made: str = "float[N, 8, H, W]", opset: int = 13) -> Model:
    return ready(written(f"g ({given} x) => ({made} y) {{ {body} }}", opset, **WEIGHTS))


def placed(model: Model, exclude: Exclusion | None = None) -> Placement:
    return place(model, "tensorrt", exclude)


def read_by(model: Model, placement: Placement) -> dict[str, list[str]]:
    """Tensor → operators that read it behind its pair."""
    nodes = Wiring(model.proto.graph).nodes
    return {pair.tensor: [nodes[slot.node].op_type for slot in pair.readers] for pair in placement.activations}


def int8(model: Model) -> ModelProto:
    return quantized(model, [{"x": random(2, C, 8, 8, seed=7)}], target="tensorrt")


def test_a_pair_stands_before_each_product_and_behind_activation_and_pooling() -> None:
    model = network(
        f"""c = Conv {SAME} (x, w, b) r = Relu (c) p = MaxPool <kernel_shape = [2, 2]> (r)
        d = Conv (p, v, b) y = Sigmoid (d)"""
    )
    assert read_by(model, placed(model)) == {"x": ["Conv"], "p": ["Conv"]}
    written_as = operators(int8(model).graph)
    at = written_as.index("Conv")
    assert written_as[at : at + 6] == ["Conv", "Relu", "MaxPool", "QuantizeLinear", "DequantizeLinear", "Conv"]


def test_a_concat_gets_one_pair_behind_it_and_none_before() -> None:
    model = network("e = Conv (x, v, b) f = Conv (x, v) j = Concat <axis = 2> (e, f) y = Conv (j, v, b)")
    assert read_by(model, placed(model)) == {"x": ["Conv", "Conv"], "j": ["Conv"]}
    assert placed(model).shared == ()


@pytest.mark.parametrize("pool", ["MaxPool <kernel_shape = [1, 1]>", "Relu"], ids=["transparent", "not transparent"])
def test_pairs_on_what_concats_join_share_one_scale(pool: str) -> None:
    model = network(
        f"""e = Conv (x, v, b) f = Conv (e, v) j = Concat <axis = 2> (e, f)
        k = Conv (j, v, b) l = Concat <axis = 2> (j, k) p = {pool} (l) y = Conv (p, v, b)"""
    )
    joined = ("e", "j", "p") if "MaxPool" in pool else ("e", "j")
    assert placed(model).shared == (joined,)
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in int8(model).graph.initializer}
    assert len({float(values[f"{name}_scale"]) for name in joined}) == 1


def test_the_other_operand_of_a_residual_sum_is_quantized_and_the_products_own_is_not() -> None:
    model = network(f"c = Conv {SAME} (x, w, b) r = Relu (c) d = Conv {SAME} (r, w, b) s = Add (d, r) y = Relu (s)")
    assert read_by(model, placed(model)) == {"x": ["Conv"], "r": ["Conv", "Add"]}


def test_of_two_products_in_a_sum_the_later_one_takes_it_in() -> None:
    model = network("d = Conv (x, v) c = Conv (x, v, b) y = Add (c, d)")
    assert read_by(model, placed(model)) == {"x": ["Conv", "Conv"], "d": ["Add"]}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("c = Conv (x, v) y = Add (c, b)", id="a constant"),
        pytest.param("c = Relu (x) y = Add (c, x)", id="no product"),
        pytest.param("c = Conv (x, v) y = Add (c, c)", id="twice the same"),
        pytest.param("c = Conv (x, v) s = Add (c, x) y = Mul (s, c)", id="a product that others read too"),
    ],
)
def test_other_sums_are_left_alone(body: str) -> None:
    model = network(body, made="float[N, 8, 8, 8]")
    assert "Add" not in [name for names in read_by(model, placed(model)).values() for name in names]


def test_codes_are_symmetric_and_signed_and_biases_stay_in_floats() -> None:
    model = network(f"c = Conv {SAME} (x, w, b) y = Conv (c, v, b)")
    proto = int8(model)
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    zero_points = [value for name, value in values.items() if name.endswith("zero_point")]
    assert {value.dtype for value in zero_points} == {np.dtype(np.int8)}
    assert not any(value.any() for value in zero_points)
    assert {node.input[2] for node in proto.graph.node if node.op_type == "Conv"} == {"b"}
    assert {pair.scheme for pair in placed(model).activations} == {INT8}


@pytest.mark.parametrize(
    ("body", "axis"),
    [
        pytest.param("y = Conv (x, v, b)", 0, id="Conv"),
        pytest.param("y = ConvTranspose (x, v, b)", 1, id="ConvTranspose"),
        pytest.param("y = ConvTranspose <group = 2> (x, v)", None, id="ConvTranspose in groups"),
        pytest.param("y = MatMul (x, m)", 1, id="MatMul"),
    ],
)
def test_weights_have_a_scale_for_each_output_channel(body: str, axis: int | None) -> None:
    (weight,) = placed(network(body, made="float[A, B, C, D]")).constants
    assert weight.scheme.axis == axis


def test_products_of_two_activations_and_recurrent_nodes_are_left_out_with_the_reason() -> None:
    model = network("t = Relu (x) y = MatMul (x, t)", made="float[N, 8, 8, 8]")
    (left,) = placed(model).left_out
    assert str(left).endswith("(MatMul): its weights are computed at run time")
    graph = """g (float[5, N, 8] x) => (float[5, 1, N, 4] y) { y = GRU <hidden_size = 4> (x, k, r) }"""
    gru = ready(written(graph, k=random(1, 12, 8), r=random(1, 12, 4)))
    assert [node.reason for node in placed(gru).left_out] == ["TensorRT has no integer GRU"]


def test_an_excluded_product_reads_floats() -> None:
    model = network(f"[first] c = Conv {SAME} (x, w, b) y = Conv (c, v, b)")
    assert read_by(model, placed(model, Exclusion(nodes=("first",)))) == {"c": ["Conv"]}


def test_the_operator_set_is_not_raised_and_the_model_computes_the_same() -> None:
    model = network(f"c = Conv {SAME} (x, w, b) r = Relu (c) d = Conv {SAME} (r, w, b) s = Add (d, r) y = Relu (s)")
    batch = {"x": random(2, C, 8, 8, seed=7)}
    proto = int8(model)
    assert {entry.version for entry in proto.opset_import if entry.domain == ""} == {13}
    # Two roundings to 7 bits and a sign, each some 30 dB below what fills their range.
    assert sqnr_db(results(model, batch), as_written(proto, batch)) > 25

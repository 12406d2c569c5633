"""Scales read back out of Q/DQ models, by whomever they were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quantkit.core.arrays import Array
from quantkit.core.errors import ModelError
from quantkit.graph.model import from_proto, load
from quantkit.graph.qdq_scales import activation_scales
from tests.onnx_models import random, saved, written

GRAPH = """g (float[1, 3, 4, 4] x) => (float[1, 2, 4, 4] y) {
    xq = QuantizeLinear(x, xs, zero)
    xd = DequantizeLinear(xq, xs, zero)
    wq = QuantizeLinear <axis = 0> (w, ws, wz)
    wd = DequantizeLinear <axis = 0> (wq, ws, wz)
    y_unquantized = Conv (xd, wd)
    yq = QuantizeLinear(y_unquantized, ys, zero)
    y = DequantizeLinear(yq, ys, zero) }"""


def scalar(value: float) -> Array:
    return np.array(value, np.float32)


def weights(**others: Array) -> dict[str, Array]:
    plain = {
        "w": random(2, 3, 1, 1),
        "ws": np.array([0.1, 0.2], np.float32),
        "wz": np.zeros(2, np.int8),
        "xs": scalar(0.02),
        "ys": np.array([0.5], np.float32),
        "zero": np.array(0, np.int8),
    }
    return plain | others


def test_activations_go_by_their_names_in_the_float_model() -> None:
    found = activation_scales(from_proto(written(GRAPH, **weights())))
    assert found == {"x": np.float32(0.02), "y": np.float32(0.5)}
    assert list(found) == ["x", "y"]


def test_scales_in_constant_nodes_and_weights_behind_constant_nodes_are_understood() -> None:
    graph = GRAPH.replace(
        "xq = ", "xs = Constant <value_float = 0.25> ()\n zero = Constant <value = int8 {0}> ()\n xq = "
    )
    graph = graph.replace("wq = QuantizeLinear <axis = 0> (w,", "wt = Neg(w)\n wq = QuantizeLinear <axis = 0> (wt,")
    kept = {name: value for name, value in weights().items() if name not in ("xs", "zero")}
    assert activation_scales(from_proto(written(graph, **kept)))["x"] == np.float32(0.25)


def test_scales_outside_the_model_are_read(tmp_path: Path) -> None:
    path = saved(written(GRAPH, **weights()), tmp_path, outside="w.bin")
    assert activation_scales(load(path))["x"] == np.float32(0.02)


def test_a_tensor_quantized_for_each_reader_alike_has_one_scale() -> None:
    twice = GRAPH.replace(
        "wq = ", "xq2 = QuantizeLinear(x, xs2, zero)\n xd2 = DequantizeLinear(xq2, xs2, zero)\n wq = ", 1
    )
    assert activation_scales(from_proto(written(twice, **weights(xs2=scalar(0.02)))))["x"] == np.float32(0.02)
    with pytest.raises(ModelError) as refusal:
        activation_scales(from_proto(written(twice, **weights(xs2=scalar(0.03)))))
    assert refusal.value.cause == "'x': it has the scales 0.02 and 0.03"


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"zero": np.array(3, np.int8)}, "'x': it has the zero point 3; 'y': it has the zero point 3"),
        ({"zero": np.array(0, np.uint8)}, "'x': its codes are uint8, not int8"),
        ({"xs": np.array([1, 2, 3], np.float32)}, "'x': it has 3 scales, one for each channel"),
        ({"xs": scalar(0)}, "'x': it has the scale 0: nothing but 0"),
        ({"xs": scalar(-1)}, "'x': it has the scale -1: a scale is positive"),
    ],
    ids=["zero point", "unsigned", "per channel", "zero", "negative"],
)
def test_what_no_calibration_cache_can_say_is_explained(change: dict[str, Array], cause: str) -> None:
    with pytest.raises(ModelError, match="of 2 quantized activations do not fit TensorRT's codes") as refusal:
        activation_scales(from_proto(written(GRAPH, **weights(**change))))
    assert cause in str(refusal.value.cause)
    assert refusal.value.code == "QK3091"
    assert refusal.value.hints == ("quantize the float model again with --target tensorrt",)


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ("QuantizeLinear(x, xs, zero)", "QuantizeLinear(x, xs)", "'x': its codes are uint8, as always without"),
        ("xq = ", "xs = Abs(s)\n xq = ", "'x': its scale is computed while the model runs"),
        ("xq = ", "zero = Abs(z)\n xq = ", "'x': its zero point is computed while the model runs"),
    ],
    ids=["no zero point", "scale", "zero point"],
)
def test_what_is_computed_or_left_out_is_explained(old: str, new: str, cause: str) -> None:
    graph = GRAPH.replace(old, new, 1).replace("x) =>", "x, float s, int8 z) =>")
    made = {"xs"} if "xs = " in new else {"zero"} if "zero = " in new else set()
    with pytest.raises(ModelError) as refusal:
        activation_scales(from_proto(written(graph, **{n: w for n, w in weights().items() if n not in made})))
    assert cause in str(refusal.value.cause)


def test_many_reasons_are_counted() -> None:
    pairs = "\n".join(f"q{i} = QuantizeLinear(x{i}, s, z)\n x{i + 1} = DequantizeLinear(q{i}, s, z)" for i in range(5))
    graph = f"g (float[2] x0) => (float[2] x5) {{ {pairs} }}"
    with pytest.raises(ModelError, match="5 of 5 quantized") as refusal:
        activation_scales(from_proto(written(graph, s=scalar(1), z=np.array(9, np.int8))))
    assert str(refusal.value.cause).endswith("; and 2 more")


def test_a_float_model_has_none() -> None:
    with pytest.raises(ModelError, match="no activation of the model is quantized"):
        activation_scales(from_proto(written("g (float[2] x) => (float[2] y) { y = Relu(x) }")))

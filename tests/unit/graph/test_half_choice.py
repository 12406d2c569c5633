"""What computes in float16, and what had better not."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto
from onnx.shape_inference import infer_shapes

from quantkit.core.arrays import Array
from quantkit.graph.editing.wiring import Wiring
from quantkit.graph.half_choice import half_choice
from tests.onnx_models import random, written

WEIGHTS = {"w": random(4, 4, seed=1), "b": random(4, seed=2)}
SCALING: dict[str, Array] = {"s": np.array(0.1, np.float32), "z": np.array(0, np.int8)}


def kept(body: str, opset: int = 17, inputs: str = "float[N, 4] x", /, **weights: Array) -> dict[str, str]:
    """Node output → why it stays in float32."""
    return chosen(written(f"g ({inputs}) => (y) {{ {body} }}", opset, **{**WEIGHTS, **weights}), opset)


def chosen(proto: ModelProto, opset: int = 17) -> dict[str, str]:
    wiring = Wiring(infer_shapes(proto, strict_mode=True).graph)
    choice = half_choice(wiring, opset)
    floats = {at for at in range(len(wiring.nodes)) if at in choice.half or at in choice.kept}
    assert floats == choice.half.keys() | choice.kept.keys()
    assert not choice.half.keys() & choice.kept.keys()
    return {wiring.title(at): reason for at, reason in choice.kept.items()}


@pytest.mark.parametrize(
    "body",
    [
        "c = MatMul (x, w) y = Relu (c)",
        "y = Gemm (x, w, b)",
        "c = Relu (x) a = Add (c, b) y = Tanh (a)",
        "y = Transpose (x)",
        "y = Dropout (x)",
        "y = PRelu (x, b)",
    ],
)
def test_products_activations_and_moves_are_half(body: str) -> None:
    assert not kept(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("y = Softmax (x)", "leaves the range"),
        ("y = Exp (x)", "leaves the range"),
        ("y = Pow (x, b)", "leaves the range"),
        ("y = ReduceMean <axes = [1]> (x)", "adds up many values"),
        ("y = LayerNormalization (x, b)", "divides by what may be very small"),
        ("y = CumSum (x, one)", "adds up many values"),
        ("y = Cast <to = 1> (x)", "says itself which type"),
    ],
)
def test_what_needs_range_or_precision_stays(body: str, reason: str) -> None:
    assert reason in kept(body, one=np.array(1))["y"]


def test_arithmetic_between_delicate_steps_stays_with_them() -> None:
    found = kept(
        """r = Relu (x) m = ReduceMean <axes = [1]> (r) d = Sub (r, m) q = Pow (d, two) v = ReduceMean <axes = [1]> (q)
           e = Add (v, eps) s = Sqrt (e) n = Div (d, s) g = Mul (n, b) y = Gemm (g, w)""",
        two=np.array(2, np.float32),
        eps=np.array(1e-12, np.float32),
    )
    # What reads data as well is half, so that the tensors of full size are.
    assert set(found) == {"m", "q", "v", "e", "s"}
    assert found["e"] == "all that it reads is float32"


@pytest.mark.parametrize(
    ("constant", "operator"),
    [
        pytest.param(np.array(-3.4e38, np.float32), "Add", id="a mask's minus infinity"),
        pytest.param(np.array(1e-12, np.float32), "Add", id="an epsilon"),
        pytest.param(np.array([1, 1, 1, 1e-8], np.float32), "Div", id="one small divisor"),
    ],
)
def test_constants_that_float16_cannot_hold_keep_their_node(constant: Array, operator: str) -> None:
    assert kept(f"r = Relu (x) y = {operator} (r, c)", c=constant) == {"y": "float16 cannot hold its constant c"}


def test_a_small_weight_among_larger_ones_does_not_matter() -> None:
    weight = random(4, 4)
    weight[1, 1] = 1e-9
    assert not kept("y = MatMul (x, v)", v=weight)


def test_arithmetic_on_what_is_fed_is_done_before_it_is_rounded() -> None:
    assert kept("s = Sub (x, b) y = MatMul (s, w)") == {"s": "all that it reads is float32"}


def test_infinity_is_infinity() -> None:
    assert not kept("r = Relu (x) y = Max (r, c)", c=np.array(-np.inf, np.float32))


def test_sizes_that_become_floats_are_no_data() -> None:
    found = kept(
        """s = Shape (x) f = Cast <to = 1> (s) h = Mul (f, half) r = Floor (h) y = Cast <to = 7> (r)""",
        half=np.array(0.5, np.float32),
    )
    assert set(found) == {"f", "h", "r", "y"}
    assert found["h"] == "the floats that it computes with are no data"


def test_a_mask_made_of_integers_is_added_in_float32() -> None:
    found = kept(
        """f = Cast <to = 1> (ids) m = Mul (f, low) s = MatMul (x, w) a = Add (s, m) y = Softmax (a)""",
        17,
        "float[N, 4] x, int64[N, 4] ids",
        low=np.array(-1e4, np.float32),
    )
    assert set(found) == {"f", "m", "a", "y"}
    assert found["a"] == "it reads floats that are no data"


def test_an_embedding_is_data_although_only_integers_come_in() -> None:
    assert not kept("e = Gather (w, ids) y = MatMul (e, w)", 17, "int64[N] ids")


def test_a_constant_that_is_moved_is_data_if_float16_holds_it() -> None:
    shape = np.array([1, 4])
    assert not kept("c = Relu (x) r = Reshape (b, shape) y = Add (c, r)", shape=shape)
    found = kept("r = Reshape (low, shape) y = Add (x, r)", shape=shape, low=np.full(4, -1e9, np.float32))
    assert set(found) == {"r", "y"}


def test_graphs_inside_and_unknown_operators_stay() -> None:
    branches = (
        "then_branch = t () => (float[N, 4] p) { p = Relu (x) }, else_branch = e () => (float[N, 4] q) { q = Neg (x) }"
    )
    assert "If takes no float16" in kept(f"y = If (c) <{branches}>", 17, "bool c, float[N, 4] x")["y"]
    acme = written("g (float[N, 4] x) => (float[N, 4] y) { y = com.acme.Own (x) }", 17)
    assert set(half_choice(Wiring(acme.graph), 17).kept) == {0}


def test_pairs_take_float16_from_operator_set_19_on() -> None:
    body = "c = Relu (x) q = QuantizeLinear (c, s, z) d = DequantizeLinear (q, s, z) y = MatMul (d, w)"
    assert set(kept(body, 13, **SCALING)) == {"q", "d"}
    assert not kept(body, 19, **SCALING)


def test_pairs_before_anything_is_half_quantize_float32() -> None:
    body = "q = QuantizeLinear (x, s, z) d = DequantizeLinear (q, s, z) y = MatMul (d, w)"
    assert kept(body, 19, **SCALING) == {"q": "it quantizes float32"}


def test_pairs_before_what_stays_do_too() -> None:
    body = "c = Relu (x) q = QuantizeLinear (c, s, z) d = DequantizeLinear (q, s, z) y = Softmax (d)"
    assert kept(body, 19, **SCALING)["d"] == "only what stays in float32 reads it"


def test_a_scale_below_normal_numbers_stays() -> None:
    body = "c = Relu (x) q = QuantizeLinear (c, s, z) d = DequantizeLinear (q, s, z) y = MatMul (d, w)"
    found = kept(body, 19, s=np.array(1e-7, np.float32), z=np.array(0, np.int8))
    assert set(found.values()) == {"float16 cannot hold its constant s"}

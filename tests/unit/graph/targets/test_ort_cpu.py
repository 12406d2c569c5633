"""What is placed for ONNX Runtime's CPU provider really runs in integers there, and the rest stays in floats."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from quantkit.core.scheme import INT8, UINT8
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model
from quantkit.graph.placement import Form, Placement, place
from tests.onnx_models import operators, random, results, written
from tests.quantization import kernels, quantized, ready, sqnr_db

C = 8
WEIGHTS = {
    "w": random(C, C, 3, 3, seed=1) / 4,
    "v": random(C, C, 1, 1, seed=2) / 2,
    "d": random(C, 1, 3, 3, seed=3),
    "b": random(C, seed=4),
    "m": random(C, C, seed=5),
    "slope": random(C, 1, 1, seed=6),
}
SAME = "<pads = [1, 1, 1, 1]>"
IMAGES = "float[N, 8, 8, 8]"


def network(body: str, *, given: str = IMAGES, made: str = IMAGES, opset: int = 13, more: str = "") -> Model:
    """A model with input x and output y."""
    return ready(written(f"g ({given} x) => ({made} y) <{more}> {{ {body} }}", opset, **WEIGHTS))


def placed(model: Model, exclude: Exclusion | None = None) -> Placement:
    return place(model, "ort-cpu", exclude)


def executed(model: Model, *shape: int) -> Counter[str]:
    """What ONNX Runtime executes, without changes of layout; and a check that it still computes the same."""
    batch = {"x": random(*(shape or (2, C, 8, 8)), seed=7)}
    int8 = quantized(model, [batch])
    # Every rounding to 8 bits leaves some 35 dB of a signal that fills its range, and these models have few of them.
    assert sqnr_db(results(model, batch), results(int8, batch)) > 22
    return kernels(int8) - Counter({"Transpose": 99})


def reasons(placement: Placement) -> dict[str, str]:
    return {node.operator: node.reason for node in placement.left_out}


FIRST = f"c = Conv {SAME} (x, w, b)"
LAST = "y = Conv (e, v, b)"
POOL = "kernel_shape = [3, 3], pads = [1, 1, 1, 1]"
NUMBERS = (
    "float low = {0}, float high = {3}, float minus = {-1}, float two = {2}, "
    "int64[8] pads = {0, 0, 1, 1, 0, 0, 1, 1}, float[4] sizes = {1, 1, 2, 2}, int64[3] parts = {2, 4, 2}"
)

# What stands in a model, and what is executed for it besides Q and DQ at its ends.
ALL_INTEGER = {
    "a lone convolution": (f"y = Conv {SAME} (x, w, b)", {"QLinearConv": 1}),
    "a convolution without bias": (f"y = Conv {SAME} (x, w)", {"QLinearConv": 1}),
    "a depthwise convolution": ("y = Conv <pads = [1, 1, 1, 1], group = 8> (x, d, b)", {"QLinearConv": 1}),
    "Relu": (f"{FIRST} y = Relu (c)", {"QLinearConv": 1}),
    "Clip": (f"{FIRST} y = Clip (c, low, high)", {"QLinearConv": 1}),
    "Clip around zero": (f"{FIRST} y = Clip (c, minus, high)", {"QLinearConv": 1}),
    "Relu and Clip": (f"{FIRST} r = Relu (c) e = Conv (r, v, b) y = Clip (e, low, high)", {"QLinearConv": 2}),
    "a residual sum": (
        f"{FIRST} e = Conv (c, v, b) s = Add (c, e) y = Relu (s)",
        {"QLinearConv": 2, "QLinearAdd": 1},
    ),
    "a sum with the input": (f"{FIRST} y = Add (c, x)", {"QLinearConv": 1, "QLinearAdd": 1}),
    "a sum with a constant": (f"{FIRST} e = Add (c, slope) {LAST}", {"QLinearConv": 2, "QLinearAdd": 1}),
    "LeakyRelu": (f"{FIRST} e = LeakyRelu (c) {LAST}", {"QLinearConv": 2, "QLinearLeakyRelu": 1}),
    "SiLU": (
        f"{FIRST} s = Sigmoid (c) e = Mul (c, s) {LAST}",
        {"QLinearConv": 2, "QLinearSigmoid": 1, "QLinearMul": 1},
    ),
    "pooling": (
        f"{FIRST} p = MaxPool <{POOL}> (c) e = AveragePool <{POOL}> (p) {LAST}",
        {"QLinearConv": 2, "NhwcMaxPool": 1, "QLinearAveragePool": 1},
    ),
    "padding": (f"{FIRST} e = Pad (c, pads) {LAST}", {"QLinearConv": 2, "Pad": 1}),
    "padding by reflection": (f'{FIRST} e = Pad <mode = "reflect"> (c, pads) {LAST}', {"QLinearConv": 2, "Pad": 1}),
    "splitting": (
        f"{FIRST} s, t, unused = Split <axis = 1> (c, parts) e = Concat <axis = 1> (t, s, s) {LAST}",
        {"QLinearConv": 2, "Split": 1, "QLinearConcat": 1},
    ),
    "scaling by a number": (f"{FIRST} s = Mul (c, two) e = Div (s, high) {LAST}", {"QLinearConv": 2}),
    "scaling from the left": (f"{FIRST} e = Mul (two, c) {LAST}", {"QLinearConv": 2}),
    "scaling at the end": (f"{FIRST} y = Mul (c, two)", {"QLinearConv": 1}),
    "scaling, then moving": (
        f"{FIRST} s = Mul (c, two) e = Transpose <perm = [0, 1, 3, 2]> (s) {LAST}",
        {"QLinearConv": 2},
    ),
    "upsampling": (
        f'{FIRST} e = Resize <mode = "nearest"> (c, , sizes) {LAST}',
        {"QLinearConv": 2, "Resize": 1},
    ),
}


@pytest.mark.parametrize("case", ALL_INTEGER)
def test_between_convolutions_everything_runs_in_integers(case: str) -> None:
    body, wanted = ALL_INTEGER[case]
    model = network(body, more=NUMBERS, made="float[N, 8, H, W]")
    assert executed(model) == Counter({**wanted, "QuantizeLinear": 1, "DequantizeLinear": 1})
    assert not placed(model).left_out


JOINED = (
    "c = Conv (x, v, b) e = {first} f = Conv (c, v, b) {second} j = Concat <axis = 2> (e, {last}) y = Conv (j, v, b)"
)


@pytest.mark.parametrize(
    ("first", "second", "last", "shared"),
    [
        pytest.param("Conv (c, v)", "", "f", [("e", "f", "j")], id="equals"),
        pytest.param("Conv (c, v)", "r = Relu (f)", "r", [("e", "j")], id="not what is clamped otherwise"),
        pytest.param("Conv (c, v)", "", "c", [("e", "j")], id="not what others read too"),
        pytest.param("MaxPool <kernel_shape = [1, 1]> (c)", "", "f", [("f", "j")], id="not what follows another"),
    ],
)
def test_what_only_a_concat_reads_shares_its_scale(
    first: str, second: str, last: str, shared: list[tuple[str, ...]]
) -> None:
    model = network(JOINED.format(first=first, second=second, last=last), made="float[N, 8, H, W]")
    found = [tuple(sorted(group)) for group in placed(model).shared]
    assert found == shared
    assert executed(model)["QLinearConcat"] == 1


TOKENS = "float[N, 5, 8]"


def test_a_product_hands_out_floats_to_floats() -> None:
    model = network("p = MatMul (x, m) s = Softmax (p) y = MatMul (s, m)", given=TOKENS, made=TOKENS)
    assert executed(model, 2, 5, C)["MatMulIntegerToFloat"] == 2
    assert "p" not in placed(model).tensors


def test_a_product_hands_on_codes_to_the_next_product() -> None:
    model = network("p = MatMul (x, m) r = Relu (p) y = MatMul (r, m)", given=TOKENS, made=TOKENS)
    assert executed(model, 2, 5, C)["QLinearMatMul"] == 1


@pytest.mark.parametrize("given", ["float[2, 5, 8]", "float[N, 5, 8]", "float[2, 8]"], ids=["static", "free", "matrix"])
def test_the_bias_of_a_product_is_a_sum_that_is_not_fused_into_a_float_gemm(given: str) -> None:
    model = network("p = MatMul (x, m) y = Add (p, b)", given=given, made=given)
    shape = (2, C) if "5" not in given else (2, 5, C)
    assert set(placed(model).forms.values()) == {Form.SUM}
    found = executed(model, *shape)
    assert (found["MatMulIntegerToFloat"], found["Sum"], found["Gemm"]) == (1, 1, 0)


def test_the_sum_before_a_layer_normalization_is_not_fused_with_it() -> None:
    model = network(
        "p = MatMul (x, m) s = Add (p, x) n = LayerNormalization (s, b, b) y = MatMul (n, m)",
        given="float[2, 5, 8]",
        made="float[2, 5, 8]",
        opset=17,
    )
    found = executed(model, 2, 5, C)
    assert (found["SkipLayerNormalization"], found["LayerNormalization"], found["Sum"]) == (0, 1, 1)


@pytest.mark.parametrize("trans", [0, 1])
def test_a_gemm_runs_in_integers_and_hands_out_floats(trans: int) -> None:
    model = network(f"y = Gemm <transB = {trans}> (x, m, b)", given="float[N, 8]", made="float[N, 8]")
    assert executed(model, 3, C) == Counter({"QuantizeLinear": 1, "QGemm": 1})
    (weight,) = placed(model).constants
    assert weight.scheme == INT8.per_channel(1 - trans)


def test_a_sum_between_operators_in_floats_stays_in_floats() -> None:
    model = network("p = MatMul (x, m) t = Tanh (p) u = Exp (x) y = Add (t, u)", given=TOKENS, made=TOKENS)
    assert "Add" in reasons(placed(model))
    assert "converting would cost more" in reasons(placed(model))["Add"]


def test_a_small_float_factor_joins_a_large_product_of_codes() -> None:
    # Squeeze and excitation: what is squeezed is too small to matter, what is multiplied is not.
    model = network(f"{FIRST} g = GlobalAveragePool (c) f = Conv (g, v, b) t = Tanh (f) e = Mul (c, t) {LAST}")
    found = executed(model)
    assert (found["QLinearMul"], found["Mul"], found["QLinearGlobalAveragePool"]) == (1, 0, 1)


def test_products_of_two_activations_run_in_integers_only_on_codes() -> None:
    model = network(
        "p = MatMul (x, m) t = Transpose <perm = [0, 2, 1]> (p) y = MatMul (x, t)", given=TOKENS, made="float[N, 5, 5]"
    )
    assert reasons(placed(model))["MatMul"].startswith("both operands are computed in FP32")
    spatial = network(f"c = Conv {SAME} (x, w, b) k = Conv (c, v, b) p = MatMul (c, k) y = Conv (p, v, b)")
    assert executed(spatial)["QLinearMatMul"] == 1


@pytest.mark.parametrize(
    ("body", "operator", "reason"),
    [
        pytest.param("y = ConvTranspose (x, v, b)", "ConvTranspose", "no integer kernel", id="ConvTranspose"),
        pytest.param("k = Neg (v) y = Conv (x, k, b)", "Conv", "computed at run time", id="weights from constants"),
        pytest.param("y = MatMul (m, x)", "MatMul", "constant operand comes first", id="weights on the left"),
        pytest.param(
            "z = ReduceMean <axes = [0, 2, 3], keepdims = 0> (x) y = Conv (x, v, z)",
            "Conv",
            "bias is computed",
            id="bias",
        ),
        pytest.param("c = Conv (x, v, b) y = Tanh (c)", "Tanh", "no integer kernel", id="Tanh"),
    ],
)
def test_what_has_no_integer_kernel_is_left_out_with_the_reason(body: str, operator: str, reason: str) -> None:
    assert reason in reasons(placed(network(body)))[operator]


def test_a_gemm_with_alpha_is_left_out() -> None:
    model = network("y = Gemm <alpha = 0.5> (x, m, b)", given="float[N, 8]", made="float[N, 8]")
    assert "no alpha" in reasons(placed(model))["Gemm"]


def test_recurrent_nodes_and_what_subgraphs_hold_stay_as_they_are() -> None:
    model = network(
        """c = Conv (x, v, b)
        k = ReduceMax <keepdims = 0> (c)
        t = Cast <to = 9> (k)
        y = If (t) <
            then_branch = a () => (float[N, 8, 8, 8] r) { r = Conv (c, v, b) },
            else_branch = o () => (float[N, 8, 8, 8] s) { s = Identity (c) }
        >"""
    )
    assert executed(model)["If"] == 1
    assert "subgraph" in reasons(placed(model))["If"]


def test_a_clip_with_bounds_that_are_not_known_stays() -> None:
    model = network(f"c = Conv {SAME} (x, w, b) h = ReduceMax <keepdims = 0> (x) y = Clip (c, , h)")
    assert reasons(placed(model))["Clip"].startswith("no integer kernel is right before it")
    assert executed(model)["Clip"] == 1


@pytest.mark.parametrize(
    ("body", "more"),
    [
        pytest.param("s = Mul (c, minus)", "", id="a negative number"),
        pytest.param("s = Mul (c, slope)", "", id="a number for each channel"),
        pytest.param("s = Div (two, c)", "", id="a number divided"),
        pytest.param("s = Mul (c, big)", "float[1, 1, 1, 1, 1] big = {2}", id="a number of higher rank"),
    ],
)
def test_only_scaling_by_a_positive_number_costs_nothing(body: str, more: str) -> None:
    model = network(
        f"c = Conv {SAME} (x, w, b) {body} y = Relu (s)",
        more=f"{NUMBERS}, {more}".rstrip(", "),
        made="float[A, B, C, D]",
    )
    assert Form.RESCALED not in placed(model).forms.values()


def test_an_excluded_node_keeps_its_operator_and_the_exclusion_is_the_reason() -> None:
    model = network(f"[first] c = Conv {SAME} (x, w, b) [second] y = Conv (c, v, b)")
    placement = placed(model, Exclusion(nodes=("first",)))
    assert reasons(placement) == {"Conv": "excluded by name 'first'"}
    assert placement.nodes == ("second",)
    assert [pair.tensor for pair in placement.activations] == ["c", "y"]


@pytest.mark.parametrize("moved", ["", "u = Unsqueeze (p, zero) s = Squeeze (u, zero)"], ids=["at once", "moved"])
def test_a_pooling_in_floats_is_not_moved_behind_the_pair(moved: str) -> None:
    read = "s" if moved else "p"
    model = network(
        f"[first] {FIRST} r = Relu (c) [pool] p = MaxPool <{POOL}> (r) {moved} y = Conv ({read}, v, b)",
        more="int64[1] zero = {0}",
    )
    exclude = Exclusion(nodes=("first",))
    assert Form.GUARDED in placed(model, exclude).forms.values()
    assert Form.GUARDED in placed(model, Exclusion(nodes=("pool",))).forms.values()
    int8 = quantized(model, [{"x": random(2, C, 8, 8)}], exclude=exclude)
    assert operators(int8.graph)[operators(int8.graph).index("MaxPool") + 1] == "Sum"


@pytest.mark.parametrize(
    ("body", "excluded"),
    [
        ("[mid] e = Conv (f, v, b)", ("mid",)),
        ("[mid] h = Conv (f, v, b) k = Relu (h) e = Clip (k, low, high)", ("mid",)),
        ("[mid] h = Conv (f, v, b) u = Unsqueeze (h, none) e = Squeeze (u, none)", ("mid",)),
        (f"[pool] p = MaxPool <{POOL}> (f) [mid] e = Conv (p, v, b)", ("pool", "mid")),
        ("[mid] e = ConvTranspose (f, v, b)", ()),
    ],
    ids=["alone", "with clamps", "moved behind it", "moved before it", "without an integer kernel"],
)
def test_a_product_left_in_floats_between_codes_keeps_its_float_weights(body: str, excluded: tuple[str, ...]) -> None:
    model = network(
        f"{FIRST} f = Relu (c) {body} y = Conv {SAME} (e, w, b)",
        more="int64[1] none = {0}, float low = {0}, float high = {3}",
    )
    found = kernels(quantized(model, [{"x": random(2, C, 8, 8)}], exclude=Exclusion(nodes=excluded)))
    assert found["QLinearConv"] == 2
    assert found["Conv"] + found["FusedConv"] + found["ConvTranspose"] == 1


def test_an_excluded_clamp_is_not_fused_away() -> None:
    model = network(f"c = Conv {SAME} (x, w, b) [act] y = Relu (c)")
    placement = placed(model, Exclusion(nodes=("act",)))
    assert [pair.tensor for pair in placement.activations] == ["x", "c"]


def test_whoever_wants_floats_of_a_convolution_reads_them_behind_the_pair() -> None:
    model = network(f"c = Conv {SAME} (x, w, b) t = Tanh (c) e = Conv (c, v, b) y = Add (t, e)")
    (pair,) = (pair for pair in placed(model).activations if pair.tensor == "c")
    assert len(pair.readers) == 2
    assert executed(model)["QLinearConv"] == 2


def test_whoever_wants_floats_that_were_floats_reads_them_as_they_were() -> None:
    model = network("t = Tanh (x) p = MatMul (t, m) y = Add (p, t)", given=TOKENS, made=TOKENS)
    (pair,) = (pair for pair in placed(model).activations if pair.tensor == "t")
    assert len(pair.readers) == 1


def test_moved_tensors_need_no_range_of_their_own() -> None:
    model = network(
        f"c = Conv {SAME} (x, w, b) p = MaxPool <kernel_shape = [2, 2]> (c) t = Transpose (p) y = Relu (t)",
        made="float[A, B, C, D]",
    )
    placement = placed(model)
    assert placement.tensors == ("x", "c")
    assert placement.source("t").tensor == "c"


def test_codes_of_activations_are_unsigned_and_of_weights_signed_per_channel() -> None:
    placement = placed(network(f"c = Conv {SAME} (x, w, b) y = Relu (c)"))
    assert {pair.scheme for pair in placement.activations} == {UINT8}
    assert [pair.scheme for pair in placement.constants] == [INT8.per_channel(0)]


def test_a_shared_weight_is_stored_once_and_knows_all_it_is_multiplied_with() -> None:
    (weight,) = placed(network("c = Conv (x, v, b) y = Conv (c, v, b)")).constants
    assert weight.multiplies == ("x", "c")


def test_a_model_without_products_is_left_alone() -> None:
    placement = placed(network("t = Relu (x) y = Add (t, x)"))
    assert (placement.nodes, placement.activations, placement.tensors) == ((), (), ())
    assert repr(placement).startswith("Placement(ort-cpu: 0 nodes in integers, 2 left out")


def test_matrix_weights_with_a_batch_axis_have_one_scale() -> None:
    model = ready(
        written("g (float[3, 5, 8] x) => (float[3, 5, 8] y) { y = MatMul (x, stack) }", stack=random(3, C, C))
    )
    (weight,) = placed(model).constants
    assert weight.scheme == INT8
    assert executed(model, 3, 5, C)["MatMulIntegerToFloat"] == 1
    assert np.isfinite(results(model, {"x": random(3, 5, C)})["y"]).all()

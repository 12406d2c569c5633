"""Which layers go first."""

from __future__ import annotations

import pytest

from quantkit.graph.quantized_layers import LayeredPlacement
from quantkit.pipeline.leaving_out import most_points, order_to_leave_out, steps
from tests.onnx_models import random, written
from tests.quantization import ready

CHAIN = ready(
    written(
        "g (float[n, 4, 8, 8] x) => (float[n, 4, 8, 8] y) {"
        " [a] c = Conv(x, s) [b] d = Conv(c, t) [c] e = Conv(d, u) [d] y = Conv(e, v) }",
        **{name: random(4, 4, 1, 1, seed=seed) for seed, name in enumerate("stuv")},
    )
)
WEIGHTS = {"a": "s", "b": "t", "c": "u", "d": "v"}
RANGES = ("x", "c", "d", "e", "y")


@pytest.mark.parametrize("worst", "abcd")
def test_the_layer_with_the_noisiest_weights_goes_first(worst: str) -> None:
    alone = {tensor: 1e-4 for tensor in (*WEIGHTS.values(), *RANGES)} | {WEIGHTS[worst]: 1e-2}
    assert order_to_leave_out(LayeredPlacement(CHAIN, "ort-cpu"), alone, RANGES)[0] == worst


def test_noise_between_two_layers_goes_with_both_of_them() -> None:
    # For TensorRT a tensor is quantized for its reader's sake alone.
    alone = {"d": 1e-2, "s": 1e-3}
    assert order_to_leave_out(LayeredPlacement(CHAIN, "tensorrt"), alone, RANGES) == ("c", "a")


def test_what_gives_nothing_back_is_not_left_out() -> None:
    assert order_to_leave_out(LayeredPlacement(CHAIN, "ort-cpu"), {"t": 1e-3}, RANGES) == ("b",)
    assert order_to_leave_out(LayeredPlacement(CHAIN, "ort-cpu"), {}, RANGES) == ()


def test_at_most_half_of_the_layers_go() -> None:
    alone = dict.fromkeys(WEIGHTS.values(), 1e-3)
    assert len(order_to_leave_out(LayeredPlacement(CHAIN, "ort-cpu"), alone, RANGES)) == 2


def test_what_would_need_a_range_that_nobody_knows_stays() -> None:
    pooled = ready(
        written(
            "g (float[n, 4, 8, 8] x) => (float[n, 4, 4, 4] y) {"
            " [a] c = Conv(x, s) p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(c) [b] y = Conv(p, t) }",
            s=random(4, 4, 1, 1),
            t=random(4, 4, 1, 1, seed=1),
        )
    )
    placed, alone = LayeredPlacement(pooled, "ort-cpu"), {"s": 1e-2, "t": 1e-3}
    assert order_to_leave_out(placed, alone, ("x", "c", "p", "y")) == ("a",)
    assert order_to_leave_out(placed, alone, ("x", "c", "y")) == ("b",)


def test_steps_double() -> None:
    assert [len(nodes) for nodes in steps("abcdefghi")] == [0, 1, 2, 4, 8]
    assert steps("") == [()]


def test_there_are_no_more_networks_than_half_of_the_layers_make() -> None:
    assert [most_points(layers) for layers in (1, 2, 4, 9, 32, 1000)] == [1, 2, 3, 4, 6, 6]

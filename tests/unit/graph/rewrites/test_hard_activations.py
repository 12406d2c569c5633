"""HardSigmoid and HardSwish run in integers and stay the functions they are."""

from __future__ import annotations

import pytest

from tests.onnx_models import operators, random, results, written
from tests.quantization import kernels, quantized, ready, sqnr_db

WEIGHTS = {"w": random(8, 8, 1, 1, seed=1), "b": random(8, seed=2)}


@pytest.mark.parametrize(
    ("activation", "opset"),
    [
        pytest.param("HardSwish", 14, id="HardSwish"),
        pytest.param("HardSigmoid", 14, id="HardSigmoid by default"),
        pytest.param("HardSigmoid <alpha = 0.1666666, beta = 0.5>", 14, id="HardSigmoid of MobileNetV3"),
    ],
)
def test_they_run_in_integers_between_convolutions(activation: str, opset: int) -> None:
    graph = f"""g (float[N, 8, 6, 6] x) => (float[N, 8, 6, 6] z) {{
        c = Conv (x, w, b)
        y = {activation} (c)
        z = Conv (y, w, b)
    }}"""
    fp32 = ready(written(graph, opset, **WEIGHTS))
    batch = {"x": random(4, 8, 6, 6, seed=3)}
    int8 = quantized(fp32, [batch])
    executed = kernels(int8)
    assert executed["QLinearConv"] == 2
    assert executed["QLinearAdd"] == 1
    assert not {"HardSwish", "HardSigmoid", "Mul", "Add"} & executed.keys()
    assert executed["DequantizeLinear"] == 1
    # Up to five roundings to 8 bits, the coarsest over the range of a convolution.
    assert sqnr_db(results(fp32, batch), results(int8, batch)) > 20


def test_the_four_operators_of_an_exported_hard_swish_run_in_integers() -> None:
    graph = """g (float[N, 8, 6, 6] x) => (float[N, 8, 6, 6] z)
        <float three = {3}, float zero = {0}, float six = {6}> {
        c = Conv (x, w, b)
        s = Add (c, three)
        k = Clip (s, zero, six)
        m = Mul (c, k)
        [scaled] y = Div (m, six)
        z = Conv (y, w, b)
    }"""
    fp32 = ready(written(graph, **WEIGHTS))
    batch = {"x": random(4, 8, 6, 6, seed=3)}
    int8 = quantized(fp32, [batch])
    assert not {"Div"} & set(operators(int8.graph))
    executed = kernels(int8)
    assert (executed["QLinearAdd"], executed["QLinearMul"], executed["DequantizeLinear"]) == (1, 1, 1)
    assert sqnr_db(results(fp32, batch), results(int8, batch)) > 20


def test_between_operators_in_floats_they_stay_as_they_are() -> None:
    fp32 = ready(written("g (float[N, 8] x) => (float[N, 8] z) { y = HardSwish (x) z = Tanh (y) }", 14))
    assert operators(quantized(fp32, [{"x": random(2, 8)}]).graph) == ["HardSwish", "Tanh"]

"""A factor and a shift for each channel run in integers and keep small factors' digits."""

from __future__ import annotations

import numpy as np
import pytest

from quantkit.core.arrays import Array
from quantkit.graph.editing.wiring import Wiring
from quantkit.graph.rewrites.channelwise import channelwise
from tests.onnx_models import operators, random, results, written
from tests.quantization import kernels, quantized, ready, sqnr_db

C = 8
PRODUCT = {"w": random(C, C, 1, 1, seed=1), "v": random(C, 2 * C, 1, 1, seed=2)}
STATISTICS = {
    "scale": random(2 * C, seed=3),
    "offset": random(2 * C, seed=4),
    "mean": random(2 * C, seed=5),
    "variance": np.abs(random(2 * C, seed=6)) + np.float32(0.1),
}
# From one channel to the next a tenth: as codes of one tensor all but two would be 0.
STEEP = (10.0 ** -np.arange(C)).astype(np.float32).reshape(C, 1, 1) * np.array([1, -1] * 4, np.float32).reshape(C, 1, 1)


def test_a_normalization_behind_a_concat_runs_in_integers_with_its_relu() -> None:
    graph = """g (float[N, 8, 5, 5] x) => (float[N, 8, 5, 5] y) {
        a = Conv (x, w) j = Concat <axis = 1> (a, x) b = BatchNormalization (j, scale, offset, mean, variance)
        r = Relu (b) y = Conv (r, v) }"""
    fp32 = ready(written(graph, **PRODUCT, **STATISTICS))
    batch = {"x": random(4, C, 5, 5, seed=7)}
    int8 = quantized(fp32, [batch])
    executed = kernels(int8)
    assert (executed["QLinearConv"], executed["BatchNormalization"], executed["DequantizeLinear"]) == (3, 0, 1)
    # Three convolutions and a Concat, each rounding some 30 dB or more below what fills its range.
    assert sqnr_db(results(fp32, batch), results(int8, batch)) > 25


@pytest.mark.parametrize("product", ["Mul (a, k)", "Mul (k, a)"], ids=["right", "left"])
@pytest.mark.parametrize("shape", [(C, 1, 1), (1, C, 1, 1)], ids=["plain", "with a batch axis"])
def test_small_factors_keep_their_digits(product: str, shape: tuple[int, ...]) -> None:
    # The steepness is undone by the input, so that every channel matters.
    graph = f"g (float[N, 8, 5, 5] x) => (float[N, 8, 5, 5] y) {{ a = Conv (x, w) s = {product} y = Conv (s, w) }}"
    identity = np.eye(C, dtype=np.float32).reshape(C, C, 1, 1)
    fp32 = ready(written(graph, w=identity, k=STEEP.reshape(shape)))
    batch = {"x": random(4, C, 5, 5, seed=7)}
    int8 = quantized(fp32, [batch])
    assert "Mul" not in operators(int8.graph)
    assert kernels(int8)["QLinearConv"] == 3
    first = results(int8, batch)["y"][:, :2], results(fp32, batch)["y"][:, :2]
    assert np.abs(first[0] - first[1]).max() < 0.05 * np.abs(first[1]).max()


def mul(shape: str, constant: Array) -> Wiring:
    body = "{ r = Relu (x) y = Mul (r, k) }"
    return Wiring(ready(written(f"g (float[{shape}] x) => (float[A, B, C, D] y) {body}", k=constant)).proto.graph)


@pytest.mark.parametrize(
    ("shape", "constant"),
    [
        pytest.param("N, 8", (8,), id="no spatial axes"),
        pytest.param("N, 8, 5, 5", (5,), id="one for each column"),
        pytest.param("N, 8, 5, 5", (8, 5, 5), id="one for each value"),
        pytest.param("N, 8, 5, 5", (2, 8, 1, 1), id="one for each sample"),
        pytest.param("N, 8, 5, 5", (1, 1, 1), id="one for all"),
    ],
)
def test_other_products_are_none(shape: str, constant: tuple[int, ...]) -> None:
    wiring = mul(shape, random(*constant))
    assert channelwise(wiring, 1) is None


def test_a_normalization_by_no_number_is_none() -> None:
    graph = "g (float[N, 16, 5, 5] x) => (float[N, 16, 5, 5] y) { y = BatchNormalization (x, scale, offset, mean, v) }"
    kept = {name: values for name, values in STATISTICS.items() if name != "variance"}
    proto = ready(written(graph, v=-STATISTICS["variance"], **kept)).proto
    assert channelwise(Wiring(proto.graph), 0) is None


def test_a_product_of_two_tensors_is_none() -> None:
    graph = "g (float[N, 8, 5, 5] x) => (float[N, 8, 5, 5] y) { r = Relu (x) y = Mul (r, x) }"
    assert channelwise(Wiring(ready(written(graph)).proto.graph), 1) is None

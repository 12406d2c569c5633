"""PRelu written as other operators is the same function, in floats and on codes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantkit.core.arrays import Floats
from quantkit.core.scheme import INT7, INT8, Scheme
from quantkit.graph.rewrites.prelu import taps
from tests.onnx_models import assert_same, operators, random, results, written
from tests.quantization import as_written, kernels, quantized, ready, sqnr_db

CHANNELS = 6
SLOPES = np.array([0.25, 0.0, -3.9, 2.2, 1.0, 0.013], np.float32)


def network(shape: str, slope: Floats, rank: int) -> str:
    return f"""g (float[{shape}] x) => (float[{shape}] z) {{
        c = Conv (x, w, b)
        [act] y = PRelu (c, slope)
        z = Conv (y, w, b)
    }}"""


def model(shape: str, slope: Floats, rank: int = 4):  # type: ignore[no-untyped-def]
    weight = random(CHANNELS, CHANNELS, *[1] * (rank - 2), seed=1) / 2
    return ready(written(network(shape, slope, rank), w=weight, b=random(CHANNELS, seed=2), slope=slope))


@pytest.mark.parametrize(
    ("shape", "sizes", "spread"),
    [
        pytest.param("N, 6, 5, 7", (2, 6, 5, 7), (6, 1, 1), id="images"),
        pytest.param("N, 6, H, 7", (2, 6, 5, 7), (6, 1, 1), id="free height"),
        pytest.param("N, 6, 9", (2, 6, 9), (6, 1), id="series"),
        pytest.param("N, 6, 5, 7", (2, 6, 5, 7), (1, 6, 1, 1), id="slopes with a batch axis"),
    ],
)
def test_on_codes_it_is_a_depthwise_convolution(shape: str, sizes: tuple[int, ...], spread: tuple[int, ...]) -> None:
    fp32 = model(shape, SLOPES.reshape(spread), len(sizes))
    batch = {"x": random(*sizes, seed=3)}
    int8 = quantized(fp32, [batch])
    assert "PRelu" not in operators(int8.graph)
    assert kernels(int8)["QLinearConv"] == 3
    assert kernels(int8)["DequantizeLinear"] == 1
    # Two convolutions and the PRelu round three times to 8 bits, each 30 dB or more below a signal that fills them.
    assert sqnr_db(results(fp32, batch), results(int8, batch)) > 25


def test_fused_and_unfused_it_gives_the_same_codes() -> None:
    fp32 = model("N, 6, 5, 7", SLOPES.reshape(6, 1, 1))
    batch = {"x": random(3, 6, 5, 7, seed=3)}
    int8 = quantized(fp32, [batch])
    # Sums in integers and in floats may fall on different sides of a half-way case.
    codes_apart = np.abs(results(int8, batch)["z"] - as_written(int8, batch)["z"]).max()
    (scale,) = (value for value in int8.graph.initializer if value.name == "z_scale")
    assert codes_apart <= 1.01 * np.frombuffer(scale.raw_data, np.float32)[0]


def test_without_a_known_size_it_stays_in_floats_as_a_clip_a_product_and_a_sum() -> None:
    fp32 = model("N, 6, H, W", SLOPES.reshape(6, 1, 1))
    batch = {"x": random(2, 6, 5, 7, seed=3)}
    int8 = quantized(fp32, [batch])
    assert {"Clip", "Mul", "Add"} <= set(operators(int8.graph))
    assert "PRelu" not in operators(int8.graph)


def test_in_floats_it_is_the_same_function() -> None:
    fp32 = ready(
        written("g (float[N, 6, H, W] x) => (float[N, 6, H, W] y) { y = PRelu (x, s) }", s=SLOPES.reshape(6, 1, 1))
    )
    batch = {"x": random(2, 6, 5, 7)}
    # x + (slope − 1) · x rounds twice more than slope · x.
    assert_same(results(quantized(fp32, [batch]), batch), results(fp32, batch), 4 * 2.0**-23)


def test_one_slope_for_all_is_a_leaky_relu() -> None:
    fp32 = model("N, 6, 5, 7", np.array([0.1], np.float32))
    assert kernels(quantized(fp32, [{"x": random(2, 6, 5, 7)}]))["QLinearLeakyRelu"] == 1


@given(
    arrays(np.float32, 5, elements=st.floats(-100, 100, width=32, allow_subnormal=False)),
    st.sampled_from([INT8, INT7]),
)
def test_taps_are_one_and_nearly_slope_less_one(slope: Floats, scheme: Scheme) -> None:
    codes, scale, _, _ = taps(slope, scheme)
    values = codes * scale[:, None].astype(np.float64)
    assert np.allclose(values[:, 0], 1, rtol=1e-7)
    assert np.abs(codes.astype(int)).max() <= scheme.highest
    wanted = slope.astype(np.float64) - 1
    # Some fraction with a denominator up to n is within 1/n of any number; steep slopes leave only denominators up to
    # n / |slope − 1|.
    room = np.maximum(1.0, np.abs(wanted)) / scheme.highest
    within = np.abs(wanted) <= scheme.highest
    assert (np.abs(values[:, 1] - wanted) <= room + 1e-6)[within].all()

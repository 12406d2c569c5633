"""Weights use their codes, zeros and huge biases included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from quantkit.core.arrays import Floats
from quantkit.core.scheme import INT7, INT8, UINT8, Scheme
from quantkit.graph.codes.weights import (
    LARGEST_BIAS_CODE,
    quantized,
    quantized_bias,
    quantized_weight,
    smallest_scale,
)

weights = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=5),
    elements=st.floats(-8, 8, width=32, allow_subnormal=False),
)


@given(weights, st.sampled_from([INT8.per_channel(0), INT8.per_channel(1), INT8]))
def test_every_weight_is_within_two_codes_of_its_value(values: Floats, scheme: Scheme) -> None:
    codes, scale, zero_point, axis = quantized_weight(values, scheme)
    assert codes.dtype == np.int8
    assert codes.min(initial=0) >= -127
    assert not zero_point.any()
    shape = [1] * values.ndim
    if axis is not None:
        shape[axis] = -1
    # Rounding each on its own leaves half a code, cancelling errors moves some by one more.
    assert np.abs(codes * scale.reshape(shape) - values).max() <= 1.5 * scale.max() * (1 + 1e-5)


@given(weights)
def test_the_largest_weight_of_a_channel_gets_the_largest_code(values: Floats) -> None:
    codes, scale, _, _ = quantized_weight(values, INT8.per_channel(0))
    limit = np.abs(values.reshape(len(values), -1)).max(axis=1)
    # Below, the smallest scale that a bias can live with is larger.
    filled = limit > 1e-15
    assert np.allclose(scale[filled] * 127, limit[filled], rtol=1e-6)
    assert (np.abs(codes.reshape(len(codes), -1).astype(int)).max(axis=1)[filled] >= 126).all()


def test_a_channel_of_zeros_gets_the_largest_scale_of_the_others() -> None:
    values = np.array([[1.0, -2.0], [0.0, 0.0], [0.5, 0.25]], np.float32)
    codes, scale, _, _ = quantized_weight(values, INT8.per_channel(0))
    assert scale[1] == scale[0] == np.float32(2 / 127)
    assert not codes[1].any()


def test_a_weight_of_zeros_alone_gets_scale_one() -> None:
    assert quantized_weight(np.zeros((2, 3), np.float32), INT8.per_channel(0)).scale.tolist() == [1, 1]


def test_seven_bits_keep_half_the_codes_for_processors_that_saturate() -> None:
    codes = quantized_weight(np.eye(4, dtype=np.float32), INT7.per_channel(0)).codes
    assert codes.max() == 64


def test_one_scale_has_to_do_where_there_is_no_channel_axis() -> None:
    codes, scale, zero_point, axis = quantized_weight(np.array([[1.27, -0.5]], np.float32), INT8)
    assert (scale.shape, zero_point.shape, axis) == ((), (), None)
    assert codes.tolist() == [[127, -50]]


@given(
    arrays(np.float32, 4, elements=st.floats(-1e6, 1e6, width=32)),
    st.floats(2**-40, 2**10, width=32),
)
def test_a_bias_always_fits_under_the_scale_that_it_asks_for(bias: Floats, activation_scale: float) -> None:
    tiny = np.full((4, 1), 1e-12, np.float32)
    floor = smallest_scale(bias, np.float32(activation_scale))
    weight = quantized_weight(tiny, INT8.per_channel(0), floor=floor)
    stored = quantized_bias(bias, np.float32(activation_scale), weight.scale)
    # Scales are float32, so the largest code may be off by its precision.
    assert np.abs(stored.codes.astype(np.int64)).max() <= LARGEST_BIAS_CODE * (1 + 1e-6)


def test_a_bias_that_fits_leaves_the_scale_alone() -> None:
    values = np.array([[1.27], [2.54]], np.float32)
    floor = smallest_scale(np.array([1.0, -3.0], np.float32), np.float32(0.02))
    assert np.allclose(quantized_weight(values, INT8.per_channel(0), floor=floor).scale, [0.01, 0.02])


def test_a_huge_bias_coarsens_its_own_channel_only() -> None:
    values = np.array([[1e-9], [1.27]], np.float32)
    bias = np.array([100.0, 100.0], np.float32)
    weight = quantized_weight(values, INT8.per_channel(0), floor=smallest_scale(bias, np.float32(1e-3)))
    stored = quantized_bias(bias, np.float32(1e-3), weight.scale)
    assert weight.scale[1] == np.float32(0.01)
    assert np.allclose(stored.codes * stored.scale.astype(np.float64), bias, rtol=1e-6)


@pytest.mark.parametrize("values", [[0.0, 2.55], [-1.0, -0.5], [3.0, 3.0], [0.0, 0.0]])
def test_a_constant_that_is_no_weight_uses_all_codes_of_its_range(values: list[float]) -> None:
    exact = np.array(values, np.float32)
    codes, scale, zero_point, _ = quantized(exact, UINT8)
    assert np.abs((codes.astype(np.float32) - zero_point) * scale - exact).max() <= scale / 2

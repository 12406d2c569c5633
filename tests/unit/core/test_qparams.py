from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from quantkit.core.arrays import Floats
from quantkit.core.qparams import SMALLEST_SCALE, QParams
from quantkit.core.ranges import Range
from quantkit.core.scheme import INT7, INT8, UINT8, Scheme

schemes = st.sampled_from([INT8, UINT8, INT7])
magnitudes = st.floats(2.0**-40, 2.0**40, width=32)
values = arrays.arrays(np.float32, st.integers(1, 50), elements=st.floats(-1, 1, width=32))


@given(values, magnitudes, schemes)
@settings(deadline=None, max_examples=200)
def test_inside_the_range_no_value_moves_by_more_than_half_a_step(unit: Floats, size: float, scheme: Scheme) -> None:
    real = unit * np.float32(size)
    codes = QParams.of(Range(float(real.min()), float(real.max())), scheme)
    moved = np.abs(codes.dequantize(codes.quantize(real)).astype(np.float64) - real)
    # Half a step to the code; rounding the zero point shifts an affine grid by up to another half at its ends; and
    # float32 has 2**-24 of the value for the quotient and as much for the product.
    half = float(codes.scale) * (0.5 if scheme.symmetric else 1.0)
    assert np.all(moved <= half + np.abs(real) * 2.0**-22)


@given(magnitudes, magnitudes, schemes)
@settings(deadline=None, max_examples=200)
def test_zero_is_exact(low: float, high: float, scheme: Scheme) -> None:
    codes = QParams.of(Range(-low, high), scheme)
    assert codes.dequantize(codes.quantize(np.zeros(3, np.float32))).tolist() == [0.0] * 3


@given(values, magnitudes)
@settings(deadline=None, max_examples=200)
def test_larger_values_never_get_smaller_codes(unit: Floats, size: float) -> None:
    codes = QParams.of(Range(-0.3 * size, 0.5 * size), UINT8).quantize(np.sort(unit) * np.float32(size))
    assert np.all(np.diff(codes.astype(int)) >= 0)


def test_half_way_cases_go_to_the_even_code() -> None:
    codes = QParams.of(Range.symmetric(127.0), INT8)
    assert codes.quantize(np.array([0.5, 1.5, 2.5, -0.5, -1.5], np.float32)).tolist() == [0, 2, 2, 0, -2]


def test_values_beyond_the_range_saturate() -> None:
    codes = QParams.of(Range.symmetric(1.0), INT8)
    assert codes.quantize(np.array([2.0, -2.0, 3e38, -np.inf], np.float32)).tolist() == [127, -127, 127, -127]


def test_a_range_without_zero_is_widened_to_hold_it() -> None:
    codes = QParams.of(Range(1.0, 2.55), UINT8)
    assert int(codes.zero_point) == 0
    assert codes.quantize(np.array([2.55], np.float32)).tolist() == [255]


def test_a_tensor_that_is_always_zero_gets_scale_one() -> None:
    for scheme in (INT8, UINT8):
        codes = QParams.of(Range(0.0, 0.0), scheme)
        assert (float(codes.scale), int(codes.zero_point)) == (1.0, 0)


def test_a_range_of_denormals_gets_the_smallest_scale() -> None:
    assert float(QParams.of(Range.symmetric(1e-40), INT8).scale) == SMALLEST_SCALE


def test_the_product_of_two_smallest_scales_is_a_normal_float() -> None:
    assert np.float32(SMALLEST_SCALE) * np.float32(SMALLEST_SCALE) >= np.finfo(np.float32).tiny


@pytest.mark.parametrize("axis", [0, 1])
def test_channels_are_quantized_along_their_axis(axis: int) -> None:
    limits = np.array([127.0, 254.0])
    codes = QParams.of(Range.symmetric(limits), INT8.per_channel(axis))
    real = np.full((2, 2), 2.0, np.float32)
    want = np.array([[2, 2], [1, 1]]) if axis == 0 else np.array([[2, 1], [2, 1]])
    assert codes.quantize(real).tolist() == want.tolist()
    assert codes.dequantize(codes.quantize(real)).tolist() == real.tolist()
    assert repr(codes) == "QParams(2 channels, scale 1 to 2)"


def test_parameters_say_what_they_are() -> None:
    assert repr(QParams.of(Range(-1.0, 1.55), UINT8)) == "QParams(scale=0.01, zero_point=100)"

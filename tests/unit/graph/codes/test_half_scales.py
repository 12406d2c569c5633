"""Constant codes keep their values when their scales become float16."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core.arrays import Array
from quantkit.core.scheme import INT8
from quantkit.graph.codes.half_scales import SMALLEST, with_half_scales
from quantkit.graph.codes.weights import QuantizedConstant, quantized_weight
from tests.onnx_models import random

# float16 keeps 10 bits of what is no smaller than `SMALLEST`.
ROUNDING = 2.0**-10


def restored(codes: Array, scale: Array) -> Array:
    """What codes with a scale for each row stand for."""
    values: Array = codes * scale.astype(np.float64)[:, None]
    return values


@given(st.lists(st.floats(0.1, 1e3), min_size=1, max_size=6), st.integers(0, 3))
def test_scales_of_ordinary_size_are_rounded_and_codes_stay(sizes: list[float], seed: int) -> None:
    weight = random(len(sizes), 3, 2, 2, seed=seed) * np.array(sizes, np.float32)[:, None, None, None]
    constant = quantized_weight(weight, INT8.per_channel(0))
    found = with_half_scales(constant)
    assert found is not None
    assert found.scale.dtype == np.float16
    np.testing.assert_array_equal(found.codes, constant.codes)
    np.testing.assert_allclose(found.scale, constant.scale, rtol=ROUNDING)


def test_a_channel_that_hardly_matters_gets_a_larger_scale_and_smaller_codes() -> None:
    weight = random(4, 8, seed=1)
    weight[2] *= 1e-5
    weight[3] *= 1e-9
    constant = quantized_weight(weight, INT8.per_channel(0))
    found = with_half_scales(constant)
    assert found is not None
    assert found.scale.min() == SMALLEST
    assert abs(found.codes[2]).max() <= 1
    assert not found.codes[3].any()
    error = np.abs(restored(*found) - restored(constant.codes, constant.scale))
    np.testing.assert_array_less(error[2:], SMALLEST)


@pytest.mark.parametrize("size", [1e-7, 1e8], ids=["too small", "too large"])
def test_a_weight_of_nothing_else_is_not_forced(size: float) -> None:
    assert with_half_scales(quantized_weight(random(4, 8) * np.float32(size), INT8.per_channel(0))) is None


def test_one_scale_for_all_and_a_zero_point_are_kept() -> None:
    codes = np.array([[3, 250], [0, 128]], np.uint8)
    constant = QuantizedConstant(codes, np.array(0.1, np.float32), np.array(7, np.uint8), None)
    found = with_half_scales(constant)
    assert found is not None
    np.testing.assert_array_equal(found.codes, codes)
    assert found.scale.shape == ()

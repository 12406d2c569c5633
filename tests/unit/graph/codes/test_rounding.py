"""Rounding errors cancel, and no weight moves further than it has to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from quantkit.core.arrays import Floats
from quantkit.graph.codes.rounding import rounded_together

# Half a code, and what float64 and the steps of 2^-30 may add for some thousand weights.
HALF = 0.5 + 1e-5

weights = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=6),
    elements=st.floats(-100, 100, width=32),
)


def unit(values: Floats) -> Floats:
    return np.ones(len(values), np.float32)


@given(weights)
def test_codes_are_whole_and_at_most_two_roundings_away(values: Floats) -> None:
    codes = rounded_together(values, unit(values), across_channels=True)
    assert codes.shape == values.shape
    assert np.array_equal(codes, np.rint(codes))
    # One step within its kernel and one across channels, on top of half a code.
    assert np.abs(codes - values).max(initial=0) <= 2.5


@given(weights)
def test_each_kernel_keeps_its_sum_to_half_a_code(values: Floats) -> None:
    codes = rounded_together(values, unit(values), across_channels=False)
    errors = (codes - values).reshape(*values.shape[:2], -1).sum(axis=2)
    assert np.abs(errors).max(initial=0) <= HALF


@given(weights)
def test_each_output_channel_keeps_its_sum_to_half_a_code(values: Floats) -> None:
    codes = rounded_together(values, unit(values), across_channels=True)
    assert np.abs((codes - values).reshape(len(values), -1).sum(axis=1)).max(initial=0) <= HALF


@given(weights)
def test_single_weights_are_simply_rounded_unless_channels_are_joined(values: Floats) -> None:
    flat = values.reshape(len(values), -1)
    assert np.array_equal(rounded_together(flat, unit(flat), across_channels=False), np.rint(flat))


@given(weights, st.floats(0.5, 2.0, width=32))
def test_codes_depend_on_weight_over_scale(values: Floats, scale: float) -> None:
    scales = np.full(len(values), np.float32(scale))
    exact = (values.astype(np.float64) / np.float32(scale)).astype(np.float64)
    assert np.array_equal(
        rounded_together(values, scales, across_channels=True),
        rounded_together(exact, unit(values), across_channels=True),
    )


@pytest.mark.parametrize("block", [1, 1 << 10])
def test_the_size_of_the_pieces_does_not_matter(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(0, 40, (8, 5, 3, 3)).astype(np.float32)
    whole = rounded_together(values, unit(values), across_channels=True)
    monkeypatch.setattr("quantkit.graph.codes.rounding.BLOCK", block)
    assert np.array_equal(rounded_together(values, unit(values), across_channels=True), whole)


def test_no_weights_give_no_codes() -> None:
    assert rounded_together(np.zeros((0, 3, 3)), np.ones(0), across_channels=True).shape == (0, 3, 3)

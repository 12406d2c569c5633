from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantkit.core.arrays import Floats
from quantkit.core.errors import DataError
from quantkit.core.histogram import BINS, LOWEST_EXPONENT, Histogram, exponent_for
from quantkit.core.ranges import Range
from tests.histograms import any_floats, counted, finite_floats

quickly = settings(deadline=None, max_examples=100)


@given(any_floats())
@quickly
def test_the_empty_histogram_changes_nothing(values: Floats) -> None:
    seen = counted(values)
    assert seen.merge(Histogram.empty()) == Histogram.empty().merge(seen) == seen


@given(finite_floats(), st.integers(0, 200))
@quickly
def test_widening_keeps_every_value(values: Floats, step: int) -> None:
    seen = counted(values)
    wide = seen.widened(seen.exponent + step)
    assert wide.count == seen.count == values.size
    assert wide.observed == seen.observed


@given(finite_floats())
@quickly
def test_widening_step_by_step_is_widening_at_once(values: Floats) -> None:
    seen = counted(values)
    assert seen.widened(seen.exponent + 1).widened(seen.exponent + 3) == seen.widened(seen.exponent + 3)


@given(finite_floats(), st.integers(-15, 15))
@quickly
def test_powers_of_two_change_the_exponent_alone(values: Floats, power: int) -> None:
    moderate = values[(np.abs(values) > 1e-10) & (np.abs(values) < 1e10)]
    seen, scaled = counted(moderate), counted(moderate * np.float32(2.0**power))
    assert np.array_equal(seen.positive, scaled.positive)
    assert np.array_equal(seen.negative, scaled.negative)
    assert scaled.exponent == (seen.exponent + power if moderate.size else LOWEST_EXPONENT)


@given(finite_floats())
@quickly
def test_the_observed_range_is_exact_and_holds_zero(values: Floats) -> None:
    assert counted(values).observed == Range(float(min(values.min(), 0)), float(max(values.max(), 0)))


def test_a_histogram_without_finite_values_has_no_observed_range() -> None:
    with pytest.raises(DataError, match=r"QK2302.*no finite value was counted") as refusal:
        _ = counted(np.array([np.nan, np.inf], np.float32)).observed
    assert "preprocessing" in str(refusal.value)


@pytest.mark.parametrize("power", [-149, -127, -57, -56, 0, 1, 126, 127])
def test_the_exponent_lets_the_magnitude_fall_within_the_bins(power: int) -> None:
    limit = 2.0**power
    assert limit / 2.0 ** exponent_for(limit) < BINS
    assert exponent_for(limit) == LOWEST_EXPONENT or limit / 2.0 ** exponent_for(limit) >= BINS / 2


def test_magnitudes_fold_both_sides_together() -> None:
    seen = counted(np.array([1.0, -1.0, 0.25, 0.0], np.float32))
    assert seen.magnitudes.sum() == 3
    assert seen.magnitudes.max() == 2


def test_a_histogram_says_what_it_holds() -> None:
    assert repr(counted(np.array([0.0, 1.5, -3.0], np.float32))) == "Histogram(3 values, -3 to 1.5, 33.3% zeros)"
    assert repr(Histogram.empty()) == "Histogram(empty)"
    assert counted(np.ones(1, np.float32)) != "a histogram"

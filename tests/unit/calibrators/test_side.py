from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantkit.calibrators._side import Side
from quantkit.core.arrays import Counts, Doubles

POINTS = 400
quickly = settings(deadline=None, max_examples=100)
counts = st.lists(st.integers(0, 50), min_size=1, max_size=30).map(lambda found: np.array(found, np.int64))
limits = st.floats(0, 35)


def spread(found: Counts) -> tuple[Doubles, Doubles]:
    """POINTS values evenly within each bin, and the weight of each."""
    within = (np.arange(POINTS) + 0.5) / POINTS
    return (np.arange(found.size)[:, None] + within).ravel(), np.repeat(found / POINTS, POINTS)


@given(counts, limits)
@quickly
def test_sums_beyond_a_limit_are_those_of_values_spread_evenly(found: Counts, limit: float) -> None:
    values, weights = spread(found)
    beyond = values > limit
    side, at = Side.of(found), np.array([limit])
    # One of the 400 values of the limit's bin may be on the wrong side; squares are summed at the middle of 1/400.
    assert side.beyond(at)[0] == pytest.approx(weights[beyond].sum(), abs=50 / POINTS)
    cut = (weights * (values - limit) ** 2)[beyond].sum()
    assert side.cut(at)[0] == pytest.approx(cut, rel=1e-4, abs=0.01)


@given(counts, st.floats(0.5, 30), st.floats(0.01, 10))
@quickly
def test_the_error_is_that_of_values_spread_evenly(found: Counts, limit: float, step: float) -> None:
    values, weights = spread(found)
    nearest = min(step / 2, limit)
    outermost = max(limit - step / 2, nearest)
    coded = np.full(values.size, step**2 / 12)
    cost = np.select([values < nearest, values > outermost], [values**2, (values - limit) ** 2], coded)
    # Values on the wrong side of one of the two places: 1/400 of a bin of 50, at most 35² each.
    tolerance = 2 * 50 / POINTS * max(nearest, step, 1.0) ** 2
    error = Side.of(found).error(np.array([limit]), np.array([step]))[0]
    assert error == pytest.approx((cost * weights).sum(), rel=1e-3, abs=tolerance)


@given(counts, limits, limits)
@quickly
def test_a_farther_limit_never_cuts_more(found: Counts, one: float, two: float) -> None:
    side, ordered = Side.of(found), np.array(sorted([one, two]))
    # Sums of squares cancel: 1e-12 of the largest is what float64 leaves.
    slack = 1e-12 * side.second[0]
    assert np.all(np.diff(side.beyond(ordered)) <= slack)
    assert np.all(np.diff(side.cut(ordered)) <= slack)


def test_a_side_without_values_costs_nothing() -> None:
    side, places = Side.of(np.zeros(8, np.int64)), np.array([0.0, 1.0, 100.0])
    assert side.bins == 0
    for found in (side.beyond(places), side.cut(places), side.error(places, places / 127)):
        assert found.tolist() == [0.0, 0.0, 0.0]

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantkit.core.errors import DataError
from quantkit.core.ranges import Range

quickly = settings(deadline=None, max_examples=100)
ends = st.floats(-1e6, 1e6)
ranges = st.builds(lambda a, b: Range(min(a, b), max(a, b)), ends, ends)


@given(ranges, ranges)
@quickly
def test_a_union_holds_both_and_is_held_by_every_range_that_does(one: Range, two: Range) -> None:
    whole = one.union(two)
    assert whole == two.union(one)
    assert whole.low == min(one.low, two.low)
    assert whole.high == max(one.high, two.high)


@given(ranges, ranges)
@quickly
def test_the_part_within_another_range_lies_in_both(one: Range, two: Range) -> None:
    both = one.with_zero().within(two.with_zero())
    assert both.union(one.with_zero()) == one.with_zero()
    assert both.union(two.with_zero()) == two.with_zero()


@given(ranges)
@quickly
def test_the_limit_is_the_larger_magnitude(kept: Range) -> None:
    assert Range.symmetric(kept.limit).union(kept) == Range.symmetric(kept.limit)


def test_channels_have_a_range_each() -> None:
    kept = Range(np.array([-1.0, 0.5]), np.array([2.0, 4.0]))
    assert kept.with_zero() == Range(np.array([-1.0, 0.0]), np.array([2.0, 4.0]))
    assert kept.limit.tolist() == [2.0, 4.0]
    assert repr(kept) == "Range(2 channels, -1 to 4)"


@pytest.mark.parametrize(
    ("low", "high"),
    [(1.0, 0.0), (float("nan"), 1.0), (0.0, float("inf")), (np.zeros(2), np.zeros(3))],
    ids=["inverted", "NaN", "infinite", "shapes"],
)
def test_a_range_that_is_none_is_refused(low: float, high: float) -> None:
    with pytest.raises(DataError, match=r"QK2301.*finite and not inverted"):
        Range(low, high)


def test_zero_has_no_sign() -> None:
    kept = Range.symmetric(0.0)
    assert not np.signbit([kept.low, kept.high]).any()


def test_equal_ranges_hash_alike() -> None:
    assert len({Range(-1.0, 2.0), Range(-1.0, 2.0), Range(-1.0, 3.0)}) == 2
    assert Range(-1.0, 2.0) != (-1.0, 2.0)

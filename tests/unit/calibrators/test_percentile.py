from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantkit.calibrators.max import MaxCalibrator
from quantkit.calibrators.percentile import PercentileCalibrator
from quantkit.core.arrays import Floats
from quantkit.core.errors import UsageError
from quantkit.core.histogram import Histogram
from quantkit.core.ranges import Range
from tests.histograms import KINDS, counted, drawn, tensors

quickly = settings(deadline=None, max_examples=60)
shares = st.floats(50, 100).map(lambda share: round(share, 3))
both = pytest.mark.parametrize("symmetric", [True, False], ids=["symmetric", "affine"])


def clipped(values: Floats, kept: Range) -> int:
    """How many values lie beyond a range."""
    return int(((values < kept.low) | (values > kept.high)).sum())


@both
@given(values=tensors(), keep=shares)
@quickly
def test_no_more_values_are_clipped_than_may_be(symmetric: bool, values: Floats, keep: float) -> None:
    kept = PercentileCalibrator(symmetric=symmetric, keep=keep).threshold(counted(values))
    assert clipped(values, kept) <= np.count_nonzero(values) * (100 - keep) / 100 + 1e-9


@both
@given(values=tensors(), one=shares, two=shares)
@quickly
def test_keeping_more_never_narrows_the_range(symmetric: bool, values: Floats, one: float, two: float) -> None:
    seen = counted(values)
    less, more = (PercentileCalibrator(symmetric=symmetric, keep=keep).threshold(seen) for keep in sorted([one, two]))
    assert less.union(more) == more
    assert clipped(values, less) >= clipped(values, more)


@given(kind=st.sampled_from(sorted(KINDS)), keep=shares)
@quickly
def test_a_bin_less_would_clip_too_many(kind: str, keep: float) -> None:
    values = drawn(kind)
    seen = counted(values)
    limit = float(PercentileCalibrator(keep=keep).threshold(seen).limit)
    inner = np.ceil(limit / seen.width - 1) * seen.width
    # Bins hold their lower edge, which the range of one bin less would keep as well.
    beyond = int((np.abs(values) >= inner).sum()) if inner else np.count_nonzero(values)
    assert beyond > np.count_nonzero(values) * (100 - keep) / 100 - 1e-9


@both
def test_keeping_everything_is_the_rule_max(symmetric: bool) -> None:
    seen = counted(drawn("shifted"))
    everything = PercentileCalibrator(symmetric=symmetric, keep=100).threshold(seen)
    assert everything == MaxCalibrator(symmetric=symmetric).threshold(seen)


def ladder(count: int) -> Histogram:
    """The values 1.5 … count + 0.5, of which no two near the top share a bin's edge."""
    return counted(np.arange(1, count + 1, dtype=np.float32) + np.float32(0.5))


def test_one_of_ten_thousand_may_be_clipped_exactly() -> None:
    # 100 − 99.99 in binary is a little more than 0.01, 100 − 99.9 a little less than 0.1.
    assert PercentileCalibrator().threshold(ladder(10_000)).limit < 10_000.5
    assert PercentileCalibrator().threshold(ladder(9_999)).limit == 9_999.5
    assert PercentileCalibrator(keep=99.9).threshold(ladder(1_000)).limit < 1_000.5


def test_each_end_of_an_affine_range_may_lose_half() -> None:
    values = np.concatenate([np.full(500, -1.0), np.full(400, 1.0), np.full(60, 8.0), np.full(40, -8.0)])
    seen = counted(values.astype(np.float32))
    kept = PercentileCalibrator(symmetric=False, keep=90).threshold(seen)
    assert kept.high == 8.0
    assert -1.01 <= kept.low <= -1.0


def test_a_lone_outlier_is_clipped() -> None:
    values = drawn("outlier", n=100_000)
    assert PercentileCalibrator().threshold(counted(values)).limit < 5


@pytest.mark.parametrize("keep", [0.0, -1.0, 100.1, float("nan")], ids=str)
def test_a_share_that_is_none_is_refused(keep: float) -> None:
    with pytest.raises(UsageError, match=r"QK1021.*percentile cannot keep .* percent") as refusal:
        PercentileCalibrator(keep=keep)
    assert "99.99" in refusal.value.hints[0]

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.comparison import bootstrap
from quantkit.comparison.bootstrap import mean, resampled


def test_the_interval_of_a_mean_is_near_the_normal_one() -> None:
    values = np.random.default_rng(1).normal(5.0, 2.0, 400)
    interval = mean(values)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert interval.estimate == pytest.approx(values.mean())
    # 10,000 resamples know a 2.5 % quantile to about 4 % of the half-width.
    assert interval.low == pytest.approx(values.mean() - half, abs=0.06 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.06 * half)


def test_equal_seeds_give_equal_intervals_and_other_seeds_others() -> None:
    values = np.random.default_rng(1).normal(size=50)
    assert mean(values) == mean(values)
    assert mean(values, seed=1) != mean(values, seed=2)


def test_columns_of_a_sample_are_drawn_together() -> None:
    values = np.random.default_rng(1).normal(size=200)
    same = np.stack([values, values + 1.0], axis=1)
    interval = resampled(same, lambda means: means[:, 1] - means[:, 0])
    assert interval.low == pytest.approx(1.0)
    assert interval.high == pytest.approx(1.0)


def test_an_infinite_sample_gives_an_infinite_limit_and_no_nan() -> None:
    values = np.array([1.0] * 99 + [np.inf])
    interval = mean(values)
    assert interval.estimate == interval.high == np.inf
    # More than a third of the resamples lack the one infinite value.
    assert interval.low == 1.0


def test_one_sample_has_an_interval_of_its_own_value() -> None:
    assert (mean(np.array([3.0])).low, mean(np.array([3.0])).high) == (3.0, 3.0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_the_interval_holds_its_estimate(values: list[float]) -> None:
    interval = mean(np.array(values), level=0.5)
    assert interval.low <= interval.estimate <= interval.high


def test_many_samples_are_drawn_less_often_and_the_method_says_how_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_DRAWS", 200_000)
    assert mean(np.arange(100.0)).method == "percentile bootstrap, 2000 resamples, seed 0"
    assert mean(np.arange(5000.0)).method == "percentile bootstrap, 1000 resamples, seed 0"

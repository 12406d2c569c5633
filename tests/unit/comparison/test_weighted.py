from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantkit.comparison.bootstrap import mean
from quantkit.comparison.weighted import Figures, paired
from quantkit.core.arrays import Doubles


def means_of(reference: Doubles, candidate: Doubles) -> Figures:
    both = np.stack([reference, candidate], axis=1)

    def figures(weights: Doubles) -> Doubles:
        return np.asarray((weights @ both / weights.sum(axis=1, keepdims=True))[:, :, None], np.float64)

    return figures


@given(seed=st.integers(0, 100))
@settings(max_examples=10, deadline=None)
def test_of_means_it_is_the_paired_bootstrap(seed: int) -> None:
    generator = np.random.default_rng(seed)
    reference = generator.normal(size=200)
    candidate = reference + generator.normal(-0.05, 0.2, 200)
    (found,) = paired(means_of(reference, candidate), 200, resamples=4000)
    expected = mean(candidate - reference)
    assert found.difference.estimate == pytest.approx(expected.estimate)
    # A 2.5 % quantile of 4,000 draws is off by its standard error of about 0.04 deviations; five of these.
    tolerance = 5 * 0.045 * found.standard_error
    assert found.difference.low == pytest.approx(expected.low, abs=tolerance)
    assert found.difference.high == pytest.approx(expected.high, abs=tolerance)
    assert found.standard_error == pytest.approx(np.std(candidate - reference) / np.sqrt(200), rel=0.1)


def test_the_interval_contains_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(5)
    hits = 0
    for _ in range(200):
        reference = generator.random(150)
        candidate = reference + generator.normal(-0.1, 0.3, 150)
        (found,) = paired(means_of(reference, candidate), 150, resamples=400)
        hits += found.difference.low <= -0.1 <= found.difference.high
    # Binomial(200, 0.95) lies below 178 once in a thousand times; a percentile interval of 150 is a little narrow.
    assert hits >= 176


def test_every_resample_draws_as_many_units_as_there_are_whatever_the_chunks() -> None:
    seen: list[Doubles] = []

    def figures(weights: Doubles) -> Doubles:
        seen.append(weights)
        return np.zeros((len(weights), 2, 1))

    paired(figures, 7, width=1 << 18, resamples=10)
    drawn = np.concatenate(seen[1:])
    assert (drawn.shape, max(len(weights) for weights in seen)) == ((10, 7), 4)
    assert (drawn.sum(axis=1) == 7).all()


def test_a_resample_without_a_figure_is_left_out() -> None:
    def figures(weights: Doubles) -> Doubles:
        share = np.where(weights[:, 0] > 0, weights[:, 0], np.nan)
        return np.stack([share * 0, share], axis=1)[:, :, None]

    (found,) = paired(figures, 3)
    assert 1 <= found.difference.high <= 3
    (nothing,) = paired(lambda weights: np.where(weights[:, :1, None] == 1, [[[0.0], [0.0]]], np.nan), 1)
    assert nothing.difference.low == nothing.difference.high == 0


def test_where_nothing_varies_no_drop_can_be_said_to_be_detectable() -> None:
    same = np.ones(10)
    (found,) = paired(means_of(same, same), 10)
    assert found.power == {"standard_error": 0.0}


def test_the_detectable_drop_is_two_and_a_half_standard_errors() -> None:
    values = np.random.default_rng(0).normal(size=50)
    (found,) = paired(means_of(np.zeros(50), values), 50)
    assert found.power["minimum_detectable_drop"] == pytest.approx(2.486 * found.standard_error, rel=1e-3)
    assert set(found.facts("ap50")) == {
        "ap50",
        "ap50_reference",
        "ap50_difference",
        "ap50_difference_low",
        "ap50_difference_high",
    }

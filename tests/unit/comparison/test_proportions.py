"""The intervals and tests, against independent and slower ways to the same numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from quantkit.comparison.proportions import mcnemar, minimum_detectable_drop, paired_difference, share

FLIPS = st.integers(0, 60)


def exact_tail(successes: int, trials: int) -> Fraction:
    """P(X ≤ successes) of a fair coin, by counting."""
    return Fraction(sum(math.comb(trials, k) for k in range(successes + 1)), 2**trials)


@given(regressed=FLIPS, fixed=FLIPS)
def test_the_p_value_is_that_of_counting_every_outcome(regressed: int, fixed: int) -> None:
    counted = min(Fraction(1), 2 * exact_tail(min(regressed, fixed), regressed + fixed))
    assert mcnemar(regressed, fixed) == pytest.approx(float(counted), rel=1e-11)


def test_the_p_value_stays_right_where_powers_of_two_overflow() -> None:
    # A normal approximation with continuity correction is good to some 1e-4 here.
    z = (abs(2600 - 2400) - 1) / math.sqrt(5000)
    assert mcnemar(2600, 2400) == pytest.approx(math.erfc(z / math.sqrt(2)), abs=1e-4)


def constrained_likelihood(difference: float, lost: int, gained: int, samples: int) -> float:
    """The likeliest share of lost samples when gained − lost shares differ by `difference`, by golden section."""

    def likelihood(q: float) -> float:
        cells = ((lost, q), (gained, q + difference), (samples - lost - gained, 1 - 2 * q - difference))
        return sum(count * math.log(max(p, 1e-300)) for count, p in cells if count)

    low, high = max(0.0, -difference), (1 - difference) / 2
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(120):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (left, high) if likelihood(left) < likelihood(right) else (low, right)
    return (low + high) / 2


def score(difference: float, lost: int, gained: int, samples: int) -> float:
    """Tango's statistic with its nuisance parameter found by maximising the likelihood itself."""
    q = constrained_likelihood(difference, lost, gained, samples)
    variance = (2 * q + difference - difference**2) / samples
    return ((gained - lost) / samples - difference) / math.sqrt(variance)


@pytest.mark.parametrize(
    ("lost", "gained", "samples"), [(40, 20, 160), (86, 150, 1600), (30, 31, 400), (4, 40, 90), (120, 15, 5000)]
)
def test_with_many_flips_both_limits_solve_the_score_equation(lost: int, gained: int, samples: int) -> None:
    interval = paired_difference(lost, gained, samples)
    # Where the exact conditional interval is the wider one, the score has gone past its critical value.
    assert score(interval.low, lost, gained, samples) >= 1.959963 - 1e-4
    assert score(interval.high, lost, gained, samples) <= -1.959963 + 1e-4
    assert abs(score(interval.low, lost, gained, samples)) < 2.25
    assert abs(score(interval.high, lost, gained, samples)) < 2.25


def test_without_flips_the_interval_is_that_of_the_score_test() -> None:
    # T(d) with nothing observed is n·d² / (|d|·(1 − |d|)) = z², so d = z² / (n + z²).
    z2 = 1.959963984540054**2
    interval = paired_difference(0, 0, 200)
    assert interval.high == pytest.approx(z2 / (200 + z2), rel=1e-9)
    assert interval.low == pytest.approx(-interval.high, rel=1e-9)


@given(regressed=FLIPS, fixed=FLIPS, same=st.integers(0, 3000))
def test_the_interval_contains_no_difference_unless_the_exact_test_rejects_it(
    regressed: int, fixed: int, same: int
) -> None:
    samples = regressed + fixed + same
    if samples == 0:
        return
    # The score test rejects whenever the exact one does, so the wider of both limits is the exact one at 0.
    interval = paired_difference(regressed, fixed, samples)
    assert (interval.low <= 0 <= interval.high) == (mcnemar(regressed, fixed) >= 0.05)


@given(regressed=FLIPS, fixed=FLIPS, same=st.integers(0, 3000))
def test_the_interval_holds_its_estimate_and_turns_with_the_roles(regressed: int, fixed: int, same: int) -> None:
    samples = regressed + fixed + same
    if samples == 0:
        return
    interval, turned = paired_difference(regressed, fixed, samples), paired_difference(fixed, regressed, samples)
    assert -1 <= interval.low <= interval.estimate <= interval.high <= 1
    assert turned.low == pytest.approx(-interval.high, abs=1e-12)
    assert turned.high == pytest.approx(-interval.low, abs=1e-12)


@given(regressed=st.integers(0, 30), fixed=st.integers(0, 30))
def test_more_confidence_is_a_wider_interval(regressed: int, fixed: int) -> None:
    narrow, wide = paired_difference(regressed, fixed, 500, 0.9), paired_difference(regressed, fixed, 500, 0.99)
    assert wide.low <= narrow.low
    assert narrow.high <= wide.high


@pytest.mark.parametrize(("flips", "gains"), [(0.01, 0.0), (0.03, 0.0), (0.03, 0.25), (0.03, 0.5), (0.2, 0.1)])
def test_the_interval_covers_the_true_difference_as_often_as_it_says(flips: float, gains: float) -> None:
    """By simulation; the exact sum over all outcomes gave at least 94.5 % from 20 to 5,000 samples."""
    samples, runs = 400, 2000
    shares = [flips * (1 - gains), flips * gains, 1 - flips]
    drawn = np.random.default_rng(3).multinomial(samples, shares, runs)
    outcomes, times = np.unique(drawn[:, :2], axis=0, return_counts=True)
    true = flips * gains - flips * (1 - gains)
    intervals = [paired_difference(int(lost), int(gained), samples) for lost, gained in outcomes]
    covered = sum(int(count) for found, count in zip(intervals, times, strict=True) if found.low <= true <= found.high)
    # Three standard deviations of so many runs below 94.5 %.
    assert covered / runs >= 0.945 - 3 * math.sqrt(0.945 * 0.055 / runs)


@given(regressed=st.integers(0, 30), fixed=st.integers(0, 30), samples=st.integers(60, 5000))
def test_no_flips_are_the_narrowest_interval(regressed: int, fixed: int, samples: int) -> None:
    none, some = paired_difference(0, 0, samples), paired_difference(regressed, fixed, samples)
    assert some.high - some.low >= none.high - none.low - 1e-12


@pytest.mark.parametrize(("flips", "least"), [(0.002, 0.998), (0.005, 0.983), (0.01, 0.963)])
@pytest.mark.parametrize("gains", [0.0, 0.25, 0.5])
def test_few_flips_are_covered_more_often_than_is_said(flips: float, least: float, gains: float) -> None:
    """The exact sum over all outcomes that are likelier than a part in a million million."""
    samples, true, covered = 1000, flips * (2 * gains - 1), 0.0
    for number in range(40):
        chance = float(binom.pmf(number, samples, flips))
        for gained in range(number + 1) if chance > 1e-12 else ():
            found = paired_difference(number - gained, gained, samples)
            if found.low <= true <= found.high:
                covered += chance * float(binom.pmf(gained, number, gains))
    assert covered >= least


def test_the_conditional_interval_alone_would_miss_a_real_drop_half_the_time() -> None:
    """Why it is only ever used to widen: all flips one way puts its limit on the estimate itself."""
    interval = paired_difference(regressed=10, fixed=0, samples=1000)
    assert interval.low < -10 / 1000 - 0.005


@given(samples=st.integers(1, 400), share_right=st.floats(0, 1))
def test_a_share_solves_wilsons_equation(samples: int, share_right: float) -> None:
    successes = round(samples * share_right)
    interval, z = share(successes, samples), 1.959963984540054
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1
    for end in {interval.low, interval.high} - {0.0, 1.0}:
        distance = abs(interval.estimate - end) / math.sqrt(end * (1 - end) / samples)
        assert distance == pytest.approx(z, rel=1e-6)


@pytest.mark.parametrize(
    ("flips", "samples", "points"), [(30, 1000, 1.36), (150, 5000, 0.61), (3000, 50_000, 0.27), (60, 1000, 1.93)]
)
def test_the_detectable_drop_is_that_of_the_published_table(flips: int, samples: int, points: float) -> None:
    assert 100 * (minimum_detectable_drop(flips, samples) or 0) == pytest.approx(points, abs=0.006)


@pytest.mark.parametrize("flips", range(7))
def test_with_so_few_flips_no_detectable_drop_is_claimed(flips: int) -> None:
    assert minimum_detectable_drop(flips, 1000) is None


@pytest.mark.parametrize("flips", [8, 12, 20, 29])
def test_the_detectable_drop_is_found_four_times_in_five(flips: int) -> None:
    """By simulation with the test itself: below 30 flips the published formula would promise too much."""
    samples, runs = 2000, 4000
    drop = minimum_detectable_drop(flips, samples) or 0
    share = flips / samples
    drawn = np.random.default_rng(flips).multinomial(samples, [(share + drop) / 2, (share - drop) / 2, 1 - share], runs)
    found = sum(lost > won and mcnemar(int(lost), int(won)) / 2 <= 0.05 for lost, won, _ in drawn)
    assert found / runs == pytest.approx(0.8, abs=3 * math.sqrt(0.8 * 0.2 / runs))
    assert drop > 2.486 * math.sqrt(flips) / samples

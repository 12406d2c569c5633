"""Latencies from the times of calls, and what can be said about their ratio."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core.arrays import Doubles
from quantkit.core.comparison import Latency
from quantkit.core.timing import median_interval, summarized, time_ratio

BLOCKS, ROUNDS = 10, 20
SIMULATED = 400

spans = st.lists(st.floats(0.01, 100.0), min_size=1, max_size=40)


def timed(milliseconds: Doubles) -> Latency:
    """A latency of float64[blocks, rounds]."""
    return summarized(milliseconds.tolist(), batch=1, warmup=0)


def of_blocks(p50s: Sequence[float], p90s: Sequence[float]) -> Latency:
    """A latency of blocks with these percentiles."""
    return Latency(median(p50s), median(p90s), 10 * len(p50s), 1, 0, tuple(p50s), tuple(p90s))


def test_a_latency_is_that_of_all_calls_and_of_each_block() -> None:
    assert summarized([[1.0, 2.0, 3.0], [5.0]], batch=4, warmup=7) == Latency(
        2.5, 4.4, 4, 4, 7, p50s_ms=(2.0, 5.0), p90s_ms=(2.8, 5.0)
    )


@given(spans, st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_an_interval_of_a_median_holds_that_of_the_values_and_grows_with_the_level(
    values: list[float], level: float
) -> None:
    low, high = median_interval(values, level)
    assert low <= median(values) <= high
    wider = median_interval(values, (1 + level) / 2)
    assert wider[0] <= low <= high <= wider[1]


@pytest.mark.parametrize("count", [6, 9, 10, 12, 20, 999])
def test_ends_are_missed_as_seldom_as_is_said_and_no_closer_ones_are(count: int) -> None:
    low, _ = median_interval([float(value) for value in range(count)], 0.95)

    def missed(rank: int) -> float:
        ways: int = 2 * sum(math.comb(count, below) for below in range(rank))
        return ways / int(2**count)

    assert missed(int(low) + 1) <= 0.05 < missed(int(low) + 2)


@given(st.lists(st.floats(0.01, 100.0), min_size=6, max_size=40), st.floats(0.1, 10.0))
def test_what_takes_so_many_times_as_long_does_so_for_certain(blocks: list[float], factor: float) -> None:
    one, other = of_blocks([span * factor for span in blocks], blocks), of_blocks(blocks, blocks)
    ratio = time_ratio(one, other)
    assert ratio is not None
    assert (ratio.low, ratio.estimate, ratio.high) == pytest.approx((factor,) * 3)


@given(st.lists(st.tuples(st.floats(0.01, 100.0), st.floats(0.01, 100.0)), min_size=6, max_size=20))
def test_the_other_way_round_it_is_the_reciprocal(pairs: list[tuple[float, float]]) -> None:
    one, other = (of_blocks(spans, spans) for spans in zip(*pairs, strict=True))
    there, back = time_ratio(one, other), time_ratio(other, one)
    assert there is not None
    assert back is not None
    assert (there.low, there.high) == pytest.approx((1 / back.high, 1 / back.low))


def test_the_estimate_is_what_the_shown_latencies_tell_and_the_interval_holds_it() -> None:
    one = replace(of_blocks([2.0] * 6, [3.0] * 6), p50_ms=2.5)
    ratio = time_ratio(one, of_blocks([1.0] * 6, [3.0] * 6))
    assert ratio is not None
    assert (ratio.low, ratio.estimate, ratio.high) == (2.0, 2.5, 2.5)


def test_each_percentile_has_a_ratio_of_its_own() -> None:
    one, other = of_blocks([2.0] * 6, [9.0] * 6), of_blocks([1.0] * 6, [3.0] * 6)
    found = [time_ratio(one, other, percentile=name) for name in ("p50", "p90")]
    assert [ratio.estimate for ratio in found if ratio] == [2.0, 3.0]


def test_few_blocks_show_nothing_and_say_so() -> None:
    five = Latency(1.0, 1.0, 5, 1, 0, (1.0,) * 5, (1.0,) * 5)
    ratio = time_ratio(five, five)
    assert ratio is not None
    assert (ratio.low, ratio.estimate, ratio.high) == (0.0, 1.0, math.inf)


KNOWN = Latency(1.0, 1.0, 6, 1, 0, (1.0,) * 6, (1.0,) * 6)


@pytest.mark.parametrize(
    "other",
    [
        None,
        Latency(1.0, 1.0, 100, 1, 5),
        replace(KNOWN, p50s_ms=(1.0,) * 7),
        replace(KNOWN, p50s_ms=(1.0, 1.0, 0.0, 1.0, 1.0, 1.0)),
        replace(KNOWN, p50s_ms=(1.0, 1.0, math.nan, 1.0, 1.0, 1.0)),
        replace(KNOWN, p50s_ms=(1.0, 1.0, math.inf, 1.0, 1.0, 1.0)),
    ],
    ids=["not timed", "without blocks", "other blocks", "no time", "NaN", "infinite"],
)
def test_without_blocks_that_correspond_there_is_no_ratio(other: Latency | None) -> None:
    assert time_ratio(KNOWN, other) is None
    assert time_ratio(other, KNOWN) is None


def autoregressive(correlation: float, generator: np.random.Generator) -> Doubles:
    """float64[simulations, blocks · rounds] of standard normal values, each correlated with the one before."""
    fresh = generator.normal(size=(SIMULATED, BLOCKS * ROUNDS))
    values: Doubles = fresh.copy()
    for at in range(1, BLOCKS * ROUNDS):
        values[:, at] = correlation * values[:, at - 1] + math.sqrt(1 - correlation**2) * fresh[:, at]
    return values


def bursts(stay: float, generator: np.random.Generator) -> Doubles:
    """float64[simulations, blocks · rounds]: nothing, but for stretches of rounds that are half again as slow."""
    on = np.zeros((SIMULATED, BLOCKS * ROUNDS), bool)
    for at in range(1, BLOCKS * ROUNDS):
        drawn = generator.random(SIMULATED)
        on[:, at] = np.where(on[:, at - 1], drawn < stay, drawn < 0.02)
    magnitude: Doubles = on * np.abs(generator.normal(0, 0.5, (SIMULATED, BLOCKS * ROUNDS)))
    return magnitude


def covered(slower: Doubles, other: Doubles) -> tuple[float, float]:
    """How often the interval holds the true ratio, 2: by blocks, and taken round by round."""
    truth, by_blocks, by_rounds = 2.0, 0, 0
    for mine, its in zip(truth * np.exp(slower), np.exp(other), strict=True):
        found = time_ratio(timed(mine.reshape(BLOCKS, ROUNDS)), timed(its.reshape(BLOCKS, ROUNDS)))
        assert found is not None
        low, high = median_interval((mine / its).tolist(), 0.95)
        by_blocks += found.low <= truth <= found.high
        by_rounds += low <= truth <= high
    return by_blocks / SIMULATED, by_rounds / SIMULATED


# Of 400 intervals that cover 95 % of the time, fewer than 92.5 % do so once in 100 tries.
_FEWEST = 0.925


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_it_covers_as_often_as_it_says_where_neighbouring_calls_are_alike(correlation: float) -> None:
    generator = np.random.default_rng(11)
    shared = 0.05 * autoregressive(correlation, generator)
    slower, other = (shared + 0.02 * autoregressive(correlation, generator) for _ in range(2))
    by_blocks, by_rounds = covered(slower, other)
    assert by_blocks >= _FEWEST
    # That is what blocks are for.
    assert (by_rounds < 0.7) == (correlation >= 0.8)


@pytest.mark.parametrize("stay", [0.5, 0.9, 0.97], ids=["short", "longer", "longer than a block"])
def test_it_covers_as_often_as_it_says_where_some_stretches_are_slow(stay: float) -> None:
    generator = np.random.default_rng(12)
    shared = bursts(stay, generator)
    slower, other = (shared + 0.01 * generator.normal(size=shared.shape) for _ in range(2))
    assert covered(slower, other)[0] >= _FEWEST


def test_it_covers_what_every_load_moves_for_as_long_as_it_lasts() -> None:
    generator = np.random.default_rng(13)

    def loaded() -> Doubles:
        places = np.repeat(generator.normal(0, 0.006, (SIMULATED, BLOCKS)), ROUNDS, axis=1)
        moved: Doubles = places + generator.normal(0, 0.01, places.shape)
        return moved

    by_blocks, by_rounds = covered(loaded(), loaded())
    assert by_blocks >= _FEWEST
    assert by_rounds < 0.9

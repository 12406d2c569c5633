"""Which network is advised, and that nothing is which intervals do not show."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.comparison.advice import advice
from quantkit.comparison.leads import margin
from quantkit.core.arrays import Array
from quantkit.core.comparison import Comparison, Interval, MetricSummary, Outcome
from quantkit.core.sensitivity import SQNR
from quantkit.core.sensitivity_advice import KEPT, NOT_WON, UNSEEN, WON, Advice
from tests.unit.comparison.test_leads import SAMPLES, candidate, compared

Step = tuple[int, "float | Array"]
"""Samples that a network gets wrong, of which FP32 gets all right, and its SQNR."""


def advised(*steps: Step, labels: bool = True) -> Advice:
    outcomes = [candidate(str(number), wrong=wrong, sqnr=sqnr) for number, (wrong, sqnr) in enumerate(steps)]
    return told(compared(*(outcomes if labels else map(_unlabelled, outcomes))))


def told(comparison: Comparison) -> Advice:
    return advice(comparison, [tuple("abcdefgh"[:number]) for number in range(len(comparison.candidates))])


def _unlabelled(outcome: Outcome) -> Outcome:
    return Outcome(outcome.subject, tuple(m for m in outcome.metrics if m.metric == SQNR), outcome.rows)


def shaken(mean: float, spread: float, seed: int) -> Array:
    return mean + spread * np.random.default_rng(seed).standard_normal(SAMPLES)


def test_int8_that_is_shown_to_keep_its_accuracy_stays_as_it_is() -> None:
    sound = compared(candidate("0", sqnr=20.0), candidate("1", sqnr=40.0))
    narrow = [_with_interval(outcome, -0.004, 0.004) for outcome in sound.candidates]
    found = told(replace(sound, candidates=tuple(narrow)))
    assert (found.finding, found.metric, found.left_out, found.reserve, found.gains) == (KEPT, "top1", (), (), {})
    assert found.tolerance == pytest.approx(0.01)


def _with_interval(outcome: Outcome, low: float, high: float, metric: str = "top1") -> Outcome:
    metrics = [
        replace(summary, difference=Interval((low + high) / 2, low, high)) if summary.metric == metric else summary
        for summary in outcome.metrics
    ]
    return Outcome(outcome.subject, tuple(metrics), outcome.rows)


def test_a_loss_that_is_not_shown_leaves_nothing_out_however_much_quieter_others_are() -> None:
    found = advised((2, 20.0), (1, 30.0), (0, 40.0))
    assert (found.finding, found.left_out, found.reserve) == (UNSEEN, (), ("a",))
    assert found.gains[SQNR].low > 0
    assert not found.gains["top1"].low > 0


def test_a_loss_that_is_shown_is_given_back_by_the_first_network_that_none_beats() -> None:
    found = advised((40, 30.0), (39, 30.0), (2, 31.0), (1, 31.1))
    assert (found.finding, found.metric, found.left_out) == (WON, "top1", ("a", "b"))
    assert found.gains["top1"].estimate == pytest.approx(0.19)
    assert found.gains["top1"].low > 0


def test_noise_decides_between_networks_whose_answers_are_not_told_apart() -> None:
    assert advised((12, 30.0), (10, 30.0), (9, 36.0)).left_out == ("a", "b")


def test_leaving_more_out_is_not_advised_unless_a_difference_is_shown() -> None:
    quieter = shaken(33.0, 3.0, 1)
    found = advised((12, 30.0), (6, quieter), (5, quieter + shaken(0.3, 5.0, 2)))
    assert found.left_out == ("a",)


def test_a_loss_that_no_network_gives_back_is_told() -> None:
    found = advised((20, 30.0), (20, 29.0))
    assert (found.finding, found.left_out, found.reserve, found.gains) == (NOT_WON, (), (), {})


@pytest.mark.parametrize(
    ("decibels", "finding", "taken"),
    [
        ([30.0, 31.0, 36.0, 38.0], WON, 2),
        ([30.0, 29.0], NOT_WON, 0),
        ([30.0], NOT_WON, 0),
        ([math.inf, math.inf], KEPT, 0),
        ([30.0, math.inf], WON, 1),
    ],
    ids=["half the gain", "no gain", "nothing left out", "nothing lost", "all of it"],
)
def test_without_labels_the_advice_is_the_first_step_with_half_of_the_gain(
    decibels: list[float], finding: str, taken: int
) -> None:
    found = advised(*((0, each) for each in decibels), labels=False)
    assert (found.finding, found.metric, len(found.left_out)) == (finding, SQNR, taken)


def test_without_labels_a_gain_that_is_not_shown_is_none() -> None:
    noisy = shaken(30.0, 3.0, 3)
    found = advised((0, noisy), (0, noisy + shaken(0.1, 5.0, 4)), labels=False)
    assert (found.finding, found.left_out) == (NOT_WON, ())


def test_a_step_that_shows_no_gain_itself_is_only_worth_a_try() -> None:
    """The second is shown to be quieter than the whole, but not than the first, and the first not than the whole."""
    middle = np.where(np.arange(SAMPLES) % 2 == 0, 28.0, 40.0)
    found = advised((0, 30.0), (0, middle), (0, 36.0), labels=False)
    assert (found.finding, found.left_out, found.reserve) == (NOT_WON, (), ("a",))
    assert not found.gains[SQNR].low > 0


@pytest.mark.parametrize(("high", "taken"), [(-0.11, 1), (-0.09, 0)], ids=["apart", "overlapping"])
def test_figures_of_a_whole_set_differ_where_their_intervals_are_apart(high: float, taken: int) -> None:
    """Without rows of right and wrong, such as mAP has none, nothing is paired."""
    outcomes = []
    for number, (low, top, sqnr) in enumerate([(-0.3, high, 30.0), (-0.1, 0.02, 30.0)]):
        summary = MetricSummary("map", SAMPLES, 0.5 + top, 0.6, Interval((low + top) / 2, low, top), unit="share")
        own = _unlabelled(candidate(str(number), sqnr=sqnr))
        outcomes.append(Outcome(own.subject, (summary, *own.metrics), own.rows))
    found = told(compared(*outcomes))
    assert len(found.left_out) == taken
    assert found.finding == (WON if taken else NOT_WON)


def test_a_figure_without_a_scale_has_no_harmless_loss() -> None:
    outcomes = []
    for number in range(2):
        own = _unlabelled(candidate(str(number), sqnr=30.0))
        error = MetricSummary("wer", SAMPLES, 5.0, 4.0, Interval(1.0, 0.5, 1.5), higher_is_better=False)
        outcomes.append(Outcome(own.subject, (error, *own.metrics), own.rows))
    found = told(compared(*outcomes))
    assert (found.finding, found.tolerance) == (NOT_WON, None)


_STEPS = st.lists(
    st.tuples(st.integers(0, 60), st.floats(10.0, 60.0).map(lambda figure: round(figure, 1))), min_size=1, max_size=5
)


@given(steps=_STEPS, labels=st.booleans())
def test_nothing_is_advised_that_a_smaller_network_is_not_shown_to_lose_to(steps: list[Step], labels: bool) -> None:
    found = advised(*steps, labels=labels)
    outcomes = [candidate(str(number), wrong=wrong, sqnr=sqnr) for number, (wrong, sqnr) in enumerate(steps)]
    taken = len(found.left_out)
    metrics = ("top1", SQNR) if labels else (SQNR,)
    pairs = max(1, len(steps) * (len(steps) - 1) // 2)
    for smaller in outcomes[:taken]:
        beaten = [
            margin(other, smaller, metric, 1 - 0.05 / pairs).low > 0
            for metric in metrics
            for other in outcomes
            if other is not smaller
        ]
        assert any(beaten)
    assert bool(found.left_out) == (found.finding == WON)
    assert not found.left_out or any(gain.low > 0 for gain in found.gains.values())
    assert not (found.left_out and found.reserve)

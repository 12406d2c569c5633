"""What is said about which candidate to take: no more than is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quantkit.core.comparison import Comparison, Latency
from quantkit.core.leads import Lead, Margin
from quantkit.report._choice import choice
from tests.fake_comparison import comparison


def of(*leads: Lead, names: tuple[str, ...] = ("max", "entropy")) -> Comparison:
    """The fake comparison, with as many candidates as there are names."""
    whole = comparison()
    first = whole.candidates[0]
    outcomes = tuple(replace(first, subject=replace(first.subject, name=name, path=f"{name}.onnx")) for name in names)
    return replace(whole, candidates=outcomes, leads=leads)


def answers(estimate: float, low: float, **others: Margin) -> Lead:
    return Lead("top1", "max", {"entropy": Margin(estimate, low), **others}, unit="share", title="top-1")


def noise(estimate: float, low: float, **others: Margin) -> Lead:
    return Lead("sqnr", "max", {"entropy": Margin(estimate, low), **others}, unit="dB", title="SQNR")


THREE = ("max", "entropy", "mse")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            of(answers(0.09, 0.05)),
            "most accurate: max (max.onnx), whose top-1 is 9.00 pp above that of entropy, at least 5.00 pp "
            "(95 % interval)",
        ),
        (
            of(answers(0.01, -0.05), noise(3.0, 2.0)),
            "closest to fp32: max (max.onnx), whose SQNR is 3.00 dB above that of entropy on the median sample, at "
            "least 2.00 dB (95 % interval); no difference in top-1 between them is shown",
        ),
        (
            of(answers(0.01, -0.05), noise(3.0, -2.0)),
            "no difference between max and entropy is shown by 300 samples; max (max.onnx) has the higher SQNR",
        ),
        (of(noise(0.0, 0.0)), "no difference between max and entropy is shown by 300 samples"),
        (
            of(noise(3.0, 2.0, mse=Margin(1.0, 0.5)), names=THREE),
            "closest to fp32: max (max.onnx), whose SQNR is 1.00 dB above that of mse, the next, on the median sample, "
            "at least 0.50 dB (95 % interval, all pairs together)",
        ),
        (
            of(noise(3.0, 2.0, mse=Margin(1.0, -0.5)), names=THREE),
            "no difference between max and mse is shown by 300 samples; max (max.onnx) has the higher SQNR; worse in "
            "SQNR: entropy",
        ),
        (
            of(answers(0.01, -0.05, mse=Margin(0.1, 0.05)), noise(3.0, 2.0), names=THREE),
            "closest to fp32: max (max.onnx), whose SQNR is 3.00 dB above that of entropy on the median sample, at "
            "least 2.00 dB (95 % interval); worse in top-1: mse",
        ),
    ],
    ids=["answers", "noise", "neither", "equal", "of three", "two of three", "one is out"],
)
def test_the_words_follow_what_is_shown(found: Comparison, said: str) -> None:
    assert choice(found) == [said]


def timed(p50_ms: float) -> Latency:
    return Latency(p50_ms, p50_ms, 200, 1, 50, (p50_ms,) * 10, (p50_ms,) * 10)


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        (0.5, ["; entropy is faster: 2.00× as fast, at least 2.00× (95 % interval)"]),
        (0.99, [""]),
        (2.0, [""]),
    ],
    ids=["faster", "not worth telling", "slower"],
)
def test_a_faster_candidate_is_told_beside_the_closest(milliseconds: float, said: list[str]) -> None:
    found = of(noise(3.0, 2.0))
    spent = {"max": timed(1.0), "entropy": timed(milliseconds)}
    outcomes = tuple(
        replace(each, subject=replace(each.subject, latency=spent[each.subject.name])) for each in found.candidates
    )
    told = choice(replace(found, candidates=outcomes))
    assert [line.partition("(95 % interval)")[2] for line in told] == said


@pytest.mark.parametrize(
    "found", [of(), of(noise(3.0, 2.0), names=("max",)), of(noise(3.0, 2.0), names=("a", "b"))], ids=str
)
def test_nothing_is_said_of_models_that_are_not_there(found: Comparison) -> None:
    assert choice(found) == []

"""Which candidate is to be preferred, and when nothing of that is shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.comparison.accuracy import accuracy
from quantkit.comparison.leads import leads
from quantkit.comparison.metrics.agreement import AgreementMetric
from quantkit.core.arrays import Array
from quantkit.core.comparison import (
    Comparison,
    Coverage,
    EngineLayers,
    Interval,
    MetricSummary,
    NodeCoverage,
    Outcome,
    Subject,
)

SAMPLES = 200
INT8 = Coverage((NodeCoverage("conv", "Conv", "int8"),))


def candidate(name: str, *, wrong: int = 0, sqnr: float | Array | None = None, coverage: Coverage = INT8) -> Outcome:
    """An INT8 model that is wrong on the first `wrong` samples, with this much noise on each."""
    right = np.arange(SAMPLES) >= wrong
    rows: dict[str, Array] = {"top1_reference": np.ones(SAMPLES, bool), "top1": right, "agreement": right}
    metrics = [accuracy("top1", "top-1", rows["top1_reference"], right), AgreementMetric().summary(rows)]
    if sqnr is not None:
        rows["sqnr"] = np.broadcast_to(np.asarray(sqnr, np.float64), SAMPLES)
        figure = float(np.mean(rows["sqnr"]))
        metrics.append(MetricSummary("sqnr", SAMPLES, figure, interval=Interval(figure, 0, 99), unit="dB"))
    return Outcome(Subject(name, f"{name}.onnx", name * 8, 1, coverage=coverage), tuple(metrics), rows)


def compared(*candidates: Outcome) -> Comparison:
    reference = Subject("FP32", "model.onnx", "f" * 64, 1)
    return Comparison(reference, candidates, tuple(map(str, range(SAMPLES))))


def test_a_difference_in_right_answers_decides_whatever_the_noise() -> None:
    (lead,) = leads(compared(candidate("max", wrong=20, sqnr=40.0), candidate("mse", wrong=2, sqnr=30.0)))
    assert (lead.metric, lead.name, lead.beaten, lead.open) == ("top1", "mse", ("max",), ())
    assert lead.over["max"].estimate == pytest.approx(0.09)
    assert 0 < lead.over["max"].low < 0.09


def test_the_noise_decides_between_those_that_answers_do_not_tell_apart() -> None:
    found = leads(compared(candidate("max", wrong=1, sqnr=30.0), candidate("mse", wrong=2, sqnr=31.0)))
    assert [(lead.metric, lead.name, lead.beaten) for lead in found] == [
        ("top1", "max", ()),
        ("agreement", "max", ()),
        ("sqnr", "mse", ("max",)),
    ]


def test_who_is_shown_to_be_worse_takes_no_further_part() -> None:
    found = leads(
        compared(candidate("a", wrong=1, sqnr=30), candidate("b", wrong=60, sqnr=50), candidate("c", sqnr=31))
    )
    assert found[0].beaten == ("b",)
    assert set(found[-1].over) == {"a"}
    assert found[-1].name == "c"


def test_without_labels_and_answers_the_noise_alone_speaks() -> None:
    bare = [
        replace(outcome, metrics=outcome.metrics[2:]) for outcome in (candidate("a", sqnr=9.0), candidate("b", sqnr=8))
    ]
    (lead,) = leads(compared(*bare))
    assert (lead.metric, lead.name, lead.open) == ("sqnr", "a", ())


def test_equal_candidates_are_told_apart_by_nothing() -> None:
    found = leads(compared(candidate("a", wrong=3, sqnr=30.0), candidate("b", wrong=3, sqnr=30.0)))
    assert [lead.beaten for lead in found] == [(), (), ()]


def test_few_samples_show_nothing() -> None:
    some = [candidate("a", sqnr=40.0), candidate("b", sqnr=10.0)]
    few = [replace(outcome, rows={name: values[:5] for name, values in outcome.rows.items()}) for outcome in some]
    assert [lead.beaten for lead in leads(compared(*few))] == [(), (), ()]


def test_infinities_on_both_sides_count_for_nobody() -> None:
    found = leads(compared(candidate("a", sqnr=np.inf), candidate("b", sqnr=np.inf)))
    assert found[-1].beaten == ()
    assert found[-1].over["b"].estimate == 0


def test_engines_in_floats_and_models_without_integers_are_not_to_be_chosen() -> None:
    half = Coverage((NodeCoverage("conv", "Conv", "fp16"),), EngineLayers({"fp16": 1}, 0))
    yardstick = candidate("FP16", sqnr=60.0, coverage=half)
    yardstick = replace(yardstick, subject=replace(yardstick.subject, digest="f" * 64))
    copy = candidate("copy", sqnr=99.0, coverage=Coverage((NodeCoverage("conv", "Conv", "fp32"),)))
    found = leads(compared(yardstick, copy, candidate("a", sqnr=30.0), candidate("b", sqnr=31.0)))
    assert {name for lead in found for name in (lead.name, *lead.over)} == {"a", "b"}
    assert leads(compared(yardstick, candidate("a", sqnr=30.0))) == ()
    assert leads(compared()) == ()


@given(seed=st.integers(0, 2**32 - 1), many=st.integers(2, 5))
def test_the_order_of_the_candidates_changes_nothing_that_is_shown(seed: int, many: int) -> None:
    random = np.random.default_rng(seed)
    some = [
        candidate(str(name), wrong=int(random.integers(0, 40)), sqnr=random.normal(name, 3.0, SAMPLES))
        for name in range(many)
    ]
    there, back = (leads(compared(*order)) for order in (some, some[::-1]))
    if not any(lead.open for lead in there):
        assert there[-1].name == back[-1].name


def test_of_equal_noise_a_wrong_choice_is_rare() -> None:
    """Bounded together for all pairs: of 6 pairs at 95 % each, a quarter of all runs would show a leader."""
    random = np.random.default_rng(0)
    shown = 0
    for _ in range(200):
        found = leads(compared(*(candidate(str(name), sqnr=random.normal(30, 3, SAMPLES)) for name in range(4))))
        shown += bool(found[-1].beaten)
    # 5 % of 200, and three standard deviations.
    assert shown <= 10 + 3 * (200 * 0.05 * 0.95) ** 0.5

"""What is concluded from checks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quantkit.core.comparison import Interval
from quantkit.core.verdict import Check, Judgement, Verdict
from quantkit.gate.judging import judge
from quantkit.gate.renderers.table import TableVerdicts
from quantkit.gate.rules import Rules
from tests.gate_runs import run


def check(verdict: Verdict, *, advisory: bool = False) -> Check:
    return Check("int8", "top1", "FP32", verdict, 10, 0.5, advisory=advisory)


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ([], Verdict.INCONCLUSIVE),
        ([check(Verdict.PASS)], Verdict.PASS),
        ([check(Verdict.PASS), check(Verdict.INCONCLUSIVE)], Verdict.INCONCLUSIVE),
        ([check(Verdict.INCONCLUSIVE), check(Verdict.FAIL)], Verdict.FAIL),
        ([check(Verdict.PASS), check(Verdict.FAIL, advisory=True)], Verdict.PASS),
        ([check(Verdict.FAIL, advisory=True)], Verdict.INCONCLUSIVE),
    ],
    ids=["nothing", "pass", "open", "fail", "a warning decides nothing", "a warning alone passes nothing"],
)
def test_the_worst_that_counts_decides(checks: list[Check], expected: Verdict) -> None:
    assert Judgement(run(10), tuple(checks)).verdict is expected


def test_a_judgement_of_many_samples_is_told_in_a_line() -> None:
    judgement = judge(run(5000, regressed=400, fixed=0), Rules(minimums={"agreement": 0.5}))
    assert repr(judgement) == "Judgement(FAIL: 1 FAIL, 1 PASS on 5000 samples)"
    assert repr(judgement.checks[0]) == "Check(FAIL: int8/top1 against FP32, 75.00 % → 67.00 %)"
    assert len(repr(judgement.comparison.candidates[0])) < 100


def test_a_notebook_shows_the_figures_of_the_text() -> None:
    judgement = judge(run(5000, regressed=10, fixed=10), Rules(minimums={"agreement": 0.98}))
    page, text = judgement._repr_html_(), TableVerdicts(width=200).render(judgement)
    for figure in ("75.00 %", "99.60 %", "98.00 %"):
        assert figure in page
        assert figure in text
    assert "0.75 pp" in page
    assert judgement.headline in page


def test_a_time_and_a_warning_are_shown_as_such() -> None:
    slow = Check("int8", "latency-p50", "FP32", Verdict.FAIL, 100, 1.5, 1.0, limit=1.2, unit="ms", advisory=True)
    assert repr(slow) == "Check(WARNING: int8/latency-p50 against FP32, 1.000 ms → 1.500 ms)"
    assert slow.shown_limit == "1.200 ms"
    dropped = replace(slow, unit="dB", drop=Interval(0.5, 0.4, 0.6))
    assert (dropped.shown_limit, dropped.shown(None)) == ("1.20 dB", "")

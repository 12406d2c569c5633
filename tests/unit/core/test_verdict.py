"""What is concluded from checks."""

from __future__ import annotations

import pytest

from quantkit.core.verdict import Check, Judgement, Verdict
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

"""Limits on latency fail, and pass, only what calls show."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from quantkit.core.comparison import Comparison, Latency
from quantkit.core.timing import summarized
from quantkit.core.tolerance import Drop, Tolerance
from quantkit.core.verdict import Check, Verdict
from quantkit.gate.judging import judge
from quantkit.gate.rules import Rules
from quantkit.gate.updating import Change, updated
from tests.gate_runs import run

ONE_POINT = Rules(tolerances={"top1": Tolerance(max_drop=Drop(1, "pp"))})
SLOWER = replace(ONE_POINT, latency={"p50": 0.05})
TODAY = Change("first", "2026-11-21")


def calls(milliseconds: float, spread: float, seed: int) -> Latency:
    """Ten blocks of twenty calls; each block has its own pace."""
    generator = np.random.default_rng(seed)
    pace = np.exp(generator.normal(0, spread, (10, 1)))
    return summarized((milliseconds * pace * generator.uniform(0.999, 1.001, (10, 20))).tolist(), batch=1, warmup=50)


def timed(ratio: float, spread: float, seed: int = 0) -> Comparison:
    """A run whose candidate takes `ratio` times as long as the reference, give or take `spread` a block."""
    found = run(5000)
    outcome = found.candidates[0]
    slow = replace(outcome, subject=replace(outcome.subject, latency=calls(ratio, spread, seed)))
    reference = replace(found.reference, latency=calls(1.0, spread, seed + 1))
    return replace(found, reference=reference, candidates=(slow,))


def last(comparison: Comparison, rules: Rules = SLOWER) -> Check:
    return judge(comparison, rules).checks[-1]


@pytest.mark.parametrize(
    ("ratio", "spread", "expected", "why"),
    [
        (1.2, 0.02, Verdict.FAIL, r"1\.\d\d×, at least 1\.1\d×; 5\.00 % slower is allowed$"),
        (0.4, 0.02, Verdict.PASS, r"0\.\d\d×, at most 0\.4\d×; 5\.00 % slower is allowed$"),
        (1.08, 0.2, Verdict.INCONCLUSIVE, r"between \d\.\d\d× and \d\.\d\d×: time it on a quieter machine; 5\.00 %"),
    ],
    ids=["slower for certain", "faster for certain", "drowned in noise"],
)
@pytest.mark.parametrize("percentile", ["p50", "p90"])
def test_a_limit_is_exceeded_where_the_bound_is(
    ratio: float, spread: float, expected: Verdict, why: str, percentile: str
) -> None:
    check = last(timed(ratio, spread), replace(ONE_POINT, latency={percentile: 0.05}))
    assert (check.metric, check.verdict) == (f"latency-{percentile}", expected)
    assert re.search(why, check.reason), check.reason
    assert check.unit == "ms"
    assert check.facts["ratio_low"] < check.facts["ratio"] < check.facts["ratio_high"]


def test_a_model_on_its_limit_seldom_fails() -> None:
    failed = sum(last(timed(1.05, 0.03, seed)).verdict is Verdict.FAIL for seed in range(0, 200, 2))
    # A bound of 10 blocks is crossed 11 times in 1000; 5 times in 100 or more happens by chance less than 1 in 100.
    assert failed < 5


def test_a_risk_that_ten_blocks_cannot_tell_is_not_taken() -> None:
    alone, careful = (last(timed(1.3, 0.02), replace(SLOWER, alpha=alpha)) for alpha in (0.05, 2**-11))
    assert (alone.verdict, careful.verdict) == (Verdict.FAIL, Verdict.INCONCLUSIVE)
    assert (careful.facts["ratio_low"], careful.facts["ratio_high"]) == (0.0, math.inf)


def test_a_limit_that_is_exceeded_but_for_the_other_checks_says_so() -> None:
    found = run(5000)
    outcome = found.candidates[0]
    slow = Latency(1.2, 1.2, 200, 1, 50, (1.0, *(1.2,) * 9), (1.2,) * 10)
    reference = replace(found.reference, latency=Latency(1.0, 1.0, 200, 1, 50, (1.0,) * 10, (1.0,) * 10))
    subjects = [replace(outcome.subject, name=f"int8-{number}", latency=slow) for number in range(3)]
    candidates = tuple(replace(outcome, subject=subject) for subject in subjects)
    alone, together = (
        last(replace(found, reference=reference, candidates=given)) for given in (candidates[:1], candidates)
    )
    assert (alone.verdict, together.verdict) == (Verdict.FAIL, Verdict.INCONCLUSIVE)
    assert together.reason.endswith("alone it would fail, but the risk of that by chance is shared by all checks")


def test_without_blocks_the_medians_decide_as_if_certain() -> None:
    check = last(replace(run(5000), reference=replace(run().reference, latency=Latency(0.3, 0.4, 100, 1, 5))))
    assert check.verdict is Verdict.FAIL
    assert check.reason == "0.400 ms against 0.300 ms; 5.00 % slower is allowed"


@pytest.mark.parametrize("allowed", [0.0, 0.05, 1.0])
def test_what_is_just_as_slow_as_is_allowed_passes(allowed: float) -> None:
    found = run(5000)
    reference = replace(found.reference, latency=Latency(0.4 / (1 + allowed), 0.4, 100, 1, 5))
    assert last(replace(found, reference=reference), replace(SLOWER, latency={"p50": allowed})).verdict is Verdict.PASS


def test_against_a_baseline_both_runs_noise_counts() -> None:
    quiet, noisy = timed(0.4, 0.01), timed(0.4, 0.2)
    baselines = [updated(judge(before, ONE_POINT), ONE_POINT, None, TODAY) for before in (quiet, noisy)]
    slower = timed(0.48, 0.01, seed=6)
    found = [judge(slower, SLOWER, baseline).checks[-1] for baseline in baselines]
    assert [(check.against, check.verdict) for check in found] == [
        ("baseline", Verdict.FAIL),
        ("baseline", Verdict.INCONCLUSIVE),
    ]
    assert "the time of FP32 in the same job, 0.4" in found[0].reason


def test_a_baseline_from_before_ratios_is_taken_as_certain() -> None:
    baseline = updated(judge(timed(0.4, 0.01), ONE_POINT), ONE_POINT, None, TODAY)
    old = replace(baseline, timings={key: replace(found, ratios={}) for key, found in baseline.timings.items()})
    assert judge(timed(0.48, 0.01, seed=6), SLOWER, old).checks[-1].verdict is Verdict.FAIL
    assert judge(timed(0.4, 0.01, seed=6), SLOWER, old).checks[-1].verdict is Verdict.PASS


def test_a_baseline_whose_interval_is_open_shows_nothing() -> None:
    few = timed(0.4, 0.01)
    assert few.reference.latency is not None
    assert few.candidates[0].subject.latency is not None
    short = [
        replace(each, p50s_ms=each.p50s_ms[:4]) for each in (few.reference.latency, few.candidates[0].subject.latency)
    ]
    outcome = few.candidates[0]
    candidates = (replace(outcome, subject=replace(outcome.subject, latency=short[1])),)
    before = replace(few, reference=replace(few.reference, latency=short[0]), candidates=candidates)
    baseline = updated(judge(before, ONE_POINT), ONE_POINT, None, TODAY)
    check = judge(timed(4.0, 0.01), replace(SLOWER, latency={"p50": 9.0}), baseline).checks[-1]
    assert (check.against, check.verdict) == ("baseline", Verdict.INCONCLUSIVE)
    assert math.isinf(check.facts["ratio_high"])


def test_a_baseline_stores_ratios_and_no_single_blocks() -> None:
    baseline = updated(judge(timed(0.4, 0.01), ONE_POINT), ONE_POINT, None, TODAY)
    (timing,) = baseline.timings.values()
    assert set(timing.ratios) == {"p50", "p90"}
    assert timing.ratios["p50"].low < 0.4 < timing.ratios["p50"].high
    assert timing.fp32.p50s_ms == timing.int8.p90s_ms == ()

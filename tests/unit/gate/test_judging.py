"""The whole judgement of hand-made runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from quantkit.core.comparison import Comparison, Coverage, Interval, NodeCoverage, Outcome
from quantkit.core.errors import ArtifactError, DataError, ExitCode, QuantkitError, TooLittleError, UsageError
from quantkit.core.tolerance import Drop, Tolerance
from quantkit.core.verdict import Judgement, Verdict
from quantkit.gate.judging import exit_code, judge
from quantkit.gate.rules import Rules
from quantkit.gate.updating import Change, updated
from tests.gate_runs import graded, hits, of, outcome, run

ONE_POINT = Rules(tolerances={"top1": Tolerance(max_drop=Drop(1, "pp"))})
TODAY = Change("first", "2026-11-21")


def verdicts(judgement: Judgement) -> list[str]:
    return [str(check.verdict) for check in judgement.checks]


@pytest.mark.parametrize(
    ("regressed", "expected"),
    [(200, Verdict.FAIL), (20, Verdict.PASS), (65, Verdict.INCONCLUSIVE)],
    ids=["a clear loss fails", "a small one passes", "one near the limit is open"],
)
def test_a_loss_is_held_against_the_limit(regressed: int, expected: Verdict) -> None:
    judgement = judge(run(5000, regressed=regressed, fixed=10), ONE_POINT)
    assert judgement.verdict is expected
    assert judgement.checks[0].limit == 0.01
    assert "1.00 pp is tolerated" in judgement.checks[0].reason


def test_without_rules_the_first_accuracy_keeps_99_percent() -> None:
    check = judge(run(5000)).checks[0]
    assert check.metric == "top1"
    assert check.limit == pytest.approx(0.01 * 0.75)


def test_an_open_question_says_how_many_samples_would_tell() -> None:
    check = judge(run(500, regressed=8, fixed=8)).checks[0]
    assert check.verdict is Verdict.INCONCLUSIVE
    assert "n = 500, flips 3.2 %" in check.reason
    assert "minimum detectable drop 1.99 pp" in check.reason
    assert f"about {check.facts['needed']:.0f} samples would tell" in check.reason


def test_exit_codes_follow_what_was_asked_for() -> None:
    failed, opened = judge(run(5000, regressed=200), ONE_POINT), judge(run(500), ONE_POINT)
    assert exit_code(failed) == ExitCode.GATE_FAILED
    assert exit_code(opened) == ExitCode.OK
    assert exit_code(opened, "inconclusive") == ExitCode.TOO_LITTLE
    assert exit_code(judge(run(5000), ONE_POINT), "inconclusive") == ExitCode.OK


def test_a_mean_of_real_numbers_is_judged_by_drawing_its_pairs_again() -> None:
    reference = np.random.default_rng(5).normal(30.0, 5.0, 2000)
    rules = Rules(tolerances={"quality": Tolerance(max_drop=Drop(0.2, "dB"))})
    noise = np.random.default_rng(6).normal(0.0, 0.5, 2000)
    assert judge(graded(reference, reference - 0.5 + noise), rules).verdict is Verdict.FAIL
    assert judge(graded(reference, reference + noise), rules).verdict is Verdict.PASS
    worse = graded(reference, reference + 0.5 + noise, higher_is_better=False)
    assert judge(worse, rules).verdict is Verdict.FAIL


def test_two_models_just_beyond_their_limit_share_the_risk() -> None:
    reference, candidate = hits(5000, right=3750, regressed=63, fixed=0)
    single = judge(of((outcome("one", reference, candidate),), 5000), ONE_POINT)
    both = judge(of(tuple(outcome(name, reference, candidate) for name in ("one", "two")), 5000), ONE_POINT)
    assert verdicts(single) == ["FAIL"]
    assert verdicts(both) == ["INCONCLUSIVE"] * 2
    assert "shared by all checks" in both.checks[0].reason
    assert both.checks[0].drop == single.checks[0].drop


def test_a_bound_on_a_figure_without_a_reference() -> None:
    agreeing = run(5000, regressed=10, fixed=10)
    assert judge(agreeing, Rules(minimums={"agreement": 0.95})).checks[-1].verdict is Verdict.PASS
    assert judge(agreeing, Rules(minimums={"agreement": 0.9999})).checks[-1].verdict is Verdict.INCONCLUSIVE
    assert judge(run(5000, regressed=500), Rules(minimums={"agreement": 0.95})).checks[-1].verdict is Verdict.FAIL


def test_limits_on_what_was_counted_once() -> None:
    rules = Rules(
        latency={"p50": 0.05}, max_flips=0.01, max_size=0.25, min_int8_share=0.6, tolerances=ONE_POINT.tolerances
    )
    found = {check.metric: check.verdict for check in judge(run(5000), rules).checks}
    assert found == {
        "top1": Verdict.PASS,
        "latency-p50": Verdict.PASS,
        "flips": Verdict.PASS,
        "size": Verdict.FAIL,
        "int8-share": Verdict.FAIL,
    }


def test_a_baseline_is_compared_with_sample_by_sample_in_any_order() -> None:
    before = run(5000, regressed=10, fixed=10)
    baseline = updated(judge(before, ONE_POINT), ONE_POINT, None, TODAY)
    again = judge(shuffled(before), ONE_POINT, baseline)
    assert [check.against for check in again.checks] == ["FP32", "baseline"]
    assert again.checks[1].facts["regressed"] == again.checks[1].facts["fixed"] == 0
    assert again.verdict is Verdict.PASS
    assert judge(run(5000, regressed=200), ONE_POINT, baseline).checks[1].verdict is Verdict.FAIL


def test_a_baseline_from_another_machine_only_warns() -> None:
    baseline = updated(judge(run(5000), ONE_POINT), ONE_POINT, None, TODAY)
    elsewhere = run(5000, right=3900, regressed=150, environment={"onnxruntime": "1.31.1", "isa": "avx2"})
    loose = Rules(tolerances={"top1": Tolerance(max_drop=Drop(5, "pp"))})
    strict = replace(loose, tolerances={"top1": Tolerance(max_drop=Drop(0, "pp"))})
    judgement = judge(run(5000, regressed=100, fixed=0, environment=dict(elsewhere.environment)), strict, baseline)
    assert judgement.checks[1].advisory
    assert judgement.warnings == (judgement.checks[1],)
    assert "isa avx512_vnni then, avx2 now" in judgement.notes[0]
    allowed = judge(run(5000, environment=dict(elsewhere.environment)), replace(loose, allow_cross_env=True), baseline)
    assert not allowed.checks[1].advisory
    assert exit_code(allowed, "warning") == ExitCode.GATE_FAILED


def test_better_than_the_baseline_is_a_notice() -> None:
    worse = run(5000, regressed=20, fixed=0)
    baseline = updated(judge(worse, ONE_POINT), ONE_POINT, None, TODAY)
    assert judge(run(5000, regressed=0, fixed=0), ONE_POINT, baseline).checks[1].improved


def test_tolerances_come_from_the_baseline_where_none_are_typed() -> None:
    baseline = updated(judge(run(5000), ONE_POINT), ONE_POINT, None, TODAY)
    assert judge(run(5000), Rules(), baseline).checks[0].limit == 0.01


def test_a_model_that_the_baseline_lacks_is_named() -> None:
    baseline = updated(judge(run(5000), ONE_POINT), ONE_POINT, None, TODAY)
    reference, candidate = hits(5000, right=3750, regressed=10, fixed=10)
    judgement = judge(of((outcome("fresh", reference, candidate),), 5000), ONE_POINT, baseline)
    assert judgement.notes == ("the baseline has no outcomes of fresh/ort-cpu/top1: only FP32 is compared with",)


def test_clusters_widen_the_bounds() -> None:
    comparison = run(4900, regressed=70, fixed=0)
    single = judge(comparison, ONE_POINT).checks[0]
    grouped = judge(comparison, replace(ONE_POINT, cluster="folder")).checks[0]
    assert grouped.drop is not None
    assert single.drop is not None
    assert "7 clusters" in grouped.drop.method
    assert grouped.drop.estimate == pytest.approx(single.drop.estimate)


def changed(found: Comparison, **of_outcome: Any) -> Comparison:
    return replace(found, candidates=(replace(found.candidates[0], **of_outcome),))


def subject(found: Comparison, **facts: Any) -> Comparison:
    return changed(found, subject=replace(found.candidates[0].subject, **facts))


def nan_accuracy() -> Comparison:
    made = run()
    return changed(made, metrics=(replace(made.candidates[0].metrics[0], reference=float("nan")),))


def nothing_right() -> Comparison:
    return run(right=0, regressed=0, fixed=0)


def other_labels() -> Comparison:
    made = run()
    assert made.labels is not None
    return replace(made, labels=made.labels[::-1].copy())


FLOAT_ONLY = Coverage((NodeCoverage("conv", "Conv", "fp32"),))


@pytest.mark.parametrize(
    ("comparison", "kind", "message"),
    [
        (of((), 0), TooLittleError, "0 samples were evaluated"),
        (of((), 10), TooLittleError, "no candidate"),
        (subject(run(), coverage=FLOAT_ONLY), TooLittleError, "nothing in int8 is quantized"),
        (subject(run(), digest="f" * 64), TooLittleError, "nothing in int8 is quantized"),
        (subject(run(), provenance={"quantkit.synthetic": "true"}), TooLittleError, "calibrated on made-up data"),
        (replace(run(), data={"preprocessing": '{"synthetic":true}'}), TooLittleError, "compared on made-up data"),
        (subject(run(), provenance={"quantkit.samples_digest": "a" * 64}), DataError, "5000 of 5000 evaluated"),
        (replace(run(), data={"calibrated_on": "3"}), DataError, "3 of 5000 evaluated samples"),
        (nan_accuracy(), DataError, "is NaN"),
        (nothing_right(), TooLittleError, "of the reference is 0"),
        (changed(run(), metrics=()), TooLittleError, "no accuracy to judge"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_allows_no_verdict_is_refused(comparison: Comparison, kind: type[QuantkitError], message: str) -> None:
    with pytest.raises(kind, match=message):
        judge(comparison)


def test_overlap_is_judged_where_that_is_asked_for() -> None:
    shared = replace(run(), data={"calibrated_on": "3"})
    assert judge(shared, Rules(allow_overlap=True)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (Rules(models=("in8",)), "no candidate called 'in8'"),
        (Rules(minimums={"top2": 0.5}), "no metric called 'top2'"),
        (Rules(tolerances={"agreement": Tolerance(min_ratio=0.9)}), "no value for the reference"),
        (Rules(tolerances={"top1": Tolerance(max_drop=Drop(1, "dB"))}), "a drop of 1dB in top1"),
        (Rules(cluster="city"), "cannot be grouped by 'city'"),
        (Rules(latency={"p99": 0.05}), "no percentile 'p99'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rules_that_do_not_fit_the_run_are_refused(rules: Rules, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        judge(run(), rules)


@pytest.mark.parametrize(
    ("rules", "lacking"),
    [(Rules(latency={"p50": 0.1}), {"latency": None}), (Rules(min_int8_share=0.5), {"coverage": None})],
    ids=["latency", "coverage"],
)
def test_a_limit_on_what_was_not_measured_is_no_success(rules: Rules, lacking: dict[str, None]) -> None:
    with pytest.raises(TooLittleError, match="is limited but not known"):
        judge(subject(run(), **lacking), rules)


def test_a_baseline_of_other_samples_or_labels_is_refused() -> None:
    baseline = updated(judge(run(5000), ONE_POINT), ONE_POINT, None, TODAY)
    for other in (run(4000), other_labels(), replace(run(), data={"samples_sha256": "b" * 64})):
        with pytest.raises(ArtifactError, match="of another data set"):
            judge(other, ONE_POINT, baseline)


def shuffled(found: Comparison) -> Comparison:
    """The same samples in another order."""
    order = np.random.default_rng(1).permutation(len(found.samples))
    assert found.labels is not None

    def moved(one: Outcome) -> Outcome:
        return replace(one, rows={name: values[order] for name, values in one.rows.items()})

    return replace(
        found,
        samples=tuple(found.samples[index] for index in order),
        labels=found.labels[order],
        candidates=tuple(moved(one) for one in found.candidates),
    )


def test_a_bound_is_told_in_figures_and_not_as_a_drop() -> None:
    check = judge(run(5000), Rules(minimums={"agreement": 0.95})).checks[-1]
    assert (check.limit, check.drop, check.reference) == (0.95, None, None)
    assert check.reason == "99.60 %, between 98.60 % and 100.00 %; 95.00 % is asked for"


def test_an_error_has_to_stay_below_its_bound() -> None:
    reference = np.random.default_rng(5).normal(30.0, 5.0, 2000)
    comparison = graded(reference, reference, higher_is_better=False)
    bounded = replace(comparison.candidates[0].metrics[0], interval=Interval(30.0, 29.5, 30.5))
    made = changed(comparison, metrics=(bounded,))
    quality = {"quality": Tolerance(max_drop=Drop(1))}
    found = {
        least: judge(made, Rules(tolerances=quality, minimums={"quality": least})).checks[-1].verdict
        for least in (29.0, 30.0, 31.0)
    }
    assert found == {29.0: Verdict.FAIL, 30.0: Verdict.INCONCLUSIVE, 31.0: Verdict.PASS}

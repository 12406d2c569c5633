"""The whole judgement of hand-made runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from quantkit.core.comparison import (
    DOUBTFUL,
    Comparison,
    Coverage,
    EngineLayers,
    Interval,
    Latency,
    MetricSummary,
    NodeCoverage,
    Noise,
    Outcome,
)
from quantkit.core.errors import ArtifactError, DataError, ExitCode, QuantkitError, TooLittleError, UsageError
from quantkit.core.tolerance import Drop, Tolerance
from quantkit.core.verdict import Judgement, Verdict
from quantkit.gate.judging import exit_code, judge
from quantkit.gate.rules import Rules
from quantkit.gate.updating import Change, updated
from tests.gate_runs import INT8, graded, hits, of, outcome, run

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
    told = judgement.checks[0].reason
    assert ("tolerance 1.00 pp" if expected is Verdict.INCONCLUSIVE else "1.00 pp is tolerated") in told


def test_without_rules_the_first_accuracy_keeps_99_percent() -> None:
    check = judge(run(5000)).checks[0]
    assert check.metric == "top1"
    assert check.limit == pytest.approx(0.01 * 0.75)


def test_an_open_question_says_how_many_samples_would_tell() -> None:
    check = judge(run(500, regressed=8, fixed=8)).checks[0]
    assert check.verdict is Verdict.INCONCLUSIVE
    assert "n = 500, flips 3.2 %" in check.reason
    assert "MDE 2.07 pp > tolerance 0.75 pp" in check.reason
    assert f"need ≈ {check.facts['needed']:.0f} samples" in check.reason


def test_where_pairs_are_counted_pairs_are_what_is_lacking() -> None:
    made = run(400, regressed=8, fixed=8)
    top1 = made.candidates[0].metrics[0]
    check = judge(changed(made, metrics=(replace(top1, facts={**top1.facts, "pairs": 400.0}),))).checks[0]
    assert check.verdict is Verdict.INCONCLUSIVE
    assert check.reason.startswith("n = 400 pairs, flips 4.0 %")
    assert f"need ≈ {check.facts['needed']:.0f} pairs if nothing is lost" in check.reason
    assert "pairs" not in check.facts


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


def test_a_tolerance_that_is_typed_leaves_the_others_of_the_baseline_in_force() -> None:
    baseline = updated(judge(run(5000), ONE_POINT), ONE_POINT, None, TODAY)
    made = whole_set(0.398, 0.003)
    both = replace(
        made,
        candidates=(
            replace(run(5000).candidates[0], metrics=(*run().candidates[0].metrics, *made.candidates[0].metrics)),
        ),
    )
    found = {check.metric: check.limit for check in judge(both, MAP, baseline).checks if check.against == "FP32"}
    assert found == {"top1": 0.01, "detection-map": 0.01}
    stricter = judge(both, Rules(tolerances={"top1": Tolerance(max_drop=Drop(0.5, "pp"))}), baseline)
    assert stricter.checks[0].limit == 0.005


def test_a_model_that_the_baseline_lacks_is_named() -> None:
    baseline = updated(judge(run(5000), ONE_POINT), ONE_POINT, None, TODAY)
    reference, candidate = hits(5000, right=3750, regressed=10, fixed=10)
    both = (outcome("int8", reference, candidate), outcome("fresh", reference, candidate))
    judgement = judge(of(both, 5000), ONE_POINT, baseline)
    assert judgement.notes == ("the baseline has no outcomes of fresh/ort-cpu/top1: only FP32 is compared with",)


def test_a_baseline_of_other_models_judges_nothing() -> None:
    baseline = updated(judge(run(5000), ONE_POINT), ONE_POINT, None, TODAY)
    reference, candidate = hits(5000, right=3750, regressed=10, fixed=10)
    with pytest.raises(TooLittleError, match=r"QK6017.*none of the models") as refusal:
        judge(of((outcome("fresh", reference, candidate),), 5000), ONE_POINT, baseline)
    assert "it holds int8/ort-cpu; the run has fresh" in str(refusal.value)


def test_a_doubtful_run_is_told_and_becomes_no_baseline() -> None:
    doubtful = replace(run(5000), notes=(f"{DOUBTFUL}the reference is right on 2 of 5000 samples",))
    judgement = judge(doubtful, ONE_POINT)
    assert judgement.notes == ("the reference is right on 2 of 5000 samples",)
    assert exit_code(judgement, "warning") is ExitCode.GATE_FAILED
    with pytest.raises(TooLittleError, match="QK6018"):
        updated(judgement, ONE_POINT, None, TODAY)


@pytest.mark.parametrize("figure", ["candidate", "reference"])
def test_a_run_whose_accuracy_is_not_that_of_its_rows_was_edited(figure: str) -> None:
    whole = run(5000, regressed=400, fixed=0)
    first, *others = whole.candidates[0].metrics
    edited = changed(whole, metrics=(replace(first, **{figure: 0.99}), *others))  # type: ignore[arg-type]
    with pytest.raises(ArtifactError, match=r"of int8 is 0.99 in the run, and its rows make 0.(67|75)") as refusal:
        judge(edited, ONE_POINT)
    assert refusal.value.code == "QK6022"


def test_a_run_whose_last_rows_were_torn_off_is_judged_by_what_it_says() -> None:
    whole = run(5000, regressed=400, fixed=0)
    rows = {name: values[:4990] for name, values in whole.candidates[0].rows.items()}
    torn = replace(changed(whole, rows=rows), samples=whole.samples[:4990], labels=None)
    assert judge(torn, ONE_POINT).verdict is Verdict.FAIL


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
        (subject(run(), provenance={"calibrated_on": "4"}), DataError, "4 of 5000 evaluated samples"),
        (nan_accuracy(), DataError, "is NaN"),
        (nothing_right(), TooLittleError, "of the reference is 0"),
        (changed(run(), metrics=()), TooLittleError, "no accuracy to judge"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_allows_no_verdict_is_refused(comparison: Comparison, kind: type[QuantkitError], message: str) -> None:
    with pytest.raises(kind, match=message):
        judge(comparison)


SIMULATED = replace(FLOAT_ONLY, pairs=3)


def test_pairs_that_are_computed_in_floats_are_quantized_all_the_same() -> None:
    simulated = subject(run(), coverage=SIMULATED)
    assert judge(simulated, ONE_POINT).verdict is Verdict.PASS
    check = judge(simulated, replace(ONE_POINT, min_int8_share=0.5)).checks[-1]
    assert check.verdict is Verdict.FAIL
    assert check.reason.startswith("0 of 1 nodes run in integers, as the Q/DQ pairs are computed in floats; 50.00 %")


@pytest.mark.parametrize("rules", [Rules(min_int8_share=0.5), Rules(latency={"p50": 9.0})], ids=["coverage", "latency"])
def test_how_a_model_for_tensorrt_runs_elsewhere_is_not_judged(rules: Rules) -> None:
    made = subject(run(), coverage=replace(INT8, pairs=3), provenance={"quantkit.target": "tensorrt"})
    with pytest.raises(TooLittleError, match=r"QK6020.*is limited but not known") as refusal:
        judge(made, rules)
    assert "written for TensorRT" in (refusal.value.cause or "")
    engines = subject(made, coverage=Coverage(INT8.nodes, EngineLayers({"int8": 1}, 0)))
    assert judge(engines, rules).checks[-1].verdict is Verdict.PASS


def test_labels_that_are_no_classes_are_why_there_is_no_accuracy() -> None:
    doubtful = replace(changed(run(), metrics=()), notes=(f"{DOUBTFUL}not measured: top1 (label 7 is no class)",))
    with pytest.raises(TooLittleError, match="no accuracy to judge") as refusal:
        judge(doubtful)
    assert (refusal.value.cause or "").endswith("; not measured: top1 (label 7 is no class)")


def engine(unscaled: dict[str, str] | None, **by_precision: int) -> Comparison:
    """A run whose candidate is a TensorRT engine."""
    layers = EngineLayers(by_precision, 0, unscaled)
    return subject(run(), coverage=Coverage((NodeCoverage("conv", "Conv", "int8"),), layers))


@pytest.mark.parametrize(
    ("unscaled", "most", "verdict"),
    [
        (None, 0, Verdict.PASS),
        ({"a": "constant", "b": "fused"}, 0, Verdict.PASS),
        ({"a": "missing", "b": "fused"}, 0, Verdict.FAIL),
        ({"a": "missing", "b": "missing"}, 2, Verdict.PASS),
    ],
    ids=["in the model", "excused", "one", "two allowed"],
)
def test_missing_scales_have_a_limit(unscaled: dict[str, str] | None, most: int, verdict: Verdict) -> None:
    judgement = judge(engine(unscaled, int8=3), replace(ONE_POINT, max_missing_scales=most))
    (check,) = (check for check in judgement.checks if check.metric == "missing-scales")
    assert check.verdict is verdict
    assert f"{most} are allowed" in check.reason


def test_the_first_tensors_without_a_scale_are_named() -> None:
    unscaled = dict.fromkeys(("a", "b", "c", "d"), "missing")
    judgement = judge(engine(unscaled, int8=3), replace(ONE_POINT, max_missing_scales=0))
    assert "4 tensors lack a scale (a, b, c, …); 0 are allowed" in [check.reason for check in judgement.checks]


def test_an_engine_in_floats_is_there_to_measure_int8_against() -> None:
    made = engine(None, int8=3)
    halves = replace(
        made.candidates[0].subject,
        name="FP16",
        digest=made.reference.digest,
        coverage=Coverage((NodeCoverage("conv", "Conv", "fp16"),), EngineLayers({"fp16": 3}, 0)),
    )
    both = replace(made, candidates=(replace(made.candidates[0], subject=halves), *made.candidates))
    assert {check.model for check in judge(both).checks} == {"int8"}
    with pytest.raises(TooLittleError, match="nothing in FP16 is quantized"):
        judge(both, Rules(models=("FP16",)))
    with pytest.raises(TooLittleError, match="nothing in FP16 is quantized"):
        judge(replace(both, candidates=both.candidates[:1]))


def test_an_engine_of_the_reference_with_scales_from_beside_it_is_judged() -> None:
    made = engine({}, int8=3)
    assert judge(subject(made, digest=made.reference.digest)).checks


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
    [
        (Rules(latency={"p50": 0.1}), {"latency": None}),
        (Rules(min_int8_share=0.5), {"coverage": None}),
        (Rules(max_missing_scales=0), {"coverage": None}),
    ],
    ids=["latency", "coverage", "scales"],
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


def noisy(found: Comparison, floor: float) -> Comparison:
    """A run whose models each differ from themselves by this much."""
    return replace(found, noise={name: Noise(5000, 7, {"top1": floor}) for name in ("FP32", "int8")})


def test_a_drop_that_noise_may_have_made_is_no_failure() -> None:
    made = run(5000, regressed=200, fixed=10)
    assert judge(made, ONE_POINT).verdict is Verdict.FAIL
    check = judge(noisy(made, 0.02), ONE_POINT).checks[0]
    assert check.verdict is Verdict.INCONCLUSIVE
    assert check.facts["noise_floor"] == 0.04
    assert "noise floor 4.00 pp" in check.reason
    quiet = judge(noisy(made, 0.0), ONE_POINT).checks[0]
    assert (quiet.verdict, quiet.facts["noise_floor"]) == (Verdict.FAIL, 0.0)
    assert "noise" not in quiet.reason


def test_noise_counts_against_a_pass_too() -> None:
    assert judge(noisy(run(5000), 0.001), ONE_POINT).verdict is Verdict.PASS
    assert judge(noisy(run(5000), 0.01), ONE_POINT).verdict is Verdict.INCONCLUSIVE


def test_noise_widens_the_comparison_with_a_baseline() -> None:
    baseline = updated(judge(run(5000), ONE_POINT), ONE_POINT, None, TODAY)
    check = judge(noisy(run(5000), 0.001), ONE_POINT, baseline).checks[1]
    assert (check.against, check.facts["noise_floor"]) == ("baseline", 0.002)


SLOWER = replace(ONE_POINT, latency={"p50": 0.05})


def timed(found: Comparison, fp32: float, int8: float) -> Comparison:
    candidate = subject(found, latency=Latency(int8, int8, 100, 1, 5))
    return replace(candidate, reference=replace(found.reference, latency=Latency(fp32, fp32, 100, 1, 5)))


@pytest.mark.parametrize(
    ("fp32", "int8", "expected"),
    [(2.0, 0.8, Verdict.PASS), (1.0, 0.41, Verdict.PASS), (1.0, 0.43, Verdict.FAIL), (0.5, 0.4, Verdict.FAIL)],
    ids=["a machine half as fast", "within the limit", "slower", "only the reference became faster"],
)
def test_latency_is_compared_with_the_baseline_as_a_part_of_the_references(
    fp32: float, int8: float, expected: Verdict
) -> None:
    baseline = updated(judge(timed(run(5000), 1.0, 0.4), ONE_POINT), ONE_POINT, None, TODAY)
    check = judge(timed(run(5000), fp32, int8), SLOWER, baseline).checks[-1]
    assert (check.metric, check.against) == ("latency-p50", "baseline")
    assert check.verdict is expected
    assert not check.advisory


def test_latency_only_warns_on_a_shared_machine_and_from_another_environment() -> None:
    baseline = updated(judge(timed(run(5000), 1.0, 0.4), ONE_POINT), ONE_POINT, None, TODAY)
    slower = timed(run(5000), 1.0, 2.0)
    shared = judge(slower, replace(SLOWER, shared_machine=True), baseline)
    assert shared.verdict is Verdict.PASS
    assert [check.against for check in shared.warnings] == ["FP32", "baseline"]
    assert "shared with other jobs" in shared.warnings[0].reason
    elsewhere = judge(replace(slower, environment={"isa": "avx2"}), SLOWER, baseline)
    assert [check.against for check in elsewhere.warnings] == ["baseline"]


def whole_set(int8: float, spread: float, fp32: float = 0.40) -> Comparison:
    """A run by a figure of the whole set, as mAP is, of which no sample has a share."""
    difference = Interval(int8 - fp32, int8 - fp32 - spread, int8 - fp32 + spread)
    summary = MetricSummary("detection-map", 5000, int8, fp32, difference, unit="share")
    return changed(run(5000), metrics=(summary,), rows={})


MAP = Rules(tolerances={"detection-map": Tolerance(max_drop=Drop(1, "pp"))})


@pytest.mark.parametrize(
    ("int8", "expected"), [(0.397, Verdict.PASS), (0.385, Verdict.INCONCLUSIVE), (0.36, Verdict.FAIL)]
)
def test_a_figure_of_the_whole_set_is_compared_with_its_baseline(int8: float, expected: Verdict) -> None:
    baseline = updated(judge(whole_set(0.398, 0.003), MAP), MAP, None, TODAY)
    check = judge(whole_set(int8, 0.003), MAP, baseline).checks[1]
    assert (check.against, check.verdict) == ("baseline", expected)
    assert check.drop is not None
    assert "as if independent" in check.drop.method


def test_a_figure_of_the_whole_set_and_another_reference_are_not_compared() -> None:
    baseline = updated(judge(whole_set(0.398, 0.003), MAP), MAP, None, TODAY)
    judgement = judge(whole_set(0.41, 0.003, fp32=0.42), MAP, baseline)
    assert [check.against for check in judgement.checks] == ["FP32"]
    assert "only FP32 is compared with" in judgement.notes[0]


def test_a_figure_of_the_whole_set_has_no_clusters() -> None:
    with pytest.raises(UsageError, match="holds nothing of it to draw in clusters"):
        judge(whole_set(0.398, 0.003), replace(MAP, cluster="folder"))

"""What is said about figures is what they show, and no more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quantkit.core.comparison import DOUBTFUL, Comparison, Interval, Latency, MetricSummary
from quantkit.report._wording import headline, sections, speed, verdict
from tests.fake_comparison import comparison


def summary(low: float, high: float, *, higher: bool = True, unit: str = "share", flips: bool = True) -> MetricSummary:
    return MetricSummary(
        "top1",
        300,
        0.9,
        0.95,
        Interval((low + high) / 2, low, high),
        unit=unit,
        higher_is_better=higher,
        title="top-1",
        facts={"regressed": 9, "fixed": 4, "p_value": 0.267, "minimum_detectable_drop": 0.0143} if flips else {},
    )


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (
            summary(-0.0187, 0.0093),
            "no difference in top-1 is shown by 300 samples (9 regressed, 4 fixed, exact McNemar p = 0.27); it may "
            "still be worse by up to 1.87 pp (95 % interval); this many would find a true drop of 1.43 pp 4 times in 5",
        ),
        (
            summary(-0.0187, 0.0093, flips=False),
            "no difference in top-1 is shown by 300 samples; it may still be worse by up to 1.87 pp (95 % interval)",
        ),
        (
            summary(-0.03, -0.01),
            "top-1 is worse by 2.00 pp, at least 1.00 pp (95 % interval) "
            "(9 regressed, 4 fixed, exact McNemar p = 0.27)",
        ),
        (summary(0.01, 0.03, flips=False), "top-1 is better by 2.00 pp, at least 1.00 pp (95 % interval)"),
        (
            summary(1, 3, higher=False, unit="", flips=False),
            "top-1 is worse by 2.00000, at least 1.00000 (95 % interval)",
        ),
    ],
    ids=["none", "no flips", "worse", "better", "lower is better"],
)
def test_the_words_follow_the_interval(figures: MetricSummary, said: str) -> None:
    assert figures.difference is not None
    assert verdict(figures, figures.difference) == said


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "fp32 against nothing on 300"), (1, "fp32 against max on 300"), (2, "fp32 against max and entropy on 300")],
)
def test_the_heading_names_the_models_and_the_samples(count: int, expected: str) -> None:
    whole = comparison()
    assert headline(replace(whole, candidates=whole.candidates[:count])) == f"{expected} samples"


def lines(whole: Comparison, title: str) -> tuple[str, ...]:
    return next(section.lines for section in sections(whole) if section.title.startswith(title))


def test_without_an_accuracy_that_is_said() -> None:
    whole = comparison()
    bare = tuple(replace(outcome, metrics=outcome.metrics[2:]) for outcome in whole.candidates)
    told = lines(replace(whole, candidates=bare), "What this shows")
    assert told[0] == "Accuracy was not measured: the figures say how far outputs moved, not whether it matters."


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (Interval(2.31, 2.28, 2.35), "2.31× as fast as FP32, at least 2.28× (95 % interval)"),
        (Interval(0.9, 0.88, 0.93), "slower: 0.90× as fast as FP32, at most 0.93× (95 % interval)"),
        (
            Interval(1.05, 0.99, 1.11),
            "no difference in speed is shown by 200 calls; it may be 0.99× to 1.11× as fast as FP32 (95 % interval)",
        ),
        (
            Interval(2.0, 0.0, float("inf")),
            "no difference in speed is shown by 200 calls; it may be 0.00× to ∞× as fast as FP32 (95 % interval)",
        ),
    ],
    ids=["faster", "slower", "neither", "too few blocks"],
)
def test_a_difference_in_speed_is_told_only_where_it_is_shown(ratio: Interval, said: str) -> None:
    assert speed(ratio, comparison().candidates[0].subject, "FP32") == said


def test_a_run_that_was_not_timed_or_by_no_blocks_says_nothing_of_speed() -> None:
    whole = comparison()
    for latency in (None, Latency(1.2, 1.4, 100, 1, 5)):
        told = sections(replace(whole, reference=replace(whole.reference, latency=latency)))
        assert not any("as fast as" in line for section in told for line in section.lines)


def test_nothing_is_said_of_the_speed_of_a_model_for_tensorrt_that_ran_elsewhere() -> None:
    first, *others = comparison().candidates
    coverage = first.subject.coverage
    assert coverage is not None
    for_gpus = replace(
        first.subject, provenance={"quantkit.target": "tensorrt"}, coverage=replace(coverage, engine=None)
    )
    whole = replace(comparison(), candidates=(replace(first, subject=for_gpus), *others))
    told = [line.partition(":")[0] for line in lines(whole, "What this shows") if "as fast as" in line]
    assert told == ["entropy"]


def test_a_doubt_about_every_figure_comes_before_them() -> None:
    whole = replace(comparison(), notes=("small", f"{DOUBTFUL}the labels look wrong"))
    assert lines(whole, "What this shows")[0] == "the labels look wrong"
    assert lines(whole, "Notes") == ("small",)


def test_reasons_are_counted_and_candidates_alike_told_together() -> None:
    whole = comparison()
    assert lines(whole, "Not in INT8: max") == (
        "3 × Add in fp32: its inputs differ (such as /stage0/Add)",
        "1 × Softmax in fp32: its inputs are not quantized (/head/Softmax)",
    )
    alike = replace(whole.candidates[0].subject, name="entropy")
    same = replace(whole, candidates=(whole.candidates[0], replace(whole.candidates[1], subject=alike)))
    assert [s.title for s in sections(same) if "INT8" in s.title] == ["Not in INT8: max, entropy"]


def test_intervals_name_their_method_once() -> None:
    told = lines(comparison(), "Provenance")
    assert "intervals of top-1, top-5: Tango score" in told
    assert "intervals of SQNR, cosine: percentile bootstrap, 10000 resamples, seed 0" in told

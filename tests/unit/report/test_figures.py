from __future__ import annotations

from dataclasses import replace

from quantkit.core.comparison import Coverage, EngineLayers, Interval, Latency, MetricSummary
from quantkit.report._figures import NEVER, NOTHING, rows
from tests.fake_comparison import comparison


def test_accuracies_come_first_then_shares_then_decibels() -> None:
    whole = comparison()
    backwards = tuple(replace(outcome, metrics=outcome.metrics[::-1]) for outcome in whole.candidates)
    heads = [row.label for row in rows(replace(whole, candidates=backwards)) if not row.detail]
    assert heads == [
        "top-1",
        "top-5",
        "agreement",
        "SQNR",
        "cosine",
        "max error",
        "latency, batch 1, p50",
        "size",
        "nodes in INT8",
    ]


def test_a_metric_that_nobody_knew_is_shown_by_its_unit_and_direction() -> None:
    whole = comparison()
    word_error = MetricSummary(
        "wer", 300, 0.051, 0.05, Interval(0.001, -0.002, 0.004, level=0.9), unit="share", higher_is_better=False
    )
    found = rows(replace(whole, candidates=(replace(whole.candidates[0], metrics=(word_error,)),)))
    assert [(row.label, row.cells) for row in found[:3]] == [
        ("wer", ("5.00 %", "5.10 %")),
        ("difference", (NEVER, "+0.10 pp")),
        ("90 % interval", (NEVER, "[−0.20, +0.40]")),
    ]


def test_what_one_candidate_lacks_is_a_dash() -> None:
    whole = comparison()
    bare = replace(whole.candidates[1], metrics=whole.candidates[1].metrics[:1])
    sqnr = next(row for row in rows(replace(whole, candidates=(whole.candidates[0], bare))) if row.label == "SQNR")
    assert sqnr.cells == (NOTHING, "13.29 dB", NOTHING)


def test_what_nobody_has_is_not_a_row() -> None:
    whole = comparison()
    subjects = [replace(outcome.subject, latency=None, coverage=Coverage(())) for outcome in whole.candidates]
    candidates = tuple(replace(o, subject=s, metrics=()) for o, s in zip(whole.candidates, subjects, strict=True))
    bare = replace(whole, reference=replace(whole.reference, latency=None), candidates=candidates)
    assert [row.label for row in rows(bare)] == ["size", "times smaller", "nodes in INT8"]


def test_an_engine_says_what_it_consists_of_and_for_want_of_which_scales_it_computes_in_floats() -> None:
    whole = comparison()
    layers = (EngineLayers({"int8": 14, "fp32": 1}, 8), EngineLayers({"int8": 9}, 0, {"a": "missing", "b": "fused"}))
    candidates = tuple(
        replace(outcome, subject=replace(outcome.subject, coverage=Coverage((), engine)))
        for outcome, engine in zip(whole.candidates, layers, strict=True)
    )
    found = {row.label: row.cells for row in rows(replace(whole, candidates=candidates))}
    assert found["engine layers INT8 / FP16 / FP32"] == (NOTHING, "14 / 0 / 1", "9 / 0 / 0")
    assert found["reformats"] == (NOTHING, "8", "0")
    assert found["scales missing"] == (NOTHING, NOTHING, "1")


def test_a_speed_up_has_an_interval_where_blocks_of_calls_are_known() -> None:
    whole = comparison()
    found = [(row.label, row.cells) for row in rows(whole)]
    at = next(number for number, (label, _) in enumerate(found) if label == "speed-up")
    assert found[at : at + 2] == [
        ("speed-up", (NEVER, "2.99×", "3.01×")),
        ("95 % interval", (NEVER, "[2.96, 3.01]", "[2.98, 3.04]")),
    ]


def test_a_run_without_blocks_shows_the_ratio_of_its_medians_alone() -> None:
    whole = comparison()
    assert whole.reference.latency is not None
    old = replace(whole, reference=replace(whole.reference, latency=Latency(1.236, 1.402, 100, 1, 5)))
    found = {row.label: row.cells for row in rows(replace(old, candidates=old.candidates[:1])) if "%" not in row.label}
    assert found["speed-up"] == (NEVER, "3.00×")
    assert [row.label for row in rows(old)][-4:] == ["speed-up", "size", "times smaller", "nodes in INT8"]


def test_infinite_figures_have_a_sign() -> None:
    whole = comparison()
    broken = replace(whole.candidates[0].metrics[3], candidate=float("-inf"), interval=None)
    found = rows(replace(whole, candidates=(replace(whole.candidates[0], metrics=(broken,)),)))
    assert found[0].cells == (NOTHING, "−∞ dB")

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quantkit.core.comparison import Comparison, Coverage, EngineLayers, Subject
from quantkit.core.errors import UsageError
from quantkit.report.table import TableRenderer
from tests.fake_comparison import comparison


def test_two_models_of_one_name_are_refused() -> None:
    whole = comparison()
    with pytest.raises(UsageError, match="2 models under comparison are called 'max'"):
        replace(whole, candidates=(whole.candidates[0], whole.candidates[0]))


def test_comparisons_are_equal_by_content() -> None:
    whole, again = comparison(), comparison()
    assert whole == again
    changed = dict(whole.candidates[0].rows) | {"top1": np.zeros(300, np.bool_)}
    assert whole != replace(again, candidates=(replace(whole.candidates[0], rows=changed), whole.candidates[1]))
    assert whole != replace(again, labels=None)


def test_a_repr_says_what_it_cost() -> None:
    shown = repr(comparison())
    assert shown.startswith("Comparison(fp32 against max (top1 −1.67 pp [−4.45, +0.99]), entropy (top1 0.00 pp")
    assert shown.endswith(": 300 samples)")


def test_a_candidate_without_metrics_still_has_a_repr() -> None:
    whole = comparison()
    bare = replace(whole, candidates=(replace(whole.candidates[0], metrics=()),))
    assert repr(bare) == "Comparison(fp32 against max: 300 samples)"


def test_coverage_of_a_model_without_nodes_is_nothing() -> None:
    assert (Coverage(()).share, Coverage(()).total) == (0.0, 0)


def test_layers_of_an_engine_are_told_in_a_line_and_only_what_nothing_excuses_is_missing() -> None:
    layers = EngineLayers({"int8": 14, "fp16": 1}, 8, {"shape": "not float", "a": "missing", "c": "fused"})
    assert str(layers) == "1 fp16, 14 int8, 8 reformats"
    assert layers.missing == ("a",)
    assert not layers.is_floating


def test_an_engine_in_floats_lacks_no_scales() -> None:
    layers = EngineLayers({"fp16": 3}, 0)
    assert layers.is_floating
    assert layers.missing == ()
    # This one was to be in integers.
    assert not EngineLayers({"fp16": 3}, 0, {}).is_floating


def test_a_metric_is_found_by_name() -> None:
    outcome = comparison().candidates[0]
    assert outcome.metric("sqnr") is outcome.metrics[3]
    assert outcome.metric("psnr") is None


def test_a_comparison_needs_no_candidates() -> None:
    assert Comparison(Subject("fp32", "m.onnx", "", 1), (), ()).candidates == ()


def test_a_notebook_shows_the_figures_of_the_table() -> None:
    """An agreement is a figure with an interval around itself, not a difference."""
    page, text = comparison()._repr_html_(), TableRenderer(width=120).render(comparison())
    for figure in ("95.67 %", "[92.73, 97.45]", "−1.67 pp", "[−4.45, +0.99]", "13.29 dB", "0.97595"):
        assert figure in page
        assert figure in text
    assert "<td>agreement</td><td></td><td>95.67 %</td><td></td><td>[92.73, 97.45]</td>" in page

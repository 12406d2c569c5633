"""Texts from results, as a library user asks for them."""

from __future__ import annotations

from pathlib import Path

import pytest

import quantkit
from quantkit.core.errors import UsageError
from quantkit.core.evidence import Evidence
from quantkit.core.layer_errors import LayerError, LayerErrors
from tests.gate_runs import run


@pytest.mark.parametrize("form", ["table", "markdown", "html"])
def test_both_a_comparison_and_a_judgement_have_these_forms(form: str) -> None:
    comparison = run(200)
    bare, judged = quantkit.render(comparison, form), quantkit.render(quantkit.judge(comparison), form)
    assert "int8" in bare
    assert "INCONCLUSIVE" not in bare
    assert "INCONCLUSIVE" in judged


@pytest.mark.parametrize("form", ["junit", "openmetrics", "annotations"])
def test_a_judgement_has_the_forms_of_ci_systems(form: str) -> None:
    assert quantkit.render(quantkit.judge(run(200)), form)
    with pytest.raises(UsageError, match="there is no report called"):
        quantkit.render(run(200), form)


def test_markdown_shows_the_layers_of_the_evidence() -> None:
    comparison = run(200)
    tensor = LayerError("features", "Conv", 20.0, 20.0)
    shown = Evidence(layers={"int8": LayerErrors("f" * 64, "a" * 64, 8, 0, (tensor,))})
    for what in (comparison, quantkit.judge(comparison)):
        assert "features" in quantkit.render(what, "markdown", evidence=shown)
        assert "features" not in quantkit.render(what, "markdown")


def test_a_finding_lies_where_the_model_is_seen_from_the_root() -> None:
    judgement = quantkit.judge(run(200))
    assert '"out/int8.onnx"' in quantkit.render(judgement, "sarif")
    assert '"int8.onnx"' in quantkit.render(judgement, "sarif", root=Path("out"))


def test_a_table_keeps_to_its_width() -> None:
    text = quantkit.render(quantkit.judge(run(200)), width=50)
    assert max(map(len, text.splitlines())) <= 50

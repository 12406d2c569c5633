"""Texts from results, as a library user asks for them."""

from __future__ import annotations

import pytest

import quantkit
from quantkit.core.errors import UsageError
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


def test_a_table_keeps_to_its_width() -> None:
    text = quantkit.render(quantkit.judge(run(200)), width=50)
    assert max(map(len, text.splitlines())) <= 50

"""What notebooks show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quantkit.core.calibration import Calibration, Provenance, TensorCalibration
from quantkit.core.comparison import Comparison
from quantkit.core.layer_errors import LayerError, LayerErrors
from quantkit.core.notebook import html_table
from quantkit.core.ranges import Range
from quantkit.core.statistics import Fingerprint, Statistics
from quantkit.core.verdict import Check, Judgement, Verdict
from tests.fake_comparison import comparison
from tests.histograms import counted

NAME = "<img src=x onerror=alert(1)>"
HISTOGRAM = counted(np.ones(3, np.float32))
TENSOR = TensorCalibration(Range(0.0, 1.0), Range(0.0, 2.0), "max")


@pytest.mark.parametrize(
    "shown",
    [
        replace(comparison(), reference=replace(comparison().reference, name=NAME)),
        Calibration("max", True, {NAME: TENSOR}, Provenance("aa", 1, "bb")),
        Statistics(Fingerprint("aa"), {NAME: HISTOGRAM}, ()),
        Judgement(comparison(), (Check(NAME, "top1", "FP32", Verdict.FAIL, 10, 0.5),)),
        LayerErrors("aa", "bb", 1, 0, (LayerError(NAME, "Conv", 30.0, 20.0),)),
    ],
    ids=lambda shown: type(shown).__name__,
)
def test_objects_are_shown_as_tables_with_every_name_escaped(
    shown: Comparison | Calibration | Statistics | Judgement | LayerErrors,
) -> None:
    table = shown._repr_html_()
    assert table.startswith("<table>")
    assert "&lt;img" in table
    assert "<img" not in table


def test_a_histogram_is_shown_with_its_figures() -> None:
    assert "<td>3</td><td>1</td><td>1</td>" in HISTOGRAM._repr_html_()


def test_a_long_table_says_how_much_is_left_out() -> None:
    table = html_table("c", ["x"], [[str(n)] for n in range(23)])
    assert "… and 3 more" in table
    assert "<td>20</td>" not in table

from __future__ import annotations

import math

import numpy as np
import pytest

from quantkit.comparison.metrics.sqnr import SqnrMetric
from quantkit.core.ports import Answers


def test_sqnr_is_the_ratio_of_summed_energies_over_all_outputs() -> None:
    reference = {"a": np.array([[3.0], [4.0]]), "b": np.array([[[4.0]], [[0.0]]])}
    candidate = {"a": np.array([[3.0], [4.5]]), "b": np.array([[[3.0]], [[0.0]]])}
    metric = SqnrMetric()
    rows = metric.rows(Answers(reference, candidate))
    assert rows["signal"].tolist() == [25.0, 16.0]
    assert rows["noise"].tolist() == [1.0, 0.25]
    assert rows["sqnr"].tolist() == pytest.approx([10 * math.log10(25), 10 * math.log10(64)])
    assert metric.summary(rows).candidate == pytest.approx(10 * math.log10(41 / 1.25))


def test_sqnr_of_float32_is_summed_in_doubles() -> None:
    reference = np.full((1, 1 << 20), 0.1, np.float32)
    rows = SqnrMetric().rows(Answers({"y": reference}, {"y": reference + np.float32(0.01)}))
    exact = float(np.float64(np.float32(0.1)) ** 2 * (1 << 20))
    # Summing in float32 loses some 1e-4 of it; doubles lose less than n · 2⁻⁵³.
    assert rows["signal"][0] == pytest.approx(exact, rel=1e-10)

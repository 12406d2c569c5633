from __future__ import annotations

import numpy as np
import pytest

from quantkit.comparison.metrics.max_error import MaxErrorMetric
from quantkit.core.ports import Answers


def test_max_error_is_the_largest_of_any_element() -> None:
    reference = {"a": np.zeros((2, 3)), "b": np.zeros((2, 2))}
    candidate = {"a": np.array([[0.1, -0.4, 0.0], [0.0, 0.0, 0.2]]), "b": np.array([[0.3, 0.0], [0.0, -0.9]])}
    metric = MaxErrorMetric()
    rows = metric.rows(Answers(reference, candidate))
    assert rows["max_error"].tolist() == [0.4, 0.9]
    summary = metric.summary(rows)
    assert summary.candidate == 0.9
    assert summary.facts["mean"] == pytest.approx(0.65)
    assert not summary.higher_is_better


def test_an_empty_output_has_no_error() -> None:
    empty = {"boxes": np.zeros((1, 0, 4), np.float32)}
    assert MaxErrorMetric().rows(Answers(empty, empty))["max_error"].tolist() == [0.0]

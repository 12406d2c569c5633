from __future__ import annotations

import math

import numpy as np
import pytest

from quantkit.comparison.metrics.cosine import CosineMetric
from quantkit.core.ports import Answers


def test_cosine_takes_all_outputs_as_one_vector() -> None:
    reference = {"a": np.array([[1.0, 0.0]]), "b": np.array([[1.0]])}
    candidate = {"a": np.array([[1.0, 0.0]]), "b": np.array([[0.0]])}
    metric = CosineMetric()
    assert metric.rows(Answers(reference, candidate))["cosine"][0] == pytest.approx(1 / math.sqrt(2))
    assert metric.rows(Answers(reference, reference))["cosine"][0] == pytest.approx(1.0)
    flipped = {name: -values for name, values in reference.items()}
    assert metric.rows(Answers(reference, flipped))["cosine"][0] == pytest.approx(-1.0)

from __future__ import annotations

import numpy as np

from quantkit.comparison.metrics.agreement import AgreementMetric
from quantkit.core.ports import Answers


def test_agreement_needs_no_labels_for_probabilities() -> None:
    shares = np.full((3, 4), 0.25, np.float32)
    assert AgreementMetric().obstacle(Answers({"y": shares}, {"y": shares})) is None


def test_nan_agrees_with_nothing_even_with_itself() -> None:
    undefined = np.full((2, 4), np.nan, np.float32)
    assert AgreementMetric().rows(Answers({"y": undefined}, {"y": undefined}))["agreement"].tolist() == [False, False]

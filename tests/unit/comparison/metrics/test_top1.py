from __future__ import annotations

import numpy as np

from quantkit.comparison.metrics.top1 import Top1Metric
from quantkit.core.arrays import Array
from quantkit.core.ports import Answers

EYE: Array = np.eye(4, 8, dtype=np.float32)


def test_top1_counts_flips_both_ways() -> None:
    labels = np.array([0, 1, 2, 7], np.int64)
    candidate = EYE[[0, 0, 2, 3]].copy()
    candidate[3, 7] = 2.0
    metric = Top1Metric()
    rows = metric.rows(Answers({"y": EYE}, {"y": candidate}, labels))
    assert rows["predicted_reference"].tolist() == [0, 1, 2, 3]
    assert rows["predicted"].tolist() == [0, 0, 2, 7]
    summary = metric.summary(rows)
    assert (summary.reference, summary.candidate) == (0.75, 0.75)
    assert (summary.facts["regressed"], summary.facts["fixed"], summary.facts["p_value"]) == (1, 1, 1.0)
    assert summary.difference is not None
    assert summary.difference.estimate == 0

from __future__ import annotations

import numpy as np

from quantkit.comparison.metrics.top5 import Top5Metric
from quantkit.core.ports import Answers


def test_top5_breaks_ties_by_the_lower_class() -> None:
    flat = np.zeros((2, 8), np.float32)
    rows = Top5Metric().rows(Answers({"y": flat}, {"y": flat}, np.array([4, 5], np.int64)))
    assert rows["top5"].tolist() == [True, False]


def test_top5_says_nothing_about_five_classes() -> None:
    flat = np.zeros((2, 5), np.float32)
    obstacle = Top5Metric().obstacle(Answers({"y": flat}, {"y": flat}, np.array([4, 0], np.int64)))
    assert obstacle is not None
    assert obstacle.reason == "of 5 classes each is among the first 5"

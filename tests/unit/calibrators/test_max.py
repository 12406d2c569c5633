from __future__ import annotations

import numpy as np
import pytest

from quantkit.calibrators.max import MaxCalibrator
from quantkit.core.ranges import Range
from tests.histograms import counted


@pytest.mark.parametrize(
    ("values", "symmetric", "affine"),
    [
        ([-1.5, 4.0], Range(-4.0, 4.0), Range(-1.5, 4.0)),
        ([-4.0, 1.5], Range(-4.0, 4.0), Range(-4.0, 1.5)),
        ([2.0, 3.0], Range(-3.0, 3.0), Range(0.0, 3.0)),
        ([-2.0, -1.0], Range(-2.0, 2.0), Range(-2.0, 0.0)),
    ],
    ids=["longer above", "longer below", "positive", "negative"],
)
def test_everything_that_was_observed_is_kept(values: list[float], symmetric: Range, affine: Range) -> None:
    seen = counted(np.array(values, np.float32))
    assert MaxCalibrator().threshold(seen) == symmetric
    assert MaxCalibrator(symmetric=False).threshold(seen) == affine

"""The curves are those that the rules search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantkit.calibrators._curves import _Sums, divergence_curve, error_curve
from quantkit.calibrators.entropy import EntropyCalibrator
from quantkit.calibrators.mse import MseCalibrator
from quantkit.core.arrays import Doubles
from quantkit.core.histogram import Histogram
from tests.histograms import KINDS, counted, drawn
from tests.unit.core.test_kernels import divergences, histograms


@given(histograms, st.sampled_from([1, 2, 7, 8]))
@settings(deadline=None, max_examples=100)
def test_each_point_is_the_divergence_as_published(counts: Doubles, levels: int) -> None:
    expected = divergences(counts, levels)
    if counts.any():
        sums = _Sums(counts)
        found = [sums.divergence(kept, levels) for kept in range(levels, counts.size + 1)]
        np.testing.assert_allclose(found, expected[levels:], atol=1e-10)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_lowest_point_of_each_curve_is_what_its_rule_chooses(kind: str) -> None:
    histogram = counted(drawn(kind))
    for curve, rule in ((divergence_curve(histogram), EntropyCalibrator()), (error_curve(histogram), MseCalibrator())):
        if curve.limits.size and np.isfinite(curve.losses).any():
            # The last threshold lies half a bin beyond the largest value, which the rule does not exceed.
            limits = np.minimum(curve.limits, histogram.limit)
            chosen = np.argmin(np.abs(limits - float(rule.threshold(histogram).limit)))
            assert limits[chosen] == pytest.approx(float(rule.threshold(histogram).limit), rel=1e-9)
            # Divergences that differ by less are equal to the rule.
            assert curve.losses[chosen] <= curve.losses.min() + 2e-12


def test_a_tensor_without_values_has_empty_curves() -> None:
    for curve in (divergence_curve(Histogram.empty()), error_curve(Histogram.empty())):
        assert curve.limits.size == curve.losses.size == 0

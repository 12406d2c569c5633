from __future__ import annotations

import numpy as np
import pytest

from quantkit.calibrators.mse import MseCalibrator
from quantkit.core.arrays import Floats
from quantkit.core.qparams import QParams
from quantkit.core.ranges import Range
from quantkit.core.scheme import INT8, UINT8, Scheme
from tests.histograms import KINDS, counted, drawn

SYMMETRIC, AFFINE = MseCalibrator(), MseCalibrator(symmetric=False)

# Kinds whose values are spread evenly at the scale of a step, which is what the expected error assumes.
SMOOTH = sorted(set(KINDS) - {"images", "few"})


def error(values: Floats, kept: Range, scheme: Scheme) -> float:
    """The mean squared error that quantizing really makes."""
    codes = QParams.of(kept, scheme)
    return float(np.mean((values.astype(np.float64) - codes.dequantize(codes.quantize(values))) ** 2))


@pytest.mark.parametrize("kind", SMOOTH)
def test_no_limit_makes_a_symmetric_error_much_smaller(kind: str) -> None:
    values = drawn(kind, n=50_000)
    seen = counted(values)
    tried = [error(values, Range.symmetric(seen.limit * share), INT8) for share in np.linspace(0.01, 1, 200)]
    # The real error is a sum of 50,000 terms with a standard deviation of about their mean: 0.5 %.
    assert error(values, SYMMETRIC.threshold(seen), INT8) <= 1.02 * min(tried)


# A seventh of what swish makes lies within one step of its least value: where the codes come to lie then decides.
@pytest.mark.parametrize("kind", sorted(set(SMOOTH) - {"swish"}))
def test_no_two_ends_make_an_affine_error_much_smaller(kind: str) -> None:
    values = drawn(kind, n=10_000)
    seen = counted(values)
    places = np.linspace(0, 1, 21)
    lows, highs = float(seen.observed.low) * places, float(seen.observed.high) * places
    tried = [error(values, Range(low, high), UINT8) for low in np.unique(lows) for high in np.unique(highs)]
    # As above with 10,000 terms, and the zero point moves the ends by up to half a step.
    assert error(values, AFFINE.threshold(seen), UINT8) <= 1.05 * min(tried)


def test_far_outliers_on_both_sides_are_left_together() -> None:
    # Leaving one of them alone gains nothing: 255 steps still reach to the other.
    bulk = np.repeat(drawn("gaussian", n=40_000), 100)
    seen = counted(bulk, np.array([-1000.0, 1000.0], np.float32))
    assert AFFINE.threshold(seen).limit < 100
    assert SYMMETRIC.threshold(seen).limit < 100


def test_a_lone_outlier_that_matters_more_than_the_rest_is_kept() -> None:
    seen = counted(drawn("gaussian", n=1000), np.array([1e6], np.float32))
    assert SYMMETRIC.threshold(seen).limit == 1e6


def test_values_far_below_half_a_step_do_not_count_as_rounded() -> None:
    # 0.1 % ones among values of a thousandth: step²/12 for each of these would be 5 times their own square.
    values = np.concatenate([drawn("gaussian", n=100_000) * np.float32(0.001), np.ones(100, np.float32)])
    assert SYMMETRIC.threshold(counted(values)).limit == 1.0


def test_values_that_saturated_before_stay_exact() -> None:
    values = drawn("clipped", n=50_000)
    assert AFFINE.threshold(counted(values)).high > 5.97


@pytest.mark.parametrize("kind", SMOOTH)
def test_one_sided_affine_ranges_end_at_zero(kind: str) -> None:
    positive = np.abs(drawn(kind))
    assert AFFINE.threshold(counted(positive)).low == 0
    assert AFFINE.threshold(counted(-positive)).high == 0

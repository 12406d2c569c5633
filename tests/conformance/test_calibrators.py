"""What every threshold rule promises, whichever it is."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantkit.core import plugins
from quantkit.core.arrays import Floats
from quantkit.core.errors import DataError
from quantkit.core.histogram import Histogram
from quantkit.core.ports import Calibrator
from quantkit.core.qparams import QParams
from quantkit.core.ranges import Range
from quantkit.core.scheme import INT8, UINT8
from tests.histograms import KINDS, counted, drawn, tensors

PACKAGE = "quantkit.calibrators"
LARGEST = float(np.finfo(np.float32).max)

quickly = settings(deadline=None, max_examples=40)


@pytest.fixture(params=plugins.names(PACKAGE), scope="module")
def rule(request: pytest.FixtureRequest) -> type[Calibrator]:
    """Every threshold rule there is."""
    kind: type[Calibrator] = plugins.load(PACKAGE, request.param)
    return kind


@pytest.fixture(params=[True, False], ids=["symmetric", "affine"], scope="module")
def symmetric(request: pytest.FixtureRequest) -> bool:
    """Both kinds of range."""
    return bool(request.param)


@pytest.fixture(scope="module")
def calibrator(rule: type[Calibrator], symmetric: bool) -> Calibrator:
    """The rule with its default options, for one kind of range."""
    made: Calibrator = rule(symmetric=symmetric)  # type: ignore[call-arg]
    return made


def assert_usable(kept: Range, observed: Range, *, symmetric: bool) -> None:
    """A range that holds 0 and nothing that was not observed, or its mirror image."""
    assert kept.with_zero() == kept
    if symmetric:
        assert kept.low == -kept.high
        assert kept.limit <= observed.limit
    else:
        assert kept.union(observed) == observed


def test_there_are_the_four_rules_that_the_manual_names() -> None:
    assert {"entropy", "max", "mse", "percentile"} <= set(plugins.names(PACKAGE))


def test_a_rule_is_a_frozen_record_of_options_that_have_defaults(rule: type[Calibrator]) -> None:
    assert isinstance(rule(), Calibrator)
    made: Any = rule()
    assert {option.name for option in fields(made)} >= {"symmetric"}
    assert made.symmetric
    assert made == rule()
    assert hash(made) == hash(rule())
    with pytest.raises(AttributeError):
        made.symmetric = False


@given(values=tensors())
@quickly
def test_the_range_is_finite_holds_zero_and_lies_in_what_was_observed(
    calibrator: Calibrator, symmetric: bool, values: Floats
) -> None:
    seen = counted(values)
    assert_usable(calibrator.threshold(seen), seen.observed, symmetric=symmetric)


@given(values=tensors(), cuts=st.lists(st.integers(0, 5_000), max_size=4), seed=st.integers(0, 100))
@quickly
def test_batches_and_order_do_not_matter(calibrator: Calibrator, values: Floats, cuts: list[int], seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(values)
    batches = np.split(shuffled, sorted(cuts))
    assert calibrator.threshold(counted(*batches)) == calibrator.threshold(counted(values))


@given(one=tensors(2_000), two=tensors(2_000))
@quickly
def test_merging_shards_does_not_matter(calibrator: Calibrator, one: Floats, two: Floats) -> None:
    merged = counted(one).merge(counted(two))
    assert calibrator.threshold(merged) == calibrator.threshold(counted(np.concatenate([one, two])))


@given(kind=st.sampled_from(sorted(KINDS)), power=st.integers(-30, 30))
@quickly
def test_powers_of_two_scale_the_range_exactly(calibrator: Calibrator, kind: str, power: int) -> None:
    values = drawn(kind, n=5_000)
    scaled = calibrator.threshold(counted(values * np.float32(2.0**power)))
    kept = calibrator.threshold(counted(values))
    assert scaled == Range(kept.low * 2.0**power, kept.high * 2.0**power)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_zeros_and_nonfinite_values_do_not_move_the_range(calibrator: Calibrator, kind: str) -> None:
    values = drawn(kind)
    padding = np.zeros(100_000, np.float32), np.array([np.nan, np.inf], np.float32)
    assert calibrator.threshold(counted(values, *padding)) == calibrator.threshold(counted(values))


@pytest.mark.parametrize(
    "values",
    [[], [np.nan], [np.inf, -np.inf]],
    ids=["nothing", "NaN", "infinities"],
)
def test_a_tensor_without_finite_values_is_an_error_with_a_remedy(calibrator: Calibrator, values: list[float]) -> None:
    with pytest.raises(DataError, match=r"QK2302.*no finite value was counted") as refusal:
        calibrator.threshold(counted(np.array(values, np.float32)))
    assert refusal.value.hints


def test_a_tensor_that_is_always_zero_has_an_empty_range(calibrator: Calibrator) -> None:
    assert calibrator.threshold(counted(np.zeros(9, np.float32))) == Range(0.0, 0.0)


@pytest.mark.parametrize("value", [3.0, -0.7, 1e-45, -1e-30, LARGEST, -LARGEST], ids=str)
@pytest.mark.parametrize("count", [1, 1000])
def test_a_constant_is_kept(calibrator: Calibrator, symmetric: bool, value: float, count: int) -> None:
    seen = counted(np.full(count, value, np.float32))
    kept = calibrator.threshold(seen)
    assert_usable(kept, seen.observed, symmetric=symmetric)
    assert kept.limit == seen.limit


@pytest.mark.parametrize("outlier", [1e4, 1e30, -LARGEST], ids=str)
def test_one_enormous_value_leaves_a_usable_range(calibrator: Calibrator, symmetric: bool, outlier: float) -> None:
    seen = counted(drawn("gaussian"), np.array([outlier], np.float32))
    assert_usable(calibrator.threshold(seen), seen.observed, symmetric=symmetric)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_range_can_be_laid_over_codes(calibrator: Calibrator, symmetric: bool, kind: str) -> None:
    codes = QParams.of(calibrator.threshold(counted(drawn(kind))), INT8 if symmetric else UINT8)
    assert np.isfinite(codes.scale)
    assert codes.scale > 0


def test_the_empty_histogram_is_refused_like_an_empty_tensor(calibrator: Calibrator) -> None:
    with pytest.raises(DataError, match=r"QK2302"):
        calibrator.threshold(Histogram.empty())

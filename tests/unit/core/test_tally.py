from __future__ import annotations

import threading
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantkit.core import _kernels
from quantkit.core.arrays import Array, Floats
from quantkit.core.histogram import BINS, LOWEST_EXPONENT, Histogram
from quantkit.core.tally import Tally
from tests.histograms import KINDS, any_floats, counted, drawn, expected

LARGEST = np.finfo(np.float32).max
DENORMAL = np.float32(1e-45)

quickly = settings(deadline=None, max_examples=100)


@given(any_floats())
@quickly
def test_the_counts_are_those_of_the_definition(values: Floats) -> None:
    assert counted(values) == expected(values)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("n", [1, 15, 16, 17, 2048, 2049, 100_003])
def test_the_counts_of_a_tensor_are_those_of_the_definition(kind: str, n: int) -> None:
    values = drawn(kind, n=n)
    assert counted(values) == expected(values)


@given(st.lists(any_floats(), max_size=6), st.randoms(use_true_random=False))
@quickly
def test_batches_and_their_order_do_not_matter(batches: list[Floats], random: Random) -> None:
    shuffled = list(batches)
    random.shuffle(shuffled)
    whole = counted(np.concatenate([np.zeros(0, np.float32), *batches]))
    assert counted(*batches) == counted(*shuffled) == whole


@given(any_floats(), any_floats(), any_floats())
@quickly
def test_any_tree_of_merges_gives_the_same_histogram(a: Floats, b: Floats, c: Floats) -> None:
    one, two, three = counted(a), counted(b), counted(c)
    whole = counted(np.concatenate([a, b, c]))
    assert one.merge(two).merge(three) == one.merge(two.merge(three)) == three.merge(one).merge(two) == whole


@given(any_floats(), st.integers(0, 40))
@quickly
def test_every_instruction_set_gives_the_same_histogram(values: Floats, copies: int) -> None:
    # Long enough for whole groups and blocks, with every place in a group met.
    repeated = np.tile(values, copies)
    assert len({_seen(repeated, variant) for variant in range(len(_kernels.VARIANTS))}) == 1


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_instruction_set_counts_a_tensor_alike(kind: str) -> None:
    values = drawn(kind, n=70_001)
    assert len({_seen(values, variant) for variant in range(len(_kernels.VARIANTS))}) == 1


def _seen(values: Floats, variant: int) -> tuple[object, ...]:
    state = _kernels.new_tally()
    _kernels.fold(state, values, variant)
    return _kernels.seen(state)


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-30, 0.01, 3.0, -3.0], ids=str)
def test_more_equal_values_than_16_bits_hold_are_all_counted(value: float) -> None:
    values = np.full(300_000, value, np.float32)
    values[-1] = 7.0
    assert counted(values) == expected(values)


def test_a_larger_value_widens_the_bins_of_those_before() -> None:
    batches = [np.array([10.0**power], np.float32) for power in range(-20, 30)]
    assert counted(*batches) == counted(*reversed(batches)) == expected(np.concatenate(batches))


def test_between_half_and_all_bins_lie_below_the_largest_magnitude() -> None:
    for largest in (1.0, np.nextafter(np.float32(1), np.float32(0)), 1.5, 1e-9, LARGEST):
        occupied = int(np.flatnonzero(counted(np.array([largest], np.float32)).positive)[-1])
        assert BINS / 2 <= occupied < BINS


def test_the_largest_floats_have_bins() -> None:
    assert counted(np.array([LARGEST, -LARGEST], np.float32)) == expected(np.array([LARGEST, -LARGEST]))


def test_denormals_lie_in_the_first_bin_and_are_no_zeros() -> None:
    seen = counted(np.array([DENORMAL, -DENORMAL, 0.0], np.float32))
    assert (seen.exponent, seen.positive[0], seen.negative[0], seen.zeros) == (LOWEST_EXPONENT, 1, 1, 1)
    assert (seen.low, seen.high) == (-DENORMAL, DENORMAL)


def test_negative_zero_is_a_zero() -> None:
    seen = counted(np.array([-0.0], np.float32))
    assert seen == counted(np.array([0.0], np.float32))
    assert not np.signbit([seen.low, seen.high]).any()


def test_nan_and_infinities_are_counted_and_left_out() -> None:
    values = np.array([np.nan, 1.0, np.inf, -np.inf, -np.nan, np.inf, -2.0], np.float32)
    tally = Tally()
    tally.fold(values)
    seen = tally.histogram()
    assert (seen.nans, seen.positive_infinities, seen.negative_infinities) == (2, 2, 1)
    assert (seen.low, seen.high, seen.count, tally.nonfinite) == (-2.0, 1.0, 2, 5)


def test_a_tally_without_finite_values_is_empty() -> None:
    assert Tally().histogram() == counted(np.zeros(0, np.float32)) == Histogram.empty()
    assert counted(np.full(5000, np.nan, np.float32)).count == 0


@pytest.mark.parametrize(
    "values",
    [
        np.array([1.5, -0.25], np.float16),
        np.array([1.5, -0.25], np.float64),
        np.array([[1.5, 9.0], [-0.25, 9.0]], np.float32)[:, 0],
        np.array([[1.5], [-0.25]], np.float32),
    ],
    ids=["float16", "float64", "strided", "two-dimensional"],
)
def test_every_floating_type_and_layout_is_counted(values: Array) -> None:
    assert counted(values) == counted(np.array([1.5, -0.25], np.float32))


def test_bfloat16_is_counted() -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    assert counted(np.array([1.5, -0.25], bfloat16)) == counted(np.array([1.5, -0.25], np.float32))


def test_a_single_value_without_dimensions_is_counted() -> None:
    assert counted(np.array(2.0, np.float32)).count == 1


def test_what_float64_holds_beyond_float32_is_infinite() -> None:
    assert counted(np.array([1e300, -1e300])).nonfinite == 2


def test_a_histogram_stays_as_it_was_when_counting_goes_on() -> None:
    tally = Tally()
    tally.fold(np.array([1.0], np.float32))
    before = tally.histogram()
    tally.fold(np.array([1.0, 8.0], np.float32))
    assert before == counted(np.array([1.0], np.float32))


def test_two_threads_cannot_count_into_one_tally() -> None:
    values = np.ones(1 << 23, np.float32)
    state = _kernels.new_tally()
    worker = threading.Thread(target=lambda: [_kernels.fold(state, values) for _ in range(20)])

    def read_while_counting() -> None:
        worker.start()
        while worker.is_alive():
            _kernels.seen(state)

    with pytest.raises(RuntimeError, match="another thread is counting into this tally"):
        read_while_counting()
    worker.join()

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantkit.core import _kernels, histogram
from quantkit.core.arrays import Doubles
from tests.histograms import drawn

# Divergences that differ by less, in nats, are equal: the rest is rounding.
TIE = 1e-12


def divergences(counts: Doubles, levels: int) -> Doubles:
    """KL(P‖Q) for every number of kept bins, worked out step by step as published; infinite below `levels`."""
    found = np.full(counts.size + 1, np.inf)
    for kept in range(levels, counts.size + 1):
        reference = counts[:kept].copy()
        reference[-1] += counts[kept:].sum()
        level = np.arange(kept) * levels // kept
        mass = np.bincount(level, counts[:kept], levels)
        occupied = np.bincount(level, counts[:kept] > 0, levels)
        candidate = np.where(counts[:kept] > 0, mass[level] / np.maximum(occupied[level], 1), 0.0)
        found[kept] = divergence(reference, candidate)
    return found


def divergence(p: Doubles, q: Doubles) -> float:
    """Σ p·log(p/q) of two histograms, each normalised first."""
    seen = p > 0
    if not q.any() or (q[seen] == 0).any():
        return float("inf")
    shares = p[seen] / p.sum()
    return float(np.sum(shares * np.log(shares / (q[seen] / q.sum()))))


def assert_least(counts: Doubles, levels: int) -> None:
    kept, least = _kernels.least_divergence(counts, levels)
    found = divergences(counts, levels)
    if not np.isfinite(found).any():
        assert (kept, least) == (counts.size, np.inf)
        return
    assert kept == np.flatnonzero(found <= found.min() + TIE)[0]
    assert least == pytest.approx(found.min(), abs=TIE)


def made(seed: int, bins: int, scale: int, empty: float) -> Doubles:
    """Falling counts with noise and a share of empty bins."""
    random = np.random.default_rng(seed)
    falling = np.exp(-random.exponential() * np.arange(bins) / 10)
    return np.floor(scale * falling * random.random(bins)) * (random.random(bins) >= empty)


histograms = st.builds(
    made,
    st.integers(0, 10**6),
    st.integers(1, 90),
    st.sampled_from([1, 10, 10**4, 10**9]),
    st.sampled_from([0.0, 0.3, 0.9]),
)


@given(histograms, st.sampled_from([1, 2, 7, 8, 16]))
@settings(deadline=None, max_examples=1200)
def test_the_fast_search_finds_what_the_direct_loop_finds(counts: Doubles, levels: int) -> None:
    assert_least(counts, levels)


@given(st.lists(st.sampled_from([0.0, 1.0, 1e9]), max_size=40), st.sampled_from([1, 2, 8]))
@settings(deadline=None, max_examples=500)
def test_ties_and_gaps_are_settled_as_in_the_direct_loop(counts: list[float], levels: int) -> None:
    assert_least(np.array(counts), levels)


@pytest.mark.parametrize("kind", ["gaussian", "heavy-tailed", "clipped", "softmax", "outlier", "few"])
def test_the_search_over_2048_bins_finds_what_the_direct_loop_finds(kind: str) -> None:
    magnitudes = np.abs(drawn(kind, n=200_000))
    counts, _ = np.histogram(magnitudes[magnitudes > 0], 2048, (0, float(magnitudes.max())))
    assert_least(counts.astype(np.float64), 128)


def test_the_published_example_is_merged_as_published() -> None:
    # GTC 2017, "8-bit Inference with TensorRT": eight bins to two levels.
    counts = np.array([1.0, 0.0, 2.0, 3.0, 5.0, 3.0, 1.0, 7.0])
    spread = np.array([2.0, 0.0, 2.0, 2.0, 4.0, 4.0, 4.0, 4.0])
    assert divergences(counts, 2)[8] == pytest.approx(divergence(counts, spread), abs=TIE)
    assert_least(counts, 2)


def test_as_many_bins_as_levels_lose_nothing() -> None:
    kept, least = _kernels.least_divergence(np.arange(1.0, 9.0), 8)
    assert kept == 8
    assert least == pytest.approx(0.0, abs=TIE)


def test_an_empty_last_bin_before_a_tail_is_no_candidate() -> None:
    counts = np.zeros(2048)
    counts[:100], counts[-1] = 1000.0, 1.0
    assert _kernels.least_divergence(counts, 128)[0] == 2048


def test_fewer_bins_than_levels_are_all_kept() -> None:
    assert _kernels.least_divergence(np.ones(127), 128) == (127, np.inf)


@pytest.mark.parametrize("counts", [np.zeros(0), np.zeros(300)], ids=["no bins", "no values"])
def test_nothing_to_search_keeps_every_bin(counts: Doubles) -> None:
    assert _kernels.least_divergence(counts, 128) == (counts.size, np.inf)


def test_the_grid_is_the_same_in_both_languages() -> None:
    assert (_kernels.BINS, _kernels.LOWEST_EXPONENT) == (histogram.BINS, histogram.LOWEST_EXPONENT)


doubles: Any = np.ones(4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: _kernels.fold(bytearray(9), np.ones(1, np.float32)), "a tally is .* bytes, not 9"),
        (lambda: _kernels.seen(bytearray(9)), "a tally is .* bytes, not 9"),
        (lambda: _kernels.fold(_kernels.new_tally(), doubles), "values must be an array of type 'f', not 'd'"),
        (lambda: _kernels.fold(_kernels.new_tally(), np.ones(1, np.float32), 99), "no number 99"),
        (lambda: _kernels.fold(_kernels.new_tally(), np.ones(4, np.float32)[::2]), "contiguous"),
        (lambda: _kernels.least_divergence(doubles.astype(int), 2), "counts must be an array of type 'd'"),
        (lambda: _kernels.least_divergence(np.ones(4), 0), "cannot lay 4 bins over 0 levels"),
    ],
    ids=["fold size", "seen size", "dtype", "variant", "strides", "counts dtype", "levels"],
)
def test_wrong_arguments_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()

from __future__ import annotations

import numpy as np
import pytest

from quantkit.calibrators._judgement import described
from quantkit.calibrators.entropy import EntropyCalibrator
from quantkit.core.errors import UsageError
from quantkit.core.histogram import BINS
from quantkit.core.ranges import Range
from tests.histograms import counted, drawn

SYMMETRIC, AFFINE = EntropyCalibrator(), EntropyCalibrator(symmetric=False)


def test_a_single_value_is_kept() -> None:
    assert SYMMETRIC.threshold(counted(np.array([0.0, -3.0, 0.0], np.float32))) == Range(-3.0, 3.0)


def test_all_mass_in_one_bin_is_kept() -> None:
    values = np.linspace(1.0, 1.0001, 1000, dtype=np.float32)
    assert SYMMETRIC.threshold(counted(values)).limit == values.max()


def test_a_lone_outlier_leaves_no_candidate_but_everything() -> None:
    seen = counted(drawn("outlier", n=100_000))
    assert SYMMETRIC.threshold(seen) == Range.symmetric(100.0)
    assert described(seen, SYMMETRIC.threshold(seen), "entropy").notes == ("dominated",)


def test_the_zeros_that_relu_makes_do_not_move_the_threshold() -> None:
    values = drawn("relu", n=100_000)
    with_zeros, without = counted(values), counted(values[values > 0])
    assert with_zeros.zeros > 40_000
    assert SYMMETRIC.threshold(with_zeros) == SYMMETRIC.threshold(without)


def test_a_uniform_tensor_is_kept_almost_whole() -> None:
    assert SYMMETRIC.threshold(counted(drawn("uniform", n=200_000))).limit > 0.95


def test_a_gaussian_tensor_loses_its_far_tail_alone() -> None:
    limit = SYMMETRIC.threshold(counted(drawn("gaussian", n=1_000_000))).limit
    assert 3.5 < limit < 5.0


def test_a_softmax_is_clipped_hard_and_the_user_is_told() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2.5, (400, 1000))
    shares = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)
    seen = counted(shares)
    kept = SYMMETRIC.threshold(seen)
    assert kept.limit < seen.limit / 4
    assert "over-clipped" in described(seen, kept, "entropy").notes


def test_the_threshold_is_half_a_bin_beyond_the_last_bin_kept() -> None:
    seen = counted(drawn("heavy-tailed", n=200_000))
    kept = SYMMETRIC.threshold(seen)
    assert (kept.limit / (2 * seen.width)) % 1 == 0.5
    assert kept.limit < seen.limit


def test_each_end_of_an_affine_range_is_searched_on_its_own() -> None:
    kept = AFFINE.threshold(counted(np.concatenate([drawn("negative", n=50_000), drawn("uniform", n=50_000)])))
    assert kept.high > 0.9
    assert -20 < kept.low < -1


def test_a_side_with_fewer_bins_than_levels_is_kept_whole() -> None:
    seen = counted(drawn("swish", n=100_000))
    assert AFFINE.threshold(seen).low == seen.low


@pytest.mark.parametrize("bins", [256, 512, 1024, 2048, 4096])
def test_every_grid_gives_a_threshold_of_the_same_size(bins: int) -> None:
    # The threshold moves by about one part in 128 of the range, a level, from one grid to the next.
    seen = counted(drawn("gaussian", n=200_000))
    fine = EntropyCalibrator(bins=4096).threshold(seen).limit
    assert EntropyCalibrator(bins=bins).threshold(seen).limit == pytest.approx(fine, rel=0.15)


@pytest.mark.parametrize("bins", [0, 128, 2000, 2 * BINS])
def test_a_grid_that_bins_cannot_be_merged_into_is_refused(bins: int) -> None:
    with pytest.raises(UsageError, match=r"QK1021.*entropy cannot search on") as refusal:
        EntropyCalibrator(bins=bins)
    assert refusal.value.hints == ("use one of 256, 512, 1024, 2048, 4096",)

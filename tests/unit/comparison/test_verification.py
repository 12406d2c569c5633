from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantkit.comparison.verification import FOLDS, Verification, folds


def verification(seed: int, pairs: int = 60, apart: float = 1.5) -> Verification:
    generator = np.random.default_rng(seed)
    same = generator.random(pairs) < 0.5
    # Few decimals, so that similarities repeat.
    similarity = np.round(generator.normal(np.where(same, apart, 0.0), 1.0), 1)
    return Verification(similarity, same, folds(same))


def by_hand(own: Verification, copies: list[int]) -> float:
    """The protocol pair by pair, with copies of pairs that stay in their folds."""
    right = 0
    for fold in range(FOLDS):
        training = [i for i in copies if own.fold[i] != fold]
        held_out = [i for i in copies if own.fold[i] == fold]
        known = sorted({float(own.similarity[i]) for i in range(len(own.same)) if own.fold[i] != fold})
        thresholds = [-np.inf, *((a + b) / 2 for a, b in pairwise(known)), np.inf]
        scores = [sum((own.similarity[i] >= t) == own.same[i] for i in training) for t in thresholds]
        threshold = thresholds[int(np.argmax(scores))]
        right += sum((own.similarity[i] >= threshold) == own.same[i] for i in held_out)
    return right / len(copies)


@given(seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_accuracy_is_that_of_the_protocol_pair_by_pair(seed: int) -> None:
    own = verification(seed)
    expected = by_hand(own, list(range(60)))
    assert own.accuracy(np.ones((1, 60)))[0] == pytest.approx(expected)
    assert own.decisions().mean() == pytest.approx(expected)


@given(seed=st.integers(0, 1000), draw=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_weights_are_copies_of_pairs(seed: int, draw: int) -> None:
    own = verification(seed)
    copies = np.random.default_rng(draw).integers(0, 60, 60).tolist()
    weights = np.bincount(copies, minlength=60).astype(np.float64)[None]
    assert own.accuracy(weights)[0] == pytest.approx(by_hand(own, copies))


def test_pairs_that_lie_apart_are_all_told() -> None:
    assert verification(0, apart=20.0).accuracy(np.ones((1, 60))).tolist() == [1.0]


@given(seed=st.integers(0, 1000), rate=st.sampled_from([0.0, 0.05, 0.1, 0.5]))
def test_no_threshold_within_the_false_accept_rate_accepts_more(seed: int, rate: float) -> None:
    own = verification(seed)
    found = own.true_accepts(np.ones((1, 60)), rate)[0]
    best = max(
        float(np.mean(own.similarity[own.same] > threshold))
        for threshold in [-np.inf, *own.similarity.tolist()]
        if np.mean(own.similarity[~own.same] > threshold) <= rate
    )
    assert found == pytest.approx(best)


def test_a_resample_without_a_same_pair_has_no_true_accept_rate() -> None:
    own = verification(0)
    assert np.isnan(own.true_accepts((~own.same).astype(np.float64)[None], 0.1)).all()

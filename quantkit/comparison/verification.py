"""Telling pairs of the same person from pairs of different ones by their similarity, with pairs that weigh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantkit.core.arrays import Array, Counts, Doubles

FOLDS = 10


def folds(same: Array) -> Counts:
    """The fold of each pair, int64[p]: pairs of either kind are dealt out in turn, so that folds are alike.

    >>> folds(np.array([True] * 11 + [False] * 2))
    array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 1])
    """
    dealt = np.zeros(len(same), np.int64)
    for kind in (same, ~same):
        dealt[kind] = np.arange(np.count_nonzero(kind)) % FOLDS
    return dealt


@dataclass(frozen=True, slots=True)
class Verification:
    """One model's similarities of the pairs.

    Args:
        similarity: float64[p].
        same: bool[p].
        fold: int64[p], 0 to 9.
    """

    similarity: Doubles
    same: Array
    fold: Counts

    def decisions(self) -> Array:
        """Whether each pair is told rightly by the best threshold of the other nine folds, bool[p]."""
        weights = np.ones((1, len(self.same)))
        told = np.zeros(len(self.same), np.bool_)
        for fold in range(FOLDS):
            held_out = self.fold == fold
            threshold = self._best_threshold(weights, held_out)[0]
            told[held_out] = (self.similarity[held_out] >= threshold) == self.same[held_out]
        return told

    def accuracy(self, weights: Doubles) -> Doubles:
        """The share of pairs told rightly, each by the best threshold of the other nine folds, float64[r].

        Args:
            weights: float64[r, p]; a pair stays in its fold however often it is drawn, so none is judged by a
                threshold that it helped to choose.

        G. B. Huang et al., Labeled Faces in the Wild, UMass Amherst 07-49 (2007), section 4, restricted view.
        """
        right = np.zeros(len(weights))
        for fold in range(FOLDS):
            held_out = np.flatnonzero(self.fold == fold)
            threshold = self._best_threshold(weights, self.fold == fold)
            accepted = self.similarity[held_out] >= threshold[:, None]
            right += np.sum(weights[:, held_out] * (accepted == self.same[held_out]), axis=1)
        return np.asarray(right / weights.sum(axis=1), np.float64)

    def _best_threshold(self, weights: Doubles, held_out: Array) -> Doubles:
        """The threshold that is right about most of the pairs not held out, float64[r]; the lowest of equal ones.

        A pair is accepted from the threshold on. Candidates lie half way between neighbours, and at both ends.
        """
        order = np.argsort(self.similarity, kind="stable")
        order = order[~held_out[order]]
        ranked, same = self.similarity[order], self.same[order]
        drawn = weights[:, order]
        # Behind k pairs, those of different people before and those of the same person after are told rightly.
        gains = np.cumsum(np.where(same, -drawn, drawn), axis=1)
        right = np.concatenate([np.zeros((len(drawn), 1)), gains], axis=1)
        # Between equal similarities there is no place for a threshold.
        right[:, 1:-1][:, ranked[1:] == ranked[:-1]] = -np.inf
        candidates = np.concatenate([[-np.inf], (ranked[1:] + ranked[:-1]) / 2, [np.inf]])
        return np.asarray(candidates[right.argmax(axis=1)], np.float64)

    def true_accepts(self, weights: Doubles, false_accepts: float) -> Doubles:
        """TAR at FAR: the share of same pairs above the threshold that lets in at most this share of different ones.

        The threshold is the similarity of the first different pair that would be one too many; equal to it is refused.

        Args:
            weights: float64[r, p].
            false_accepts: the share, such as 0.001.

        Returns:
            float64[r]; NaN where a resample holds no pair of one kind.

        >>> known = Verification(np.array([0.9, 0.6, 0.2, 0.7, 0.1]), np.array([True, True, True, False, False]), None)
        >>> known.true_accepts(np.ones((1, 5)), 0.0), known.true_accepts(np.ones((1, 5)), 0.5)
        (array([0.33333333]), array([1.]))
        """
        strangers = np.flatnonzero(~self.same)
        strangers = strangers[np.argsort(-self.similarity[strangers], kind="stable")]
        let_in = np.cumsum(weights[:, strangers], axis=1)
        # A count over a total is exact to half a unit in the last place, which must not decide.
        too_many = let_in > false_accepts * let_in[:, -1:] * (1 + 1e-12)
        threshold = np.where(too_many.any(axis=1), self.similarity[strangers][too_many.argmax(axis=1)], -np.inf)
        accepted = self.similarity[self.same] > threshold[:, None]
        drawn = weights[:, self.same]
        with np.errstate(invalid="ignore"):
            return np.asarray(np.sum(drawn * accepted, axis=1) / drawn.sum(axis=1), np.float64)

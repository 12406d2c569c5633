"""The samples on which a candidate did worst, and how its mistakes spread over the classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantkit.core.arrays import Array
from quantkit.core.comparison import Comparison, Outcome

MOST = 24


@dataclass(frozen=True, slots=True)
class WorstSample:
    """One sample and what a candidate made of it; what is not known is ``None``.

    Args:
        candidate: the candidate's name. name: the sample's.
        label: its class. expected: the reference's answer. found: the candidate's.
        sqnr_db: of the outputs for this sample.
    """

    candidate: str
    name: str
    label: int | None
    expected: int | None
    found: int | None
    sqnr_db: float | None

    @property
    def kind(self) -> str:
        """``"regressed"``, ``"fixed"``, ``"changed"`` from one wrong answer to another, or ``"noisy"``."""
        if self.expected == self.found:
            return "noisy"
        if self.label is not None and self.label == self.expected:
            return "regressed"
        return "fixed" if self.label is not None and self.label == self.found else "changed"


@dataclass(frozen=True, slots=True)
class ClassFlips:
    """How many samples of one class a candidate gets wrong where the reference is right, and the other way round."""

    label: int
    samples: int
    regressed: int
    fixed: int


def worst_samples(comparison: Comparison, most: int = MOST) -> list[WorstSample]:
    """Of every candidate at most `most`: answers that became wrong first, then other changed answers, then noise.

    Within each kind the least signal-to-noise ratio comes first. Without rows there are none.
    """
    return [sample for outcome in comparison.candidates for sample in _worst(comparison, outcome, most)]


def _worst(comparison: Comparison, outcome: Outcome, most: int) -> list[WorstSample]:
    count, rows = len(comparison.samples), outcome.rows
    if not count or not {"sqnr", "predicted"} & rows.keys():
        return []
    noise = np.asarray(rows.get("sqnr", np.zeros(count)), np.float64)
    expected, found = _answers(rows.get("predicted_reference")), _answers(rows.get("predicted"))
    changed = np.zeros(count, bool) if expected is None or found is None else expected != found
    right = np.zeros(count, bool) if expected is None or comparison.labels is None else expected == comparison.labels
    order = np.lexsort((noise, ~changed, ~(changed & right)))[:most]
    return [
        WorstSample(
            outcome.subject.name,
            comparison.samples[place],
            _at(comparison.labels, place),
            _at(expected, place),
            _at(found, place),
            float(noise[place]) if "sqnr" in rows else None,
        )
        for place in order
    ]


def _answers(column: Array | None) -> Array | None:
    return None if column is None else np.asarray(column)


def _at(column: Array | None, place: int) -> int | None:
    return None if column is None else int(column[place])


def class_flips(comparison: Comparison, outcome: Outcome) -> list[ClassFlips]:
    """Every class with a flip, the most regressed first; empty without labels or answers of both models."""
    labels, rows = comparison.labels, outcome.rows
    if labels is None or not {"top1", "top1_reference"} <= rows.keys():
        return []
    before, after = rows["top1_reference"], rows["top1"]
    flips = []
    for label in np.unique(labels[before != after]):
        own = labels == label
        regressed, fixed = int((own & before & ~after).sum()), int((own & ~before & after).sum())
        flips.append(ClassFlips(int(label), int(own.sum()), regressed, fixed))
    return sorted(flips, key=lambda flip: (flip.fixed - flip.regressed, flip.label))

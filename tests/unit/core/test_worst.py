"""Which samples a reader wants to see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quantkit.core.comparison import Comparison, Outcome, Subject
from quantkit.core.worst import ClassFlips, class_flips, worst_samples
from tests.fake_comparison import comparison


def made() -> Comparison:
    """Five samples: regressed, fixed, changed from wrong to wrong, the same and noisy, the same and clean."""
    rows = {
        "predicted_reference": np.array([0, 9, 8, 3, 4]),
        "predicted": np.array([9, 1, 7, 3, 4]),
        "top1_reference": np.array([True, False, False, True, True]),
        "top1": np.array([False, True, False, True, True]),
        "sqnr": np.array([30.0, 5.0, 4.0, 1.0, 50.0]),
    }
    outcome = Outcome(Subject("int8", "", "", 0), (), rows)
    return Comparison(Subject("fp32", "", "", 0), (outcome,), tuple("abcde"), np.arange(5))


def test_answers_that_became_wrong_come_first_then_changed_ones_then_noise() -> None:
    found = worst_samples(made())
    assert [(sample.name, sample.kind) for sample in found] == [
        ("a", "regressed"),
        ("c", "changed"),
        ("b", "fixed"),
        ("d", "noisy"),
        ("e", "noisy"),
    ]
    assert len(worst_samples(made(), 2)) == 2


def test_flips_are_counted_by_class() -> None:
    whole = made()
    assert class_flips(whole, whole.candidates[0]) == [ClassFlips(0, 1, 1, 0), ClassFlips(1, 1, 0, 1)]
    assert class_flips(replace(whole, labels=None), whole.candidates[0]) == []


def test_without_rows_there_are_none() -> None:
    whole = comparison()
    bare = replace(whole, candidates=tuple(replace(outcome, rows={}) for outcome in whole.candidates))
    assert worst_samples(bare) == []

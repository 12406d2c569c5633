from __future__ import annotations

import numpy as np

from quantkit.comparison.accuracy import accuracy


def test_flips_are_counted_both_ways_and_shares_over_all_samples() -> None:
    reference = np.array([True, True, True, False, False])
    candidate = np.array([True, False, False, True, False])
    summary = accuracy("top1", "top-1", reference, candidate)
    assert (summary.reference, summary.candidate, summary.samples) == (0.6, 0.4, 5)
    assert (summary.facts["regressed"], summary.facts["fixed"]) == (2, 1)
    assert summary.difference is not None
    assert summary.difference.estimate == -0.2


def test_without_flips_no_detectable_drop_is_given() -> None:
    same = np.ones(4, np.bool_)
    assert accuracy("top1", "top-1", same, same).facts == {"regressed": 0.0, "fixed": 0.0, "p_value": 1.0}

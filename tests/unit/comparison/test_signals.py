from __future__ import annotations

import numpy as np

from quantkit.comparison.signals import energy, errors, no_signal, pairs
from quantkit.core.arrays import Array
from quantkit.core.ports import Answers


def test_every_floating_output_of_every_sample_is_paired() -> None:
    reference: dict[str, Array] = {
        "a": np.ones((2, 3), np.float16),
        "ids": np.ones((2, 1), np.int64),
        "b": np.ones((2, 2, 2)),
    }
    found = [(index, mine.dtype.name, mine.size) for index, mine, _ in pairs(Answers(reference, reference))]
    assert found == [(0, "float64", 3), (1, "float64", 3), (0, "float64", 4), (1, "float64", 4)]


def test_infinities_that_both_hold_are_left_out_and_others_are_infinitely_wrong() -> None:
    reference: Array = np.array([[-np.inf, -np.inf, 1.0, 2.0]])
    candidate: Array = np.array([[-np.inf, 5.0, 1.0, np.nan]])
    ((_, mine, theirs),) = pairs(Answers({"y": reference}, {"y": candidate}))
    assert mine.tolist() == [-np.inf, 1.0, 2.0]
    assert errors(mine, theirs).tolist() == [np.inf, 0.0, np.inf]
    assert energy(mine) == 5.0


def test_without_a_floating_output_there_is_no_signal() -> None:
    integers = {"y": np.zeros((2, 3), np.int64)}
    obstacle = no_signal(Answers(integers, integers))
    assert obstacle is not None
    assert obstacle.reason == "no output is floating-point"

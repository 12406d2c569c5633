from __future__ import annotations

import numpy as np

from quantkit.comparison.outputs import chosen, lacking
from quantkit.core.arrays import Array
from quantkit.core.ports import Answers

OUTPUTS = {"a": np.zeros(2), "b": np.zeros((2, 3)), "c": np.zeros((2, 4))}


def is_table(values: Array) -> bool:
    return values.ndim == 2


def test_the_first_that_fits_is_chosen_unless_another_is_named() -> None:
    assert [chosen(OUTPUTS, name, is_table) for name in (None, "c", "a", "d")] == ["b", "c", None, None]


def test_what_is_lacking_is_told_with_what_there_is() -> None:
    answers = Answers(OUTPUTS, OUTPUTS)
    assert lacking(answers, None, is_table, "a table") is None
    found = [lacking(answers, name, is_table, "a table") for name in ("a", "bb")]
    assert [obstacle.reason.partition(":")[0] for obstacle in found if obstacle] == [
        "output 'a' is not a table",
        "there is no output 'bb'; did you mean 'b'?; 'a' is float64[2], 'b' is float64[2, 3], 'c' is float64[2, 4]",
    ]
    nothing = lacking(Answers({"a": np.zeros(2)}, {}), None, is_table, "a table")
    assert nothing is not None
    assert nothing.reason == "no output is a table: 'a' is float64[2]"

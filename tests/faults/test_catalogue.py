"""The catalogue of faults has 72 cases, and each has a test; what tells its number is its name.

A case is numbered in the name of its class (Test52…) or function (test_52_…, test_40_to_43_…), or in the first argument
or the key of a parametrized case. What only another kind of test can show is listed here by where it is.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

MARKS = (
    r"class Test(?P<first>\d+)",
    r"def test_(?:case_)?(?P<first>\d+)(?:_(?:to|and)_(?P<last>\d+))?_",
    r'"(?P<first>\d+) [^"]+": (?:Case)?\(',
    r"Case\(\s*(?P<first>\d+),",
)

ELSEWHERE = {
    61: "tests/unit/backends/test_ort_session.py"
    "::test_a_batch_that_does_not_fit_is_told_apart_from_a_model_that_never_would",
    64: "tests/gpu/test_trt_whole_job.py::test_every_engine_is_kept_with_its_record",
    67: "tests/unit/cli/work/comparing/test_contest.py::test_a_plan_of_another_machine_is_refused_with_both",
    68: "tests/unit/cli/work/comparing/test_contest.py"
    "::test_a_plan_that_is_not_the_recorded_one_is_refused_before_anything_else",
    69: "tests/unit/backends/tensorrt/test_engines.py::test_a_build_that_fails_says_what_tensorrt_said",
}
"""Case → the test that shows it, or shows more of it: a GPU's memory in the whole job, a stand-in for TensorRT."""


def numbered() -> set[int]:
    """The cases that some test in this folder names."""
    found: set[int] = set()
    for path in HERE.glob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        for mark in MARKS if path != Path(__file__) else ():
            for match in re.finditer(mark, text):
                ends = match.groupdict()
                first = int(ends["first"])
                found |= set(range(first, int(ends.get("last") or first) + 1))
    return found


def test_every_case_has_a_test() -> None:
    assert set(range(1, 73)) - numbered() - ELSEWHERE.keys() == set()


@pytest.mark.parametrize("place", ELSEWHERE.values())
def test_what_is_shown_elsewhere_is_there(place: str) -> None:
    path, _, name = place.partition("::")
    assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")

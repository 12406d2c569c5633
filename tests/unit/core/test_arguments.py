"""Arguments that no function takes are refused by name, with what to give instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from quantkit.core.arguments import checked, checked_as, hold_fields, hold_least
from quantkit.core.errors import UsageError
from quantkit.core.ports import Calibrator
from quantkit.core.tolerance import Drop, Tolerance


@checked
def worked(
    size: int = 1,
    *,
    share: float | None = None,
    names: tuple[str, ...] = (),
    pair: tuple[int, int] | None = None,
    table: Mapping[str, float] | None = None,
    path: Path | str = "",
    rule: str | Calibrator = "max",
    rest: Literal["fp32", "fp16"] = "fp32",
    progress: Callable[[int], None] | None = None,
    strict: bool = False,
    anything: Any = None,
) -> int:
    """The size."""
    return size


class Rule:
    def threshold(self, histogram: Any) -> Any:
        return histogram


@pytest.mark.parametrize(
    "given",
    [
        {"size": np.int64(3)},
        {"share": np.float32(0.5)},
        {"share": 1},
        {"names": ["a", "b"]},
        {"pair": (1, 2)},
        {"table": {"a": 1.0}},
        {"path": Path("a")},
        {"rule": Rule()},
        {"rest": "fp16"},
        {"progress": print},
        {"strict": np.bool_(True)},
        {"anything": object()},
    ],
    ids=lambda given: next(iter(given)),
)
def test_what_the_annotations_allow_passes(given: dict[str, Any]) -> None:
    assert worked(**given) == given.get("size", 1)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"size": "3"}, r"worked\(\): size is '3', not a whole number"),
        ({"size": True}, r"size is True, not a whole number"),
        ({"size": 1.5}, r"size is 1.5, not a whole number"),
        ({"share": "half"}, r"share is 'half', not a number"),
        ({"names": "top1"}, r"names is 'top1', not a tuple of strings"),
        ({"names": ("a", 1)}, r"names\[1\] is 1, not a string"),
        ({"pair": (1, 2, 3)}, r"pair is a tuple, not 2 whole numbers"),
        ({"table": [("a", 1)]}, r"table is a list, not a mapping"),
        ({"table": {"a": "1"}}, r"table\['a'\] is '1', not a number"),
        ({"table": {1: 1.0}}, r"a key of table is 1, not a string"),
        ({"path": None}, r"path is None, not a path"),
        ({"path": b"a"}, r"path is a bytes, not a path"),
        ({"rule": Rule}, r"rule is the class Rule, not a string or a Calibrator"),
        ({"rest": "int4"}, r"rest is 'int4', not 'fp32' or 'fp16'"),
        ({"progress": True}, r"progress is True, not a function"),
        ({"strict": "yes"}, r"strict is 'yes', not True or False"),
        ({"strict": 1}, r"strict is 1, not True or False"),
    ],
    ids=str,
)
def test_anything_else_is_refused_by_name_and_value(given: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says) as refusal:
        worked(**given)
    assert refusal.value.code == "QK1096"
    assert refusal.value.hints


def test_a_string_where_several_are_wanted_is_told_how_to_be_one_of_them() -> None:
    with pytest.raises(UsageError) as refusal:
        worked(names="top1")  # type: ignore[arg-type]
    assert refusal.value.hints == ("give ('top1',)",)


def test_what_python_itself_refuses_it_still_does() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'sise'"):
        worked(sise=1)  # type: ignore[call-arg]


def test_a_function_goes_by_its_public_name_and_keeps_its_own() -> None:
    @checked_as("load_run")
    def load(path: Path) -> Path:
        """Reads."""
        return path

    with pytest.raises(UsageError, match=r"load_run\(\): path is 3"):
        load(3)  # type: ignore[arg-type]
    assert (load.__name__, load.__doc__) == ("load", "Reads.")


@dataclass(frozen=True, slots=True)
class Options:
    threads: int | None = None
    names: Iterable[str] = ()

    def __post_init__(self) -> None:
        hold_fields(self)
        hold_least(self, threads=1)


def test_records_of_options_hold_what_they_say() -> None:
    assert Options(threads=2, names=["a"]) == Options(2, ["a"])
    with pytest.raises(UsageError, match="Options: threads is '2', not a whole number"):
        Options(threads="2")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="Options: threads is 0") as refusal:
        Options(threads=0)
    assert refusal.value.hints == ("give 1 or more",)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Drop(0.5, "x"), "no metric is measured in 'x'"),
        (lambda: Drop(-1, "pp"), "size is -1"),
        (lambda: Drop(float("nan"), "pp"), "size is nan"),
        (lambda: Drop("1pp"), "size is '1pp', not a number"),  # type: ignore[arg-type]
        (Tolerance, "neither a ratio nor a drop is given"),
        (lambda: Tolerance(99), "min_ratio is 99"),
        (lambda: Tolerance(max_drop=0.01), "max_drop is 0.01, not a Drop"),  # type: ignore[arg-type]
    ],
    ids=["unit", "negative", "nan", "text", "nothing", "percent", "bare"],
)
def test_limits_that_limit_nothing_are_refused(make: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says) as refusal:
        make()
    assert (refusal.value.code, bool(refusal.value.hints)) == ("QK1096", True)

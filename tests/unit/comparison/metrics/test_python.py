from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quantkit.comparison.metrics import by_name
from quantkit.comparison.metrics.python import PythonMetric
from quantkit.core.arrays import Array, Batch
from quantkit.core.errors import QuantkitError, UsageError
from quantkit.core.ports import Answers

HERE = "tests.unit.comparison.metrics.test_python"
OUTPUTS = {"y": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])}
ANSWERS = Answers(OUTPUTS, {"y": OUTPUTS["y"] + 0.5}, np.array([0, 1, 1]))


def distance(reference: Batch, candidate: Batch, labels: Array | None) -> Array:
    return np.asarray(np.abs(reference["y"] - candidate["y"]).sum(axis=1))


def both(reference: Batch, candidate: Batch, labels: Array | None) -> dict[str, Array]:
    return {"reference": reference["y"][:, 0], "candidate": candidate["y"][:, 0]}


def hits(reference: Batch, candidate: Batch, labels: Array | None) -> dict[str, Array]:
    return {"reference": reference["y"][:, 0] < 4, "candidate": candidate["y"][:, 0] < 3}


def crash(reference: Batch, candidate: Batch, labels: Array | None) -> Array:
    raise ZeroDivisionError("no such thing\nas a second line")


def scribble(reference: Batch, candidate: Batch, labels: Array | None) -> Array:
    reference["y"][0] = 0
    return reference["y"]


def stop(reference: Batch, candidate: Batch, labels: Array | None) -> Array:
    raise KeyboardInterrupt


def ragged(reference: Batch, candidate: Batch, labels: Array | None) -> Any:
    return [[1.0], [1.0, 2.0], []]


def wrong_shape(reference: Batch, candidate: Batch, labels: Array | None) -> Any:
    return 1.0


def undefined(reference: Batch, candidate: Batch, labels: Array | None) -> Any:
    return [0.0, np.nan, 1.0]


def words(reference: Batch, candidate: Batch, labels: Array | None) -> Any:
    return ["a", "b", "c"]


def strange_keys(reference: Batch, candidate: Batch, labels: Array | None) -> Any:
    return {"candidate": [1, 2, 3], "error": [1, 2, 3]}


NOT_CALLABLE = 3


def test_a_score_for_each_sample_gives_a_mean_with_an_interval() -> None:
    metric = PythonMetric(f"{HERE}:distance", higher_is_better=False)
    summary = metric.summary(metric.rows(ANSWERS))
    assert (summary.metric, summary.title, summary.candidate) == (f"{HERE}:distance", "distance", 1.0)
    assert summary.interval is not None
    assert summary.reference is None
    assert not summary.higher_is_better


def test_scores_of_both_models_give_a_paired_difference() -> None:
    metric = PythonMetric(f"{HERE}:both")
    summary = metric.summary(metric.rows(ANSWERS))
    assert (summary.reference, summary.candidate) == (3.0, 3.5)
    assert summary.difference is not None
    assert (summary.difference.low, summary.difference.high) == (0.5, 0.5)


def test_right_and_wrong_give_a_share_and_its_flips() -> None:
    metric = PythonMetric(f"{HERE}:hits")
    summary = metric.summary(metric.rows(ANSWERS))
    assert (summary.unit, summary.facts["regressed"], summary.facts["fixed"]) == ("share", 1.0, 0.0)


def test_the_place_of_a_function_is_a_metric_with_options() -> None:
    (name, metric), *_ = by_name([f"{HERE}:distance,higher-is-better=no"]).items()
    assert name == f"{HERE}:distance"
    assert metric == PythonMetric(f"{HERE}:distance", higher_is_better=False)


def test_what_a_function_raises_is_told_with_its_place() -> None:
    with pytest.raises(UsageError, match=f"{HERE}:crash failed") as refusal:
        PythonMetric(f"{HERE}:crash").rows(ANSWERS)
    assert refusal.value.code == "QK1055"
    assert refusal.value.cause == "ZeroDivisionError: no such thing as a second line"
    assert refusal.value.where is not None
    assert Path(refusal.value.where.rpartition(":")[0]).name == "test_python.py"


def test_a_request_to_stop_passes() -> None:
    with pytest.raises(KeyboardInterrupt):
        PythonMetric(f"{HERE}:stop").rows(ANSWERS)


def test_a_function_cannot_change_what_other_metrics_read() -> None:
    with pytest.raises(UsageError) as refusal:
        PythonMetric(f"{HERE}:scribble").rows(ANSWERS)
    assert refusal.value.cause == "ValueError: assignment destination is read-only"


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("ragged", "returned no array"),
        ("wrong_shape", r"returned an array of shape \[\]"),
        ("undefined", "returned NaN for sample 1 of a batch"),
        ("words", "returned values of type <U1"),
        ("strange_keys", r"returned a mapping with the keys \['candidate', 'error'\]"),
    ],
)
def test_anything_but_scores_is_refused(function: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as refusal:
        PythonMetric(f"{HERE}:{function}").rows(ANSWERS)
    assert refusal.value.code == "QK1056"


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("nowhere.at_all:f", "cannot import nowhere.at_all:f"),
        (f"{HERE}:missing", "cannot import"),
        (f"{HERE}:NOT_CALLABLE", "is int, not a function"),
        ("os.system('x'):f", "is no place of a function"),
        ("just_a_name", "is no place of a function"),
        (":f", "is no place of a function"),
    ],
)
def test_a_place_without_a_function_is_refused(place: str, reason: str) -> None:
    with pytest.raises(QuantkitError, match=reason) as refusal:
        PythonMetric(place)
    assert refusal.value.code == "QK1054"


def test_outputs_that_cannot_be_divided_are_an_obstacle() -> None:
    assert PythonMetric(f"{HERE}:both").obstacle(Answers({}, {})) is not None

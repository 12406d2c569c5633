from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantkit.comparison.scores import (
    NO_CLASS,
    among_first,
    are_probabilities,
    both_scores,
    class_output,
    known_labels,
    no_truth,
    predictions,
)
from quantkit.core.arrays import Array
from quantkit.core.errors import DataError
from quantkit.core.ports import Answers

# Few distinct values, so that ties are common.
SCORES = arrays(np.float32, st.tuples(st.integers(1, 8), st.integers(2, 9)), elements=st.integers(-2, 2))


def answers(values: Array, labels: list[int] | None = None) -> Answers:
    outputs = {"logits": values}
    return Answers(outputs, outputs, None if labels is None else np.array(labels, np.int64))


@given(SCORES)
def test_of_equal_scores_the_lowest_class_is_predicted(scores: Array) -> None:
    expected = [min(range(len(row)), key=lambda index: (-row[index], index)) for row in scores]
    assert predictions(scores).tolist() == expected


@given(SCORES, st.integers(1, 12), st.data())
def test_being_among_the_first_is_a_place_in_the_sorted_order(scores: Array, count: int, data: st.DataObject) -> None:
    labels = np.array([data.draw(st.integers(0, scores.shape[1] - 1)) for _ in scores], np.int64)
    ranked = [sorted(range(len(row)), key=lambda index: (-row[index], index))[:count] for row in scores]
    expected = [label in first for label, first in zip(labels, ranked, strict=True)]
    assert among_first(scores, labels, count).tolist() == expected


@given(SCORES)
def test_the_first_of_one_is_the_prediction(scores: Array) -> None:
    assert among_first(scores, predictions(scores), 1).all()


def test_scores_with_nan_predict_nothing() -> None:
    scores = np.array([[np.nan, 1.0], [0.0, 1.0]])
    assert predictions(scores).tolist() == [NO_CLASS, 1]
    assert among_first(scores, np.array([1, 1]), 5).tolist() == [False, True]


@pytest.mark.parametrize(
    ("shape", "found"),
    [((3, 10), True), ((3, 10, 1, 1), True), ((3, 1), False), ((3,), False), ((3, 10, 7), False), ((3, 1, 10), False)],
)
def test_class_scores_are_a_row_for_each_sample(shape: tuple[int, ...], found: bool) -> None:
    assert (class_output({"y": np.zeros(shape, np.float32)}) == "y") is found


def test_integers_are_no_scores_and_the_first_output_that_has_them_counts() -> None:
    outputs = {"ids": np.zeros((3, 10), np.int64), "a": np.zeros((3, 4)), "b": np.zeros((3, 5))}
    assert class_output(outputs) == "a"


def test_scores_are_flattened_to_classes() -> None:
    assert both_scores(answers(np.zeros((3, 10, 1, 1))))[0].shape == (3, 10)


def test_asking_for_scores_where_there_are_none_names_the_shapes() -> None:
    with pytest.raises(DataError, match=r"no output holds a score for each class: 'logits' is float64\[3, 2, 2\]"):
        both_scores(answers(np.zeros((3, 2, 2))))


def test_asking_for_labels_where_there_are_none_is_refused() -> None:
    with pytest.raises(DataError, match="no labels to judge by"):
        known_labels(answers(np.zeros((3, 2))))


@pytest.mark.parametrize("label", [-1, 10])
def test_a_label_that_is_no_class_is_an_obstacle_and_named(label: int) -> None:
    obstacle = no_truth(answers(np.zeros((3, 10)), [0, label, 9]))
    assert obstacle is not None
    assert obstacle.reason == f"label {label} is no class of output 'logits', which has 0 to 9"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [([[0.2, 0.8]], True), ([[0.2, 0.9]], False), ([[-0.1, 1.1]], False), ([[np.nan, 1.0]], False)],
)
def test_probabilities_are_told_from_other_numbers(rows: list[list[float]], expected: bool) -> None:
    assert are_probabilities(np.array(rows)) is expected


def test_probabilities_in_half_precision_are_recognized() -> None:
    logits = np.random.default_rng(0).normal(size=(4, 1000))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert are_probabilities(shares.astype(np.float16))

from __future__ import annotations

import numpy as np
import pytest

from quantkit.comparison.answers import by_sample, deviations, matching, refuse_undefined
from quantkit.core.errors import DataError, ModelError
from quantkit.core.ports import Answers, Samples
from quantkit.core.statistics import SampleId

THREE = Samples({}, tuple(SampleId(name, name) for name in ("a.png", "b.png", "c.png")))


def test_outputs_that_do_not_count_samples_are_left_out_unless_there_is_one_sample() -> None:
    outputs = {"logits": np.zeros((3, 2)), "state": np.zeros((2, 3, 8)), "scalar": np.zeros(())}
    assert list(by_sample(outputs, 3)) == ["logits"]
    alone = by_sample({"logits": np.zeros((1, 2)), "boxes": np.zeros((7, 4)), "scalar": np.zeros(())}, 1)
    assert {name: values.shape for name, values in alone.items()} == {
        "logits": (1, 2),
        "boxes": (1, 7, 4),
        "scalar": (1,),
    }


def test_a_reference_that_answers_nan_is_refused_by_output_and_sample() -> None:
    logits = np.zeros((3, 2))
    logits[1, 1] = np.nan
    with pytest.raises(DataError, match="answers NaN in output 'logits'") as refusal:
        refuse_undefined({"ids": np.zeros((3, 1), np.int64), "logits": logits}, THREE)
    assert refusal.value.where == "b.png"
    assert refusal.value.code == "QK2281"


def test_masked_scores_of_minus_infinity_are_no_reason_to_refuse() -> None:
    refuse_undefined({"logits": np.full((3, 2), -np.inf)}, THREE)


def test_a_candidate_with_other_outputs_is_refused() -> None:
    expected = {"logits": np.zeros((3, 10))}
    with pytest.raises(ModelError, match=r"output 'logits' is \[3, 10\] in the reference and \[3, 12\] in 'int8'"):
        matching(expected, {"logits": np.zeros((3, 12))}, 3, "int8")
    with pytest.raises(ModelError, match=r"\[3, 10\] in the reference and none such in 'int8'"):
        matching(expected, {"scores": np.zeros((3, 10))}, 3, "int8")


def test_further_outputs_of_a_candidate_do_not_matter() -> None:
    expected = {"logits": np.zeros((3, 10))}
    assert list(matching(expected, {"debug": np.zeros(3), "logits": np.zeros((3, 10))}, 3, "int8")) == ["logits"]


def test_deviations_count_what_is_not_finite_in_the_candidate_alone() -> None:
    reference = {"y": np.array([[1.0, 2.0], [-np.inf, 2.0], [1.0, 2.0]]), "ids": np.array([[1], [2], [3]])}
    candidate = {"y": np.array([[1.0, 2.0], [-np.inf, np.nan], [np.inf, np.nan]]), "ids": np.array([[1], [2], [3]])}
    rows = deviations(Answers(reference, candidate))
    assert rows["nonfinite"].tolist() == [0, 1, 2]
    assert rows["changed"].tolist() == [False, True, True]


def test_integer_outputs_count_as_changed() -> None:
    rows = deviations(Answers({"ids": np.array([[1], [2]])}, {"ids": np.array([[1], [3]])}))
    assert rows["changed"].tolist() == [False, True]
    assert rows["nonfinite"].dtype == np.int64

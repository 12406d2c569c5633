from __future__ import annotations

import numpy as np
import pytest

from quantkit.comparison.notes import notes_on
from quantkit.core.arrays import Array
from quantkit.core.comparison import DOUBTFUL
from quantkit.core.ports import Obstacle


def columns(changed: int, nonfinite: int = 0) -> dict[str, Array]:
    return {
        "changed": np.arange(30) < changed,
        "nonfinite": np.where(np.arange(30) < nonfinite, 5, 0),
        "top1_reference": np.ones(30, np.bool_),
    }


def test_metrics_with_one_reason_share_a_line() -> None:
    unlabelled = Obstacle("no labels to judge by")
    obstacles = {"top1": unlabelled, "agreement": Obstacle("no classes"), "top5": unlabelled}
    assert notes_on({}, None, obstacles=obstacles, undivided={}) == (
        "not measured: top1, top5 (no labels to judge by)",
        "not measured: agreement (no classes)",
    )


def test_wrong_labels_are_a_doubt_about_the_run() -> None:
    (note,) = notes_on({}, None, obstacles={"top1": Obstacle("label 10 is no class", data=True)}, undivided={})
    assert note.startswith(f"{DOUBTFUL}not measured: top1 (label 10 is no class)")


@pytest.mark.parametrize(
    ("changed", "nonfinite", "said"),
    [(30, 0, 0), (1, 0, 0), (0, 0, 1), (30, 3, 1)],
    ids=["all differ", "one differs", "none differs", "not finite"],
)
def test_odd_answers_are_told_for_each_candidate(changed: int, nonfinite: int, said: int) -> None:
    notes = notes_on({"int8": columns(changed, nonfinite)}, None, obstacles={}, undivided={})
    assert len(notes) == said
    assert all(note.startswith("int8: ") for note in notes)


@pytest.mark.parametrize(("right", "suspected"), [(3, True), (6, True), (7, False), (30, False)])
def test_a_reference_hardly_better_than_one_answer_for_all_is_suspected(right: int, suspected: bool) -> None:
    # The commonest label is that of 3 samples, and 3 + 2·√3 = 6.5.
    labels = np.arange(30, dtype=np.int64) % 10
    rows = columns(30) | {"top1_reference": np.arange(30) < right}
    notes = notes_on({"int8": rows}, labels, obstacles={}, undivided={})
    assert bool(notes) == suspected


@pytest.mark.parametrize(("shifted", "offset"), [(6, False), (7, True)])
def test_labels_that_leave_out_the_background_class_are_told_with_the_offset(shifted: int, offset: bool) -> None:
    labels = np.arange(30, dtype=np.int64) % 10
    predicted = np.where(np.arange(30) < shifted, labels + 1, -1)
    rows = columns(30) | {"top1_reference": predicted == labels, "predicted_reference": predicted}
    (note,) = notes_on({"int8": rows}, labels, obstacles={}, undivided={})
    assert note.startswith(DOUBTFUL)
    assert ("on 7 it predicts the label plus 1" in note and "--label-offset 1" in note) == offset
    assert ("look at the preprocessing" in note) != offset


def test_few_samples_are_no_ground_for_suspicion() -> None:
    rows = {name: values[:19] for name, values in columns(30).items()} | {"top1_reference": np.zeros(19, np.bool_)}
    assert notes_on({"int8": rows}, np.zeros(19, np.int64), obstacles={}, undivided={}) == ()

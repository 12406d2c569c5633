"""How far a model differs from itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from quantkit.comparison.metrics import by_name
from quantkit.comparison.noise import noise_of, notes_on_noise
from quantkit.core.arrays import Batch
from quantkit.core.comparison import Noise
from tests.fake_comparison import LOGITS, FakeEngine, digits_like, echo, shaken

DATA = digits_like(120)


def noise(first: Callable[[Batch], Batch], second: Callable[[Batch], Batch], *metrics: str) -> Noise:
    wanted = by_name(metrics) if metrics else None
    return noise_of({"int8": FakeEngine(first)}, lambda name: FakeEngine(second), DATA, wanted)["int8"]


def test_a_model_that_answers_alike_has_none() -> None:
    assert noise(echo, echo) == Noise(120, 0, {"top1": 0.0, "top5": 0.0})


def test_the_floor_of_right_and_wrong_is_the_share_that_flips() -> None:
    found = noise(shaken(0.4, 1), shaken(0.4, 2), "top1")
    answered = [shaken(0.4, seed)({"x": DATA.inputs})[LOGITS] for seed in (1, 2)]
    # Each batch is shaken alike, so the flips are counted batch by batch here as well.
    right = [
        np.concatenate([shaken(0.4, seed)({"x": part})[LOGITS].argmax(axis=1) for part in np.split(DATA.inputs, 4)])
        == DATA.labels
        for seed in (1, 2)
    ]
    flips = float(np.mean(right[0] != right[1]))
    assert flips > 0
    assert found.floors == {"top1": flips}
    assert found.changed == len(answered[0])


def test_an_answer_that_is_not_defined_is_equal_to_itself() -> None:
    def undefined(batch: Batch) -> Batch:
        return {LOGITS: np.full_like(batch["x"], np.nan)}

    assert noise(undefined, undefined, "top1") == Noise(120, 0, {"top1": 0.0})


@pytest.mark.parametrize(
    ("found", "notes"),
    [
        ({}, []),
        (
            {"FP32": Noise(9, 0, {}), "int8": Noise(9, 0, {})},
            ["self-check: run twice on all 9 samples, FP32, int8 answer alike in every value"],
        ),
        (
            {"FP32": Noise(9, 0, {}), "int8": Noise(9, 2, {"top1": 1 / 9})},
            [
                "self-check: int8 does not answer twice alike: other outputs for 2 of 9 samples; "
                "noise floor: top1 0.111",
                "self-check: run twice on all 9 samples, FP32 answer alike in every value",
            ],
        ),
    ],
    ids=["not asked for", "none", "some"],
)
def test_what_was_found_is_told_in_a_line_each(found: dict[str, Noise], notes: list[str]) -> None:
    assert notes_on_noise(found) == notes

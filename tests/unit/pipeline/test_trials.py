"""In which order subsets are run, and how often."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any
from unittest import mock

import numpy as np
import pytest

from quantkit.core.arrays import Batch
from quantkit.core.errors import DataError, TooLittleError
from quantkit.core.ports import Samples
from quantkit.core.sensitivity_extent import Extent
from quantkit.graph.choosable import Choosable
from quantkit.graph.quantized_layers import LayeredPlacement
from quantkit.pipeline.experiments import EVERYTHING, NOTHING, experiments
from quantkit.pipeline.following import Following
from quantkit.pipeline.trials import Limit, Switchboard, Trials
from tests.fake_comparison import FakeEngine, FakeSource
from tests.onnx_models import random
from tests.unit.pipeline.test_experiments import MODEL

PLAN = experiments(LayeredPlacement(MODEL, "ort-cpu"))
INPUTS = random(10, 3)
NOISY = PLAN.of_layer(1)["only", "both"]
ANY_TIME: Any = mock.ANY


class FakeBoard(Switchboard):
    """Subset `NOISY` answers with much noise and every other with a little; remembers who was asked."""

    def __init__(self) -> None:
        super().__init__(FakeEngine(lambda batch: batch), Choosable(MODEL.serialized(), "chosen", 0), ())
        object.__setattr__(self, "asked", [])

    asked: list[int]

    def run(self, subset: int, samples: Samples) -> Batch:
        self.asked.append(subset)
        noise = 0.0 if subset == NOTHING else 1.0 if subset == NOISY else 0.01
        return {"y": samples.inputs["x"] + np.float32(noise)}


def tried(
    seconds: float | None = None, batch: int = 4, following: Following | None = None
) -> tuple[Trials, Sequence[int]]:
    board = FakeBoard()
    trials = Trials(PLAN, {}, Limit(itertools.count(0.0, 1.0).__next__, seconds, 0.0), following)
    trials.run(board, FakeSource(INPUTS, batch=batch), None)
    return trials, board.asked


def test_each_batch_goes_through_each_subset_once() -> None:
    trials, asked = tried()
    assert Counter(asked) == dict.fromkeys(range(len(PLAN.subsets)), 3)
    assert trials.samples == 10
    assert {trials.samples_of(number) for number in range(len(PLAN.layers))} == {10}
    assert trials.extent == Extent(10, 10 * (len(PLAN.subsets) - 1), 10 * (len(PLAN.subsets) - 1), ANY_TIME)


def test_from_the_second_batch_on_the_worst_layer_is_first() -> None:
    _, asked = tried()
    later = asked[len(PLAN.subsets) :]
    assert later[:2] == [NOTHING, EVERYTHING]
    assert later[2] in PLAN.of_layer(1).values()
    assert set(PLAN.of_layer(1).values()) - {NOTHING, EVERYTHING} == set(
        later[2 : 2 + len(set(PLAN.of_layer(1).values()) - {NOTHING, EVERYTHING})]
    )


@pytest.mark.parametrize("seconds", range(5, 80, 4))
def test_whenever_the_time_is_over_a_layers_figures_are_of_the_same_samples(seconds: int) -> None:
    trials, _ = tried(float(seconds))
    for number in range(len(PLAN.layers)):
        counts = {len(trials._series[subset]) for subset in PLAN.of_layer(number).values()} - {0}
        # Subsets that layers share may have run once more for another layer's sake; figures are of the fewest.
        assert trials.samples_of(number) in (0, 4, 8, 10)
        assert not counts or trials.samples_of(number) == [4, 8, 10][min(counts) - 1]
        for effects in trials.effects(number).values():
            assert effects.everything == pytest.approx(trials._value(EVERYTHING, "sqnr", min(counts)))


@pytest.mark.parametrize("seconds", range(5, 40, 4))
def test_the_extent_says_what_there_was_no_time_for(seconds: int) -> None:
    trials, asked = tried(float(seconds))
    extent = trials.extent
    assert (extent.limit_s, extent.samples) == (seconds, 10)
    assert extent.runs < (extent.of_runs or 0)
    missing = {
        layer.node
        for number, layer in enumerate(PLAN.layers)
        if set(PLAN.of_layer(number).values()) - set(asked) and set(PLAN.of_layer(number).values()) & set(asked)
    }
    assert set(extent.partly) == missing


def test_what_follows_the_measuring_is_no_part_of_its_time() -> None:
    trials, _ = tried(30.0)
    assert trials.extent.seconds == trials.extent.seconds > 0


def test_time_for_what_follows_is_kept() -> None:
    every, _ = tried(90.0)
    less, _ = tried(90.0, following=Following(90.0, 3, making_s=30.0, loading_s=0.0, timing_s=0.0))
    assert less.extent.is_cut_short
    assert less.extent.runs < every.extent.runs
    # A look at the clock is a second, and one more run has two.
    assert less.extent.seconds <= 90.0 - 30.0 + 3


def test_the_end_comes_within_a_layer_too() -> None:
    layers = [set(PLAN.of_layer(number).values()) - {NOTHING, EVERYTHING} for number in range(len(PLAN.layers))]
    ends = {tried(float(seconds))[1][-1] for seconds in range(5, 80)}
    # Wherever the time is over, that run is the last, so that every subset is the last of some measurement.
    assert ends >= set.union(*layers)


def test_the_pace_tells_reading_from_running() -> None:
    trials, _ = tried()
    # Reading a batch and finding no other are a second each, by a clock that is looked at twice.
    assert trials.pace.read_s == pytest.approx(4 / 10)
    assert trials.pace.run_s > 0


def test_noise_of_a_tensor_alone_is_a_share_of_the_signal() -> None:
    trials, _ = tried()
    signal = float(np.sum(INPUTS.astype(np.float64) ** 2))
    for tensor, subset in PLAN.tensors.items():
        expected = (1.0 if subset == NOISY else 1e-4) * INPUTS.size / signal
        assert trials.alone[tensor] == pytest.approx(expected, rel=1e-4)


def test_a_reference_that_answers_nan_is_refused() -> None:
    board = FakeBoard()
    trials = Trials(PLAN, {}, Limit(lambda: 0.0, None, 0.0))
    with pytest.raises(DataError, match="the reference model itself answers NaN"):
        trials.run(board, FakeSource(np.full((4, 3), np.nan, np.float32)), None)


def test_no_batch_at_all_is_refused() -> None:
    trials = Trials(PLAN, {}, Limit(lambda: 0.0, None, 0.0))
    with pytest.raises(TooLittleError, match="0 samples to measure on"):
        trials.run(FakeBoard(), FakeSource(INPUTS[:0]), None)

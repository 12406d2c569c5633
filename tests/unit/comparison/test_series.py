"""Figures of the first so many batches."""

from __future__ import annotations

import numpy as np
import pytest

from quantkit.comparison.metrics.sqnr import SqnrMetric
from quantkit.comparison.metrics.top1 import Top1Metric
from quantkit.comparison.series import Series
from quantkit.core.arrays import Array
from quantkit.core.ports import Answers

SCORES = np.random.default_rng(0).standard_normal((12, 5)).astype(np.float32)
NOISE = np.random.default_rng(1).standard_normal((12, 5)).astype(np.float32) / 5
LABELS = np.arange(12) % 5


def answers(start: int, stop: int) -> Answers:
    own = slice(start, stop)
    return Answers({"y": SCORES[own]}, {"y": SCORES[own] + NOISE[own]}, LABELS[own])


def series(*stops: int) -> Series:
    found, start = Series({"top1": Top1Metric()}), 0
    for stop in stops:
        found.add(answers(start, stop))
        start = stop
    return found


def test_every_prefix_has_the_figures_of_its_samples() -> None:
    found = series(4, 8, 12)
    assert len(found) == 3
    for batches, stop in ((1, 4), (2, 8), (3, 12), (None, 12)):
        rows = SqnrMetric().rows(answers(0, stop))
        assert found.decibels(batches) == pytest.approx(SqnrMetric().summary(rows).candidate)
        assert found.noise(batches) == pytest.approx(rows["noise"].sum() / rows["signal"].sum())
        assert found.summary("top1", batches).samples == stop


def test_batches_do_not_matter() -> None:
    assert series(4, 8, 12).decibels() == pytest.approx(series(5, 12).decibels(), rel=1e-12)


@pytest.mark.parametrize(
    ("change", "noise", "decibels"),
    [(0.0, 0.0, np.inf), (np.inf, np.inf, -np.inf)],
    ids=["nothing is lost", "a value overflows"],
)
def test_the_ends_of_the_scale(change: float, noise: float, decibels: float) -> None:
    found = Series({})
    changed: Array = SCORES.copy()
    changed[0, 0] += change
    found.add(Answers({"y": SCORES}, {"y": changed}))
    assert (found.noise(), found.decibels()) == (noise, decibels)


def test_noise_without_any_signal_is_infinite() -> None:
    found = Series({})
    found.add(Answers({"y": np.zeros((2, 3), np.float32)}, {"y": np.ones((2, 3), np.float32)}))
    assert found.noise() == np.inf

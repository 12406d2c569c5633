"""What measuring would take."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from quantkit.comparison.latency import Stopwatch
from quantkit.core.errors import DataError
from quantkit.pipeline.estimating import estimated
from tests.fake_comparison import FakeSource
from tests.unit.pipeline.test_sensitivity import CNN, INPUTS, QUICK


def test_the_estimate_counts_every_run_and_needs_no_ranges() -> None:
    told = estimated(CNN, FakeSource(INPUTS, batch=4), how=QUICK)
    assert told.samples == 12
    assert told.layers == 4
    assert told.subsets > 6 * 3
    assert told.seconds is not None
    assert 0 < told.seconds < 60


def test_the_comparison_and_the_latency_at_the_end_take_time_too() -> None:
    # A clock by which every run takes a second, so a sample a quarter of one.
    how = replace(QUICK, clock=itertools.count(0.0, 1.0).__next__)
    told = estimated(CNN, FakeSource(INPUTS, batch=4), how=how)
    # FP32, INT8, and INT8 with one and with two of its four layers in FP32; fused, they take half as long.
    together = 4 * 0.25 / 2
    assert told.seconds is not None
    assert told.seconds == pytest.approx(12 * (told.subsets * 0.25 + together))
    watch = Stopwatch(warmup=1, rounds=3, blocks=2)
    how = replace(how, stopwatch=watch, clock=itertools.count(0.0, 1.0).__next__)
    timed = estimated(CNN, FakeSource(INPUTS, batch=4), how=how)
    assert timed.seconds == pytest.approx(told.seconds + 2 * (1 + 3) * together)


def test_no_samples_are_refused() -> None:
    with pytest.raises(DataError, match="0 calibration samples"):
        estimated(CNN, FakeSource(INPUTS[:0]), how=QUICK)

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from quantkit.comparison.latency import Load, Stopwatch
from quantkit.core.arrays import Batch
from quantkit.core.errors import TooLittleError, UsageError
from quantkit.core.ports import Engine, Samples
from quantkit.core.statistics import SampleId
from tests.fake_comparison import FakeEngine, echo

TWO = Samples({"x": np.zeros((2, 3), np.float32)}, (SampleId("a", "0"), SampleId("b", "1")))


class Clock:
    """Time that passes only when an engine works."""

    def __init__(self) -> None:
        self.now = 0.0
        self.order: list[str] = []

    def __call__(self) -> float:
        return self.now

    def engine(self, name: str, seconds: Iterator[float]) -> FakeEngine:
        def answer(batch: Batch) -> Batch:
            self.now += next(seconds)
            self.order.append(name)
            return echo(batch)

        return FakeEngine(answer)


def steadily(seconds: float) -> Iterator[float]:
    while True:
        yield seconds


def kept(engine: FakeEngine) -> Load:
    """The same engine every time."""
    return lambda: engine


def test_the_percentiles_are_those_of_the_counted_calls_in_milliseconds() -> None:
    clock = Clock()
    cold = iter([9.0] * 2 + [0.001 * call for call in range(1, 12)])
    stopwatch = Stopwatch(warmup=2, rounds=11, blocks=1, limit_s=60.0, clock=clock)
    latency = stopwatch.measured({"a": kept(clock.engine("a", cold))}, TWO)["a"]
    assert latency.p50_ms == pytest.approx(6.0)
    assert latency.p90_ms == pytest.approx(10.0)
    assert (latency.runs, latency.batch, latency.warmup) == (11, 2, 2)
    assert latency.p50s_ms == pytest.approx((6.0,))


def test_every_block_has_its_own_percentiles_and_loads_all_engines_anew() -> None:
    clock, loaded = Clock(), 0
    spent = iter([0.001, 0.003])

    def load() -> FakeEngine:
        nonlocal loaded
        loaded += 1
        return clock.engine("a", steadily(next(spent)))

    latency = Stopwatch(warmup=1, rounds=4, blocks=2, clock=clock).measured({"a": load}, TWO)["a"]
    assert loaded == 2
    assert latency.p50s_ms == latency.p90s_ms == (1.0, 3.0)
    assert (latency.runs, latency.warmup) == (8, 2)


def test_what_takes_longer_to_load_than_to_measure_is_loaded_once() -> None:
    clock, loaded = Clock(), 0

    def load() -> FakeEngine:
        nonlocal loaded
        loaded += 1
        clock.now += 5.0
        return clock.engine("a", steadily(0.001))

    latency = Stopwatch(blocks=10, limit_s=20.0, clock=clock).measured({"a": load}, TWO)["a"]
    assert loaded == 1
    assert len(latency.p50s_ms) == 10


def test_engines_of_the_last_block_are_left_before_the_next_is_loaded() -> None:
    clock = Clock()
    seen: list[str] = []

    @contextmanager
    def load(name: str) -> Iterator[Engine]:
        seen.append(f"+{name}")
        yield clock.engine(name, steadily(0.001))
        seen.append(f"-{name}")

    loads = {name: partial(load, name) for name in "ab"}
    Stopwatch(warmup=0, rounds=1, blocks=2, clock=clock).measured(loads, TWO)
    assert " ".join(seen) == "+a +b -b -a +b +a -a -b"


def test_engines_take_turns_and_each_goes_first_as_often() -> None:
    clock = Clock()
    engines = {name: kept(clock.engine(name, steadily(0.001))) for name in "abc"}
    Stopwatch(warmup=0, rounds=3, blocks=1, clock=clock).measured(engines, TWO)
    assert "".join(clock.order) == "abcbcacab"


def test_a_slow_engine_is_measured_until_the_time_is_up_but_often_enough() -> None:
    clock = Clock()
    engines = {"slow": kept(clock.engine("slow", steadily(1.0))), "fast": kept(clock.engine("fast", steadily(0.5)))}
    stopwatch = Stopwatch(warmup=1, rounds=100, blocks=5, limit_s=20.0, fewest=3, clock=clock)
    # A block has 4 s, after which no round begins: three, one of which is not counted. 5 blocks of 4.5 s are too many.
    assert {name: latency.runs for name, latency in stopwatch.measured(engines, TWO).items()} == {
        "slow": 10,
        "fast": 10,
    }
    hurried = replace(stopwatch, limit_s=1.0).measured(engines, TWO)
    assert (hurried["slow"].runs, hurried["slow"].warmup) == (6, 3)


def test_nothing_to_run_on_is_too_little() -> None:
    with pytest.raises(TooLittleError, match="0 samples to measure latency on"):
        Stopwatch().measured({"a": kept(FakeEngine(echo))}, Samples({}, ()))


def test_a_stopwatch_that_measures_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="Stopwatch: rounds is 0"):
        Stopwatch(rounds=0)
    with pytest.raises(UsageError, match="Stopwatch: blocks is 0"):
        Stopwatch(blocks=0)

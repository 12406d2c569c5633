from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from quantkit.comparison.latency import Stopwatch
from quantkit.core.arrays import Batch
from quantkit.core.errors import TooLittleError
from quantkit.core.ports import Samples
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


def test_the_percentiles_are_those_of_the_counted_calls_in_milliseconds() -> None:
    clock = Clock()
    cold = iter([9.0] * 2 + [0.001 * call for call in range(1, 12)])
    latency = Stopwatch(warmup=2, rounds=11, clock=clock).measured({"a": clock.engine("a", cold)}, TWO)["a"]
    assert latency.p50_ms == pytest.approx(6.0)
    assert latency.p90_ms == pytest.approx(10.0)
    assert (latency.runs, latency.batch, latency.warmup) == (11, 2, 2)


def test_engines_take_turns_and_each_goes_first_as_often() -> None:
    clock = Clock()
    engines = {name: clock.engine(name, steadily(0.001)) for name in "abc"}
    Stopwatch(warmup=0, rounds=3, clock=clock).measured(engines, TWO)
    assert "".join(clock.order) == "abcbcacab"


def test_a_slow_engine_is_measured_until_the_time_is_up_but_often_enough() -> None:
    clock = Clock()
    engines = {"slow": clock.engine("slow", steadily(4.0)), "fast": clock.engine("fast", steadily(0.5))}
    measured = Stopwatch(warmup=1, rounds=100, limit_s=20.0, fewest=3, clock=clock).measured(engines, TWO)
    assert {name: latency.runs for name, latency in measured.items()} == {"slow": 5, "fast": 5}
    hurried = Stopwatch(warmup=1, rounds=100, limit_s=1.0, fewest=3, clock=clock).measured(engines, TWO)
    assert hurried["slow"].runs == 3


def test_nothing_to_run_on_is_too_little() -> None:
    with pytest.raises(TooLittleError, match="0 samples to measure latency on"):
        Stopwatch().measured({"a": FakeEngine(echo)}, Samples({}, ()))

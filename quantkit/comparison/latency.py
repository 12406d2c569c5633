"""How long one call takes, of several engines under the same conditions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from quantkit.core.comparison import Latency
from quantkit.core.errors import TooLittleError
from quantkit.core.ports import Engine, Samples

Clock = Callable[[], float]
"""Seconds since some fixed moment."""


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """How often and by which clock to measure.

    Args:
        warmup: calls of each engine that are not counted; the first ones allocate and choose kernels.
        rounds: counted calls of each engine.
        limit_s: seconds after which no round is started any more, provided that `fewest` were run.
        fewest: rounds without which a p90 means nothing.
        clock: read before and after each call.
    """

    warmup: int = 5
    rounds: int = 100
    limit_s: float = 20.0
    fewest: int = 10
    clock: Clock = time.perf_counter

    def measured(self, engines: Mapping[str, Engine], samples: Samples) -> dict[str, Latency]:
        """Engine name → latency of `run` on `samples`.

        The engines take turns, and each round starts with another one: a machine that slows down, or memory that
        one engine leaves cold for the next, touches all of them alike. Ratios of the results can be trusted where
        the times themselves cannot.

        Raises:
            TooLittleError: `samples` is empty.
        """
        if not len(samples):
            raise TooLittleError("QK5001", "0 samples to measure latency on", hints=["give at least one sample"])
        for engine in engines.values():
            for _ in range(self.warmup):
                engine.run(samples.inputs)
        names = list(engines)
        seconds: dict[str, list[float]] = {name: [] for name in names}
        started = self.clock()
        for number in range(self.rounds):
            if number >= self.fewest and self.clock() - started > self.limit_s:
                break
            first = number % len(names)
            for name in names[first:] + names[:first]:
                seconds[name].append(self._timed(engines[name], samples))
        return {name: self._summarized(times, len(samples)) for name, times in seconds.items()}

    def _timed(self, engine: Engine, samples: Samples) -> float:
        before = self.clock()
        engine.run(samples.inputs)
        return self.clock() - before

    def _summarized(self, seconds: list[float], batch: int) -> Latency:
        p50, p90 = (float(1e3 * value) for value in np.percentile(seconds, [50, 90]))
        return Latency(p50_ms=p50, p90_ms=p90, runs=len(seconds), batch=batch, warmup=self.warmup)

"""How long one call takes, of several engines under the same conditions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from quantkit.core import arguments
from quantkit.core.comparison import Latency
from quantkit.core.errors import TooLittleError
from quantkit.core.ports import Engine, Samples
from quantkit.core.timing import summarized

Clock = Callable[[], float]
"""Seconds since some fixed moment."""

Load = Callable[[], AbstractContextManager[Engine]]
"""Makes an engine ready to run; the stopwatch leaves its ``with`` block."""

# The first of three rounds, where there is no time for more, is not counted.
_FEWEST_ROUNDS = 3
_WARMUP_SHARE = 3


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """How often and by which clock to measure.

    Args:
        warmup: rounds at the beginning of each block that are not counted, or a third of them where there is no time
            for all; the first calls allocate memory and choose kernels.
        rounds: counted calls of each engine in a block.
        blocks: how often models are loaded anew, or rounds begin anew.
        limit_s: seconds after which no block is started any more, provided that `fewest` were run; a block gets its
            share of them, but three rounds at least.
        fewest: blocks without which there is no 95 % interval of a ratio.
        clock: read before and after each call.
    """

    warmup: int = 5
    rounds: int = 20
    blocks: int = 10
    limit_s: float = 20.0
    fewest: int = 6
    clock: Clock = time.perf_counter

    def __post_init__(self) -> None:
        """Refuses to measure nothing."""
        arguments.hold_least(self, warmup=0, rounds=1, blocks=1, fewest=1)

    def measured(self, loads: Mapping[str, Load], samples: Samples) -> dict[str, Latency]:
        """Engine name → latency of `run` on `samples`.

        The engines take turns, and each round starts with another one: a machine that slows down, or memory that
        one engine leaves cold for the next, touches all of them alike. Ratios of the results can be trusted where
        the times themselves cannot.

        Where in memory a model comes to lie makes it a percent faster or slower for as long as it stays there, which
        no number of rounds shows. So every block loads all of them anew, unless that takes longer than a block.

        Args:
            loads: engine name → what loads it.
            samples: the batch of every call.

        Raises:
            TooLittleError: `samples` is empty.
        """
        if not len(samples):
            raise TooLittleError("QK5001", "0 samples to measure latency on", hints=["give at least one sample"])
        found: dict[str, list[list[float]]] = {name: [] for name in loads}
        uncounted, started, is_quick = 0, self.clock(), True
        engines: dict[str, Engine] = {}
        with ExitStack() as stack:
            for number in range(self.blocks):
                if number >= self.fewest and self.clock() - started > self.limit_s:
                    break
                if is_quick:
                    stack.close()
                    # The last ones give their memory back only when nothing knows them any more.
                    engines.clear()
                    began = self.clock()
                    engines.update((name, stack.enter_context(loads[name]())) for name in _turned(loads, number))
                    is_quick = self.clock() - began <= self._share_s
                rounds = self._block(engines, samples)
                is_whole = len(rounds) == self.warmup + self.rounds
                warmup = self.warmup if is_whole else min(self.warmup, len(rounds) // _WARMUP_SHARE)
                uncounted += warmup
                for name in loads:
                    found[name].append([1e3 * seconds[name] for seconds in rounds[warmup:]])
        return {name: summarized(blocks, batch=len(samples), warmup=uncounted) for name, blocks in found.items()}

    @property
    def _share_s(self) -> float:
        return self.limit_s / self.blocks

    def _block(self, engines: Mapping[str, Engine], samples: Samples) -> list[dict[str, float]]:
        """Seconds of every engine's call in each round."""
        rounds: list[dict[str, float]] = []
        started = self.clock()
        for number in range(self.warmup + self.rounds):
            if number >= _FEWEST_ROUNDS and self.clock() - started > self._share_s:
                break
            rounds.append({name: self._timed(engines[name], samples) for name in _turned(engines, number)})
        return rounds

    def _timed(self, engine: Engine, samples: Samples) -> float:
        before = self.clock()
        engine.run(samples.inputs)
        return self.clock() - before


def _turned(names: Iterable[str], number: int) -> list[str]:
    """The names, beginning with another one each time."""
    given = list(names)
    first = number % len(given)
    return given[first:] + given[:first]

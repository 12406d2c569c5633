"""What follows once the layers are measured, and how much of a limit on the time is kept for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

FUSED = 0.5
"""What is switched on and off cannot be fused with its neighbours: the real networks take about half as long."""

MOST_KEPT = 0.5
"""The share of a limit that is kept at most; where that is too little, fewer samples are compared."""

_LATENCY = 0.15
_ENDING = 0.02
# A stopwatch counts its blocks without the loading of models, and finishes the one that it is in.
_BEYOND = 1.3
# Six blocks of three rounds are the least that it takes.
_FEWEST_ROUNDS = 18
_FEWEST_SAMPLES = 8


class Pace(NamedTuple):
    """Seconds for reading a sample, and for running it through the network once."""

    read_s: float
    run_s: float


@dataclass(frozen=True, slots=True)
class Following:
    """The networks that are made and compared within a limit on the time, after the measuring.

    Args:
        limit_s: seconds for everything.
        models: how many are compared, FP32 among them.
        making_s: for quantizing all of them. loading_s: for loading all of them once.
        timing_s: for the latency, as a stopwatch is told; 0 where there is none.
    """

    limit_s: float
    models: int
    making_s: float
    loading_s: float
    timing_s: float

    def kept_s(self, samples: int | None, pace: Pace) -> float:
        """What is kept of the limit; with an unknown number of samples, the most."""
        most = MOST_KEPT * self.limit_s
        if samples is None:
            return most
        return min(most, self.making_s + self._besides_s(pace) + samples * self._each_s(pace))

    def samples(self, left_s: float, pace: Pace) -> int:
        """How many there is time to compare in what is left when all networks are made; a few in any case."""
        each = self._each_s(pace)
        return max(_FEWEST_SAMPLES, int((left_s - self._besides_s(pace)) / each)) if each > 0 else _FEWEST_SAMPLES

    def _each_s(self, pace: Pace) -> float:
        return pace.read_s + self.models * FUSED * pace.run_s

    def _besides_s(self, pace: Pace) -> float:
        timing = max(_BEYOND * self.timing_s, _FEWEST_ROUNDS * self.models * FUSED * pace.run_s) + self.loading_s
        return self.loading_s + (timing if self.timing_s else 0.0) + _ENDING * self.limit_s


def timing_within(limit_s: float, stopwatch_s: float) -> float:
    """Seconds for a stopwatch that would take `stopwatch_s` were there no limit.

    >>> timing_within(60.0, 20.0), timing_within(600.0, 20.0)
    (9.0, 20.0)
    """
    return min(stopwatch_s, _LATENCY * limit_s)

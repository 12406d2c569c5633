"""How long engines take on the GPU alone, without the copies to it and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pycuda.driver as cuda

from quantkit.backends.tensorrt.runtime import TensorRtEngine
from quantkit.core.comparison import Latency
from quantkit.core.ports import Samples


@dataclass(frozen=True, slots=True)
class GpuStopwatch:
    """Times launches with CUDA events; the clocks are as they are found.

    Args:
        warmup: launches of each engine that are not counted; the first ones load kernels, and clocks rise.
        rounds: counted launches of each.
    """

    warmup: int = 20
    rounds: int = 200

    def measured(self, engines: Mapping[str, TensorRtEngine], samples: Samples) -> dict[str, Latency]:
        """Engine name → latency on `samples`, which is fed once.

        The engines take turns, and each round starts with another one: what slows the GPU for a while slows all of
        them alike, so ratios of the results can be trusted where the times themselves cannot.
        """
        names = list(engines)
        milliseconds: dict[str, list[float]] = {name: [] for name in names}
        for engine in engines.values():
            with engine.gpu.current():
                engine.feed(samples.inputs)
                for _ in range(self.warmup):
                    engine.execute()
                engine.stream.synchronize()
        for number in range(self.rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                milliseconds[name].append(_launched(engines[name]))
        return {name: self._summarized(times, len(samples)) for name, times in milliseconds.items()}

    def _summarized(self, milliseconds: list[float], batch: int) -> Latency:
        p50, p90 = (float(value) for value in np.percentile(milliseconds, [50, 90]))
        return Latency(p50_ms=p50, p90_ms=p90, runs=len(milliseconds), batch=batch, warmup=self.warmup)


def _launched(engine: TensorRtEngine) -> float:
    """Milliseconds of one launch, with the GPU idle before it."""
    with engine.gpu.current():
        before, after = cuda.Event(), cuda.Event()
        before.record(engine.stream)
        engine.execute()
        after.record(engine.stream)
        after.synchronize()
        return float(after.time_since(before))

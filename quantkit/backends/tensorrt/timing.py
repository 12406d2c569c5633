"""How long engines take on the GPU alone, without the copies to it and back and without the processor's part."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median

import numpy as np
import pycuda.driver as cuda

from quantkit.backends.tensorrt._cuda import DeviceMemory, PinnedMemory
from quantkit.backends.tensorrt.runtime import TensorRtEngine
from quantkit.core.comparison import Latency
from quantkit.core.ports import Samples
from quantkit.core.timing import summarized

_COPIED = 1 << 22
_COPIES_TO_TIME = 8

# Launches take longer now and then; the GPU has to be busy with copies until the last kernel is in its queue.
_SPARE = 2.0


@dataclass(frozen=True, slots=True)
class GpuStopwatch:
    """Times an engine's kernels with CUDA events; the clocks are as they are found.

    The kernels are launched while the GPU copies something, so they follow each other without a gap, as in a CUDA
    graph. Otherwise a network of many small layers is timed as fast as the processor launches them, whatever they do.

    Args:
        warmup: launches of each engine that are not counted; the first ones load kernels, and clocks rise.
        rounds: counted launches of each.
        blocks: stretches of rounds, one after the other, by which a ratio's interval is found.
        clock: seconds, for what the processor does.
    """

    warmup: int = 20
    rounds: int = 200
    blocks: int = 10
    clock: Callable[[], float] = time.perf_counter

    def measured(self, engines: Mapping[str, TensorRtEngine], samples: Samples) -> dict[str, Latency]:
        """Engine name → latency on `samples`, which is fed once.

        The engines take turns, and each round starts with another one: what slows the GPU for a while slows all of
        them alike, so ratios of the results can be trusted where the times themselves cannot.
        """
        names = list(engines)
        milliseconds: dict[str, list[float]] = {name: [] for name in names}
        delays = {name: self._delay(engine, samples) for name, engine in engines.items()}
        for number in range(self.rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                milliseconds[name].append(_launched(engines[name], delays[name]))
        for name, engine in engines.items():
            with engine.gpu.current():
                delays[name].free()
        return {
            name: summarized(self._cut(times), batch=len(samples), warmup=self.warmup)
            for name, times in milliseconds.items()
        }

    def _cut(self, milliseconds: list[float]) -> list[list[float]]:
        """Blocks of as many rounds each, but for one that may be missing."""
        return [block.tolist() for block in np.array_split(milliseconds, min(self.blocks, len(milliseconds)))]

    def _delay(self, engine: TensorRtEngine, samples: Samples) -> _Delay:
        """Feeds `engine` and warms it up; what keeps the GPU busy while it is launched."""
        spent = []
        with engine.gpu.current():
            engine.feed(samples.inputs)
            for _ in range(self.warmup):
                before = self.clock()
                engine.execute()
                spent.append(self.clock() - before)
                engine.stream.synchronize()
            delay = _Delay()
            copying = _milliseconds(engine.stream, lambda: delay.enqueue(engine.stream, _COPIES_TO_TIME))
        delay.copies = math.ceil(_SPARE * 1000 * median(spent) * _COPIES_TO_TIME / max(copying, 1e-3))
        return delay


@dataclass(slots=True)
class _Delay:
    """Copies from the GPU, which its kernels wait for and take no part in."""

    copies: int = 0
    device: DeviceMemory = field(default_factory=DeviceMemory)
    host: PinnedMemory = field(default_factory=PinnedMemory)

    def enqueue(self, stream: cuda.Stream, copies: int) -> None:
        """Puts them before whatever is launched on `stream` next."""
        for _ in range(copies):
            cuda.memcpy_dtoh_async(self.host.view((_COPIED,), np.dtype(np.uint8)), self.device.fit(_COPIED), stream)

    def free(self) -> None:
        """Gives the GPU's memory back."""
        self.device.free()


def _launched(engine: TensorRtEngine, delay: _Delay) -> float:
    """Milliseconds of one launch."""
    with engine.gpu.current():
        delay.enqueue(engine.stream, delay.copies)
        return _milliseconds(engine.stream, engine.execute)


def _milliseconds(stream: cuda.Stream, launch: Callable[[], None]) -> float:
    """What the GPU spends on what `launch` puts into `stream`."""
    before, after = cuda.Event(), cuda.Event()
    before.record(stream)
    launch()
    after.record(stream)
    after.synchronize()
    return float(after.time_since(before))

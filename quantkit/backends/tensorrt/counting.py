"""Statistics where the activations are: the FP32 engine's tensors are counted on the GPU and only counts leave it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pycuda.driver as cuda

from quantkit.backends.tensorrt._cuda import DeviceMemory, Gpu, PinnedMemory
from quantkit.backends.tensorrt._tallies import TALLY, THREADS, chunk_table, empty_tallies, histogram_of, ptx
from quantkit.backends.tensorrt.runtime import Binding, TensorRtEngine
from quantkit.core.arrays import Array, Batch
from quantkit.core.errors import ModelError
from quantkit.core.histogram import Histogram
from quantkit.core.ports import Parts


class TensorRtCounter:
    """An engine whose outputs are the tensors to count; implements `CountingObserver`.

    Raises:
        ModelError: an output that is not float32.
    """

    def __init__(self, engine: TensorRtEngine) -> None:
        for binding in engine.outputs:
            if binding.dtype != np.float32:
                raise ModelError(
                    "QK3048",
                    f"tensor {binding.name!r} is {binding.dtype}, only float32 can be counted",
                    hints=["collect on the processor instead"],
                )
        self.engine = engine
        self._tallies: _Tallies | None = None

    def count(self, batch: Batch, fed: Collection[str] = ()) -> Mapping[str, int]:
        """Counts the engine's outputs for one batch, and the inputs in `fed`, which is the same for every batch.

        Returns the tensors in which this batch left NaN or infinities, with how many.
        """
        with self.engine.gpu.current():
            if self._tallies is None:
                inputs = [binding for binding in self.engine.inputs if binding.name in fed]
                self._tallies = _Tallies([*self.engine.outputs, *inputs], self.engine.gpu)
            self.engine.feed(batch)
            self.engine.execute()
            return self.tally()

    def tally(self) -> Mapping[str, int]:
        """Counts what the tensors hold once the engine is done, on the GPU that is the calling thread's own."""
        return self._tallies.fold(self.engine.stream) if self._tallies else {}

    def shown(self, tensor: str) -> Parts:
        """The values that `tensor` had in the last batch; none if the engine neither takes nor makes it."""
        known = {binding.name: binding for binding in (*self.engine.outputs, *self.engine.inputs)}
        if tensor not in known:
            return ()
        values = np.empty(known[tensor].shape, known[tensor].dtype)
        with self.engine.gpu.current():
            cuda.memcpy_dtoh(values, known[tensor].device.address)
        return (values,)

    def histograms(self) -> Mapping[str, Histogram]:
        """Tensor → what was counted so far."""
        if self._tallies is None:
            return {}
        with self.engine.gpu.current():
            return self._tallies.histograms()


class _Tallies:
    """Counters of some tensors, on the GPU that is the calling thread's own."""

    def __init__(self, tensors: Sequence[Binding], gpu: Gpu) -> None:
        self._tensors = tensors
        self._kernels = _kernels(gpu)
        self._state, self._chunks, self._alarms = DeviceMemory(), DeviceMemory(), DeviceMemory()
        self._host_alarms = PinnedMemory()
        self._blocks = 0
        self._laid_out: list[tuple[int, int]] = []
        _upload(self._state, empty_tallies(len(tensors)))

    def fold(self, stream: Any) -> dict[str, int]:
        """Counts what the tensors hold once all that was launched on `stream` before is done.

        Returns the tensors that hold NaN or infinities, with how many.
        """
        self._lay_out()
        alarms = self._host_alarms.view((len(self._tensors),), np.dtype(np.uint32))
        address = self._alarms.fit(alarms.nbytes)
        cuda.memset_d8_async(address, 0, alarms.nbytes, stream)
        if self._blocks:
            self._launch(stream, np.uint64(address))
        cuda.memcpy_dtoh_async(alarms, address, stream)
        stream.synchronize()
        return {tensor.name: int(number) for tensor, number in zip(self._tensors, alarms, strict=True) if number}

    def _launch(self, stream: Any, alarms: Any) -> None:
        chunks, tallies = np.uint64(self._chunks.address), np.uint64(self._state.address)
        on = {"block": (THREADS, 1, 1), "stream": stream}
        self._kernels.scan(chunks, tallies, alarms, grid=(self._blocks, 1, 1), **on)
        self._kernels.widen(tallies, grid=(len(self._tensors), 1, 1), **on)
        self._kernels.count(chunks, tallies, grid=(self._blocks, 1, 1), **on)

    def _lay_out(self) -> None:
        """Cuts the tensors into chunks, anew where the shape of the batch has changed."""
        places = [(tensor.device.address, tensor.size) for tensor in self._tensors]
        if places == self._laid_out:
            return
        table = chunk_table(places)
        _upload(self._chunks, table)
        self._laid_out, self._blocks = places, len(table)

    def histograms(self) -> dict[str, Histogram]:
        """Tensor → what was counted so far."""
        states = np.empty(len(self._tensors), TALLY)
        cuda.memcpy_dtoh(states.view(np.uint8), self._state.address)
        return {tensor.name: histogram_of(state) for tensor, state in zip(self._tensors, states, strict=True)}


def _upload(memory: DeviceMemory, records: Array) -> None:
    """Copies records to the GPU, as the bytes that they are."""
    address = memory.fit(records.nbytes)
    if records.nbytes:
        cuda.memcpy_htod(address, records.view(np.uint8))


class _Kernels(NamedTuple):
    """The three steps, in order."""

    scan: Any
    widen: Any
    count: Any


@lru_cache(maxsize=1)
def _kernels(gpu: Gpu) -> _Kernels:
    """Loads them on `gpu`, where the driver compiles them for what it is."""
    del gpu
    module = cuda.module_from_buffer(ptx())
    return _Kernels(*(module.get_function(f"quantkit_{step}") for step in _Kernels._fields))

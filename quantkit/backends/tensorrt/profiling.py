"""How long each layer of an engine takes: a way to see where integers pay that every version has."""

from __future__ import annotations

from collections import defaultdict
from statistics import median

import numpy as np
import tensorrt as trt
from onnx import GraphProto

from quantkit.backends.tensorrt._log import Kept
from quantkit.backends.tensorrt.inspection import layers
from quantkit.backends.tensorrt.runtime import TensorRtEngine
from quantkit.backends.tensorrt.shares import Profiled, shared_out
from quantkit.core.arrays import Batch
from quantkit.core.ports import Samples
from quantkit.core.statistics import SampleId
from quantkit.graph.editing.wiring import title


def profiled(engine: TensorRtEngine, batch: Batch, graph: GraphProto, *, rounds: int = 50) -> Profiled:
    """Runs `engine`, which was built from `graph`, on `batch` some times; takes the median time of each layer."""
    times = _Times()
    with engine.gpu.current():
        engine.feed(batch)
        for _ in range(rounds // 5):
            engine.execute()
        engine.context.profiler = times
        for _ in range(rounds):
            engine.execute()
            engine.stream.synchronize()
    engine.renew()
    times.failure.release()
    spent = {name: median(seen) for name, seen in times.milliseconds.items()}
    return shared_out(layers(engine.information(), map(title, graph.node)), spent, graph)


def typical(engine: TensorRtEngine, *, seed: int = 0) -> Samples:
    """A batch of the sizes that `engine` is fastest at: normally distributed floats, and zeros for integers."""
    random = np.random.default_rng(seed)
    shapes = engine.usual_shapes
    inputs = {
        binding.name: random.normal(size=shapes[binding.name]).astype(binding.dtype)
        if np.issubdtype(binding.dtype, np.floating)
        else np.zeros(shapes[binding.name], binding.dtype)
        for binding in engine.inputs
    }
    size = max((len(values) for values in inputs.values() if values.ndim), default=1)
    return Samples(inputs, tuple(SampleId(str(number), "") for number in range(size)))


class _Times(trt.IProfiler):  # type: ignore[misc]
    """Takes down what TensorRT reports of each layer of each run."""

    def __init__(self) -> None:
        trt.IProfiler.__init__(self)
        self.failure = Kept()
        self.milliseconds: dict[str, list[float]] = defaultdict(list)

    def report_layer_time(self, layer_name: str, ms: float) -> None:
        """Called by TensorRT after each run."""
        with self.failure:
            self.milliseconds[layer_name].append(ms)

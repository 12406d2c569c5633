"""Which layers are worth computing in integers, from the time that each takes: a way that every version has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorrt as trt
from onnx import GraphProto

from quantkit.backends.tensorrt._log import Kept
from quantkit.backends.tensorrt.inspection import Layer, layers, matrix_products, title
from quantkit.backends.tensorrt.runtime import TensorRtEngine
from quantkit.core.arrays import Batch
from quantkit.graph.exclusion import Exclusion


@dataclass(frozen=True, slots=True)
class Profiled:
    """An engine's layers, and the milliseconds that each takes."""

    layers: Sequence[Layer]
    milliseconds: Mapping[str, float]

    def by_node(self, graph: GraphProto) -> dict[str, float]:
        """Matrix product → milliseconds of the layers that name it, conversions before and behind it included.

        A layer of several products is shared out evenly.
        """
        wanted = {title(node) for node in matrix_products(graph)}
        spent: dict[str, float] = defaultdict(float)
        for layer in self.layers:
            products = [node for node in layer.nodes if node in wanted]
            for node in products:
                spent[node] += self.milliseconds.get(layer.name, 0.0) / len(products)
        return dict(spent)


def no_faster_in_int8(int8: Profiled, floats: Profiled, graph: GraphProto, *, least_gain: float = 0.02) -> Exclusion:
    """The matrix products on which integers do not save at least `least_gain` of the time that floats take.

    Args:
        int8: an engine with all of them in int8.
        floats: the same model built in fp16.
        graph: the model.
        least_gain: what a conversion that the profile hides may cost, and the noise of two measurements.
    """
    ours, theirs = int8.by_node(graph), floats.by_node(graph)
    known = [node for node in map(title, matrix_products(graph)) if node in ours and node in theirs]
    return Exclusion(nodes=tuple(node for node in known if ours[node] > theirs[node] * (1 - least_gain)))


def profiled(engine: TensorRtEngine, batch: Batch, graph: GraphProto, *, rounds: int = 50) -> Profiled:
    """Runs `engine` on `batch` some times and takes down the median time of each layer."""
    times = _Times()
    with engine.gpu.current():
        engine.feed(batch)
        for _ in range(rounds // 5):
            engine.execute()
        engine.context.profiler = times
        for _ in range(rounds):
            engine.execute()
            engine.stream.synchronize()
        engine.context.profiler = None
    times.failure.release()
    medians = {name: sorted(seen)[len(seen) // 2] for name, seen in times.milliseconds.items()}
    return Profiled(layers(engine.information(), map(title, graph.node)), medians)


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

"""Observing the inner tensors of an ONNX Runtime session at little more than the cost of running it.

A tensor that is also a graph output costs twice: ONNX Runtime converts it from its blocked layout (NCHWc, channels
in groups of 8 or 16) to the plain one, and allocates it anew in every run. A histogram does not care about order,
so the optimized graph is rewritten to hand out the blocked tensors themselves, into buffers that are used again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import onnx
import onnxruntime

from quantkit.backends._ort_session import OrtEngine, optimized, session
from quantkit.core.arrays import Array, Batch
from quantkit.core.artifact import SerializedModel
from quantkit.core.ports import Parts

_BLOCKED = "com.microsoft.nchwc"

# A protobuf message holds 2 GB; models that might come near are run as they are.
_LARGEST_REWRITE = 1 << 30


@dataclass(frozen=True, slots=True)
class _Tap:
    """Where a tensor's values are found: an output of the rewritten graph, and its channels if it is blocked."""

    output: str
    channels: int | None = None


class OrtTaps:
    """A session whose outputs are the observed tensors; `observer` gives each thread its own buffers."""

    def __init__(
        self,
        model: SerializedModel,
        options: Callable[[], onnxruntime.SessionOptions],
        *,
        device: str = "cpu",
        plain: frozenset[str] = frozenset(),
    ) -> None:
        if device != "cpu" or model.folder is not None or len(model.proto) > _LARGEST_REWRITE:
            self._session = session(model, options(), device)
            self._taps: Mapping[str, _Tap] = {output.name: _Tap(output.name) for output in self._session.get_outputs()}
            return
        rewritten, self._taps = _without_reorders(optimized(model, options(), with_weights=True), plain)
        as_it_is = options()
        as_it_is.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self._session = session(SerializedModel(rewritten.SerializeToString()), as_it_is)

    def observer(self) -> OrtObserver:
        """An observer for one thread; the session behind it is shared."""
        return OrtObserver(self._session, self._taps)


class OrtObserver:
    """Runs batches and shows the tapped tensors; its arrays are overwritten by the next call."""

    def __init__(self, built: onnxruntime.InferenceSession, taps: Mapping[str, _Tap]) -> None:
        self._session, self._taps = built, taps
        self._engine = OrtEngine(built)
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._can_bind = True
        self._buffers: dict[str, Array] = {}

    def observe(self, batch: Batch) -> Mapping[str, Parts]:
        """Tapped tensor → its values in the engine's layout."""
        values = self._run(batch)
        return {name: _parts(values[tap.output], tap) for name, tap in self._taps.items()}

    def _run(self, batch: Batch) -> Batch:
        shapes = {name: array.shape for name, array in batch.items()}
        if shapes != self._shapes or not self._can_bind:
            # The first batch of a shape tells what the outputs need; buffers made from it serve the rest.
            values = self._engine.run(batch)
            self._shapes, self._buffers = (
                shapes,
                {name: np.empty_like(value) for name, value in values.items()},
            )
            return values
        return self._run_into_buffers(batch)

    def _run_into_buffers(self, batch: Batch) -> Batch:
        binding = self._session.io_binding()
        # Held until the run is over: a binding may point into an array without keeping it alive.
        fed = {name: np.ascontiguousarray(array) for name, array in batch.items()}
        for name, array in fed.items():
            binding.bind_cpu_input(name, array)
        for name, buffer in self._buffers.items():
            binding.bind_output(name, "cpu", 0, buffer.dtype, buffer.shape, buffer.ctypes.data)
        try:
            self._session.run_with_iobinding(binding, _quiet())
        except RuntimeError:
            # Shapes that follow the data, not the input's shape, cannot be bound beforehand.
            self._can_bind = False
            return self._engine.run(batch)
        return self._buffers


def _quiet() -> onnxruntime.RunOptions:
    """A refused binding is no news for the user: the batch is run without one."""
    options = onnxruntime.RunOptions()
    options.log_severity_level = 4
    return options


def _parts(values: Array, tap: _Tap) -> Parts:
    """The values without what fills a blocked tensor's last group of channels up.

    That filling is 0 behind a convolution, but f(0) behind an activation f, so it may not be counted. Only the last
    group is copied where a batch holds one sample.
    """
    if tap.channels is None or values.shape[1] == tap.channels:
        return (values,)
    samples, padded = values.shape[:2]
    groups = values.reshape(samples, padded // block_size(), -1, block_size())
    return groups[:, :-1], groups[:, -1, :, : block_size() - (padded - tap.channels)]


def _without_reorders(optimized: onnx.ModelProto, plain: frozenset[str]) -> tuple[onnx.ModelProto, Mapping[str, _Tap]]:
    """Takes the conversions of outputs to the plain layout out of `optimized`, which is changed in place."""
    graph = optimized.graph
    outputs = [value.name for value in graph.output]
    convertible = set(outputs) - plain
    used = {name for node in graph.node for name in node.input}
    taps = {name: _Tap(name) for name in outputs}
    kept = []
    for node in graph.node:
        if node.domain == _BLOCKED and node.op_type == "ReorderOutput" and node.output[0] in convertible:
            taps[node.output[0]] = _Tap(node.input[0], channels=_channels(node))
            if node.output[0] not in used:
                continue
        kept.append(node)
    del graph.node[:], graph.output[:]
    graph.node.extend(kept)
    # Two taps may be the same blocked tensor; an output has to be named once.
    for name in dict.fromkeys(tap.output for tap in taps.values()):
        graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return optimized, taps


def _channels(reorder: onnx.NodeProto) -> int:
    return int(next(attribute.i for attribute in reorder.attribute if attribute.name == "channels"))


@lru_cache(maxsize=1)
def block_size() -> int:
    """Channels in a group of the blocked layout on this processor, found by blocking four channels."""
    node = onnx.helper.make_node("ReorderInput", ["plain"], ["blocked"], domain=_BLOCKED)
    plain = onnx.helper.make_tensor_value_info("plain", onnx.TensorProto.FLOAT, [1, 4, 1, 1])
    blocked = onnx.helper.make_tensor_value_info("blocked", onnx.TensorProto.FLOAT, None)
    opsets = [onnx.helper.make_opsetid("", 13), onnx.helper.make_opsetid(_BLOCKED, 1)]
    graph = onnx.helper.make_graph([node], "block_size", [plain], [blocked])
    probe = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
    engine = OrtEngine(session(SerializedModel(probe.SerializeToString()), onnxruntime.SessionOptions()))
    return int(engine.run({"plain": np.zeros((1, 4, 1, 1), np.float32)})["blocked"].shape[1])

"""Models and data small enough to build in a moment, for tests with and without a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import quantkit
from quantkit.core.arrays import Floats
from quantkit.core.artifact import SerializedModel
from quantkit.core.calibration import Calibration
from quantkit.core.ports import Samples
from quantkit.core.statistics import SampleId
from quantkit.pipeline.collecting import Collecting

CHANNELS, SIDE, CLASSES = 3, 16, 10


def network(batch: int | str = "N", *, width: int = 16, seed: int = 0) -> onnx.ModelProto:
    """Two convolutions with ReLU, pooling and a classifier: input ``x`` [N, 3, 16, 16], output ``logits`` [N, 10]."""
    random = np.random.default_rng(seed)
    weights = {
        "w1": random.normal(0, 0.3, (width, CHANNELS, 3, 3)),
        "b1": random.normal(0, 0.1, width),
        "w2": random.normal(0, 0.1, (2 * width, width, 3, 3)),
        "b2": random.normal(0, 0.1, 2 * width),
        "w3": random.normal(0, 0.2, (CLASSES, 2 * width)),
        "b3": np.zeros(CLASSES),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], "conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], "conv2", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c2"], ["r2"], "relu2"),
        helper.make_node("GlobalAveragePool", ["r2"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["logits"], "classifier", transB=1),
    ]
    inputs = {"x": (TensorProto.FLOAT, [batch, CHANNELS, SIDE, SIDE])}
    return model(nodes, inputs, {"logits": (TensorProto.FLOAT, [batch, CLASSES])}, weights)


def two_inputs(batch: int | str = "N") -> onnx.ModelProto:
    """Two inputs and two outputs: ``sum`` = a + b of [N, 4], and ``picked`` = row of a table for each index [N]."""
    nodes = [
        helper.make_node("Add", ["a", "b"], ["sum"], "add"),
        helper.make_node("Gather", ["table", "index"], ["picked"], "gather"),
    ]
    inputs = {
        "a": (TensorProto.FLOAT, [batch, 4]),
        "b": (TensorProto.FLOAT, [batch, 4]),
        "index": (TensorProto.INT64, [batch]),
    }
    outputs = {"sum": (TensorProto.FLOAT, [batch, 4]), "picked": (TensorProto.FLOAT, [batch, 2])}
    return model(nodes, inputs, outputs, {"table": np.arange(10).reshape(5, 2)})


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, tuple[int, Sequence[Any] | None]],
    outputs: Mapping[str, tuple[int, Sequence[Any] | None]],
    weights: Mapping[str, Any],
) -> onnx.ModelProto:
    """A model of these nodes, with shapes inferred; weights are stored as float32."""
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in outputs.items()],
        [numpy_helper.from_array(np.asarray(values, np.float32), name) for name, values in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return onnx.shape_inference.infer_shapes(made, strict_mode=True)


def serialized(proto: onnx.ModelProto) -> SerializedModel:
    return SerializedModel(proto.SerializeToString())


def images(samples: int, seed: int = 1) -> Floats:
    """float32[samples, 3, 16, 16], non-negative in the first channel and with one large value."""
    values = np.random.default_rng(seed).normal(0, 1, (samples, CHANNELS, SIDE, SIDE)).astype(np.float32)
    values[:, 0] = np.abs(values[:, 0])
    values[-1, 1, 2, 3] = 6.5
    return values


def calibrated(model: quantkit.Model) -> Calibration:
    """The largest values of all tensors of a prepared `network`, symmetric, on 16 images."""
    statistics = quantkit.collect(model, Source(images(16), 8), how=Collecting(everything=True))
    return quantkit.calibrate_ranges(statistics, "max", symmetric=True)


@dataclass(frozen=True, slots=True)
class Source:
    """Images in batches; `spoilt` may change or refuse a batch, given its number."""

    values: Floats
    batch: int
    promised: int | None = None
    spoilt: Callable[[int, Samples], Samples] = field(default=lambda number, samples: samples)
    name: str = "x"

    @property
    def size(self) -> int | None:
        return len(self.values) if self.promised is None else self.promised

    @property
    def preprocessing(self) -> Mapping[str, Any]:
        return {"made": "up"}

    def __iter__(self) -> Iterator[Samples]:
        for number, start in enumerate(range(0, len(self.values), self.batch)):
            part = self.values[start : start + self.batch]
            ids = tuple(SampleId(f"{start + at:04}", "") for at in range(len(part)))
            yield self.spoilt(number, Samples({self.name: part}, ids))

"""Models quantized by the largest values of a few batches, and what ONNX Runtime makes of them."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto

from quantkit.core.arrays import Batch
from quantkit.core.calibration import Calibration, Provenance, TensorCalibration
from quantkit.core.ranges import Range
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model, from_proto
from quantkit.graph.placement import Placement, place
from quantkit.graph.prepare import prepared
from quantkit.graph.qdq import with_qdq
from quantkit.graph.taps import tapped
from tests.onnx_models import results


def ready(proto: ModelProto) -> Model:
    """`proto` prepared."""
    return prepared(from_proto(proto))


def with_ranges(model: Model, ranges: Mapping[str, tuple[float, float]], *, symmetric: bool = False) -> Calibration:
    """A calibration of `model` that holds these ranges."""
    tensors = {name: TensorCalibration(Range(*ends), Range(*ends), "max") for name, ends in ranges.items()}
    return Calibration("max", symmetric, tensors, Provenance(model.digest, 1, "0" * 64))


def calibrated(model: Model, placement: Placement, batches: Sequence[Batch]) -> Calibration:
    """The smallest and largest value of each tensor that `placement` needs a range for."""
    inner = [name for name in placement.tensors if name not in batches[0]]
    seen = [{**batch, **(results(tapped(model, inner), batch) if inner else {})} for batch in batches]
    lows = {name: min(float(values[name].min()) for values in seen) for name in placement.tensors}
    highs = {name: max(float(values[name].max()) for values in seen) for name in placement.tensors}
    return with_ranges(model, {name: (min(0.0, lows[name]), max(0.0, highs[name])) for name in placement.tensors})


def quantized(
    model: Model,
    batches: Sequence[Batch],
    *,
    target: str = "ort-cpu",
    exclude: Exclusion | None = None,
    reduce_range: bool = False,
) -> ModelProto:
    """`model`, calibrated on `batches`, with its pairs; valid ONNX with inferable shapes."""
    placement = place(model, target, exclude)
    proto = with_qdq(model, placement, calibrated(model, placement, batches), reduce_range=reduce_range)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def kernels(proto: ModelProto) -> Counter[str]:
    """The operators that ONNX Runtime executes, by its own optimized graph."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "optimized.onnx")
        onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return Counter(node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node)


def as_written(proto: ModelProto, batch: Batch) -> Batch:
    """The outputs of `proto`, computed node by node as the file says, without any fusion."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(batch)), strict=True))


def sqnr_db(reference: Batch, candidate: Batch) -> float:
    """Signal to quantization noise over all outputs."""
    signal = sum(float(np.sum(values.astype(np.float64) ** 2)) for values in reference.values())
    noise = sum(float(np.sum((reference[name].astype(np.float64) - candidate[name]) ** 2)) for name in reference)
    return float(10 * np.log10(signal / max(noise, 1e-30)))


def without_observations(calibration: Calibration, *names: str) -> Calibration:
    """`calibration` without some tensors."""
    kept = {name: tensor for name, tensor in calibration.tensors.items() if name not in names}
    return replace(calibration, tensors=kept)

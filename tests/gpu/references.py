"""What a model computes, by ONNX's own reference implementation."""

from __future__ import annotations

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from quantkit.core.arrays import Array, Batch


def expected(proto: onnx.ModelProto, batch: Batch) -> Batch:
    evaluator = ReferenceEvaluator(proto)
    names = [output.name for output in proto.graph.output]
    return dict(zip(names, evaluator.run(names, dict(batch)), strict=True))


def sqnr(found: Array, wanted: Array) -> float:
    """Signal to noise in dB."""
    noise = float(np.square(found.astype(np.float64) - wanted).sum())
    return float(10 * np.log10(np.square(wanted.astype(np.float64)).sum() / noise)) if noise else float("inf")

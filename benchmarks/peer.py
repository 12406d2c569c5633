"""onnxruntime.quantization as its users call it: what every figure of ours stands beside."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from onnxruntime import quantization

from quantkit.core.arrays import Batch


class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
    """Batches in the form in which they are asked for there."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        self._batches = iter(batches)

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self._batches, None)
        return None if batch is None else dict(batch)


def quantized(model: Path, batches: Iterable[Batch], to: Path, method: str) -> None:
    """Writes the INT8 model by one of its methods: unsigned activations, signed weights with a scale a channel."""
    quantization.quantize_static(
        str(model),
        str(to),
        Reader(batches),
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        per_channel=True,
        calibrate_method=getattr(quantization.CalibrationMethod, method),
    )

"""From a model and its calibration to an INT8 model on disk."""

from __future__ import annotations

import logging
from pathlib import Path

from quantkit.backends import _cpu
from quantkit.core import arguments
from quantkit.core.artifact import Artifact
from quantkit.core.calibration import Calibration
from quantkit.export.qdq_onnx import QdqOnnxExporter, Rest
from quantkit.graph.exclusion import Exclusion
from quantkit.pipeline.models import AnyModel, opened

_log = logging.getLogger(__name__)


@arguments.checked
def quantize(
    model: AnyModel,
    calibration: Calibration,
    *,
    to: Path | str,
    target: str = "ort-cpu",
    exclude: Exclusion | None = None,
    reduce_range: bool | None = None,
    per_channel: bool = True,
    rest: Rest = "fp32",
) -> Artifact:
    """Writes `model` with Q/DQ pairs where `target` runs faster for them.

    Args:
        model: the FP32 model that the calibration was made from.
        calibration: ranges of its tensors.
        to: the ONNX file to write, atomically.
        target: ``"ort-cpu"`` or ``"tensorrt"``.
        exclude: nodes, operators or tensors to leave in FP32.
        reduce_range: 7-bit weights for ``"ort-cpu"``, which processors that add products in 16 saturating bits
            need; ``None`` asks this processor.
        rest: ``"fp16"`` makes what is not int8 compute in float16, by Casts in the model; for ``"tensorrt"``, whose
            version 11 takes every type from the model.
        per_channel: a scale for each output channel of a weight; one for the whole weight otherwise.

    Raises:
        ArtifactError: the calibration is of another model, or lacks a tensor's range.
        SetupError: the file cannot be written; what was there before stays.
    """
    if reduce_range is None:
        reduce_range = target == "ort-cpu" and _cpu.saturates_products()
    if doubt := calibration.chosen_otherwise(symmetric=target == "tensorrt"):
        _log.warning("%s", doubt)
    exporter = QdqOnnxExporter(
        target, exclude or Exclusion(), reduce_range=reduce_range, per_channel=per_channel, rest=rest
    )
    return exporter.write(opened(model), calibration, Path(to))

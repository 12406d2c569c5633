"""Ranges as plain JSON, for tools of one's own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from quantkit.core.artifact import Artifact
from quantkit.core.calibration import Calibration
from quantkit.core.files import write_whole
from quantkit.core.ports import Exporter
from quantkit.core.qparams import QParams
from quantkit.core.scheme import INT8, UINT8

KIND = "ranges-json"
SCHEMA = "quantkit.ranges/1"


@dataclass(frozen=True, slots=True)
class RangesJsonExporter:
    """Tensor → low, high, scale and zero point: of int8 codes for symmetric calibrations, of uint8 codes for
    others."""

    def write(self, model: object, calibration: Calibration, to: Path) -> Artifact:
        """Writes the ranges atomically; `model` is not looked at.

        Raises:
            SetupError: the file cannot be written.
        """
        del model
        document = {
            "schema": SCHEMA,
            "rule": calibration.rule,
            "model": calibration.provenance.model,
            "codes": "int8" if calibration.symmetric else "uint8",
            "tensors": {name: _entry(calibration, name) for name in sorted(calibration.tensors)},
        }
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        return Artifact(to, KIND, write_whole(to, text.encode()))


def _entry(calibration: Calibration, tensor: str) -> dict[str, float | int]:
    interval = calibration.tensors[tensor].range
    parameters = QParams.of(interval, INT8 if calibration.symmetric else UINT8)
    return {
        "low": float(interval.low),
        "high": float(interval.high),
        "scale": float(parameters.scale),
        "zero_point": int(parameters.zero_point),
    }


plugin: type[Exporter[object]] = RangesJsonExporter

"""INT8 models as ONNX files with Q/DQ pairs, which ONNX Runtime, TensorRT and others read."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import onnx
from onnx import ModelProto
from onnx.checker import ValidationError

from quantkit.core.artifact import Artifact
from quantkit.core.calibration import Calibration
from quantkit.core.errors import InternalError, UsageError
from quantkit.core.files import digest_of, replacing, sweep, write_whole
from quantkit.core.ports import Exporter
from quantkit.export._external_data import data_moved_out, stored_bytes
from quantkit.graph.editing.draft import LARGEST_PROTO
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.halves import with_halves
from quantkit.graph.model import Model
from quantkit.graph.placement import Placement, place
from quantkit.graph.provenance import stamp
from quantkit.graph.qdq import with_qdq

KIND = "qdq-onnx"

Rest: TypeAlias = Literal["fp32", "fp16"]
"""What computes that is not int8."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QdqOnnxExporter:
    """Places Q/DQ pairs for a runtime and writes the model, with its provenance in the metadata; equal input, equal
    bytes.

    Args:
        target: the runtime: ``"ort-cpu"`` or ``"tensorrt"``.
        exclude: what stays in FP32.
        reduce_range: weights within 7 bits, for processors whose 8-bit products saturate.
        per_channel: a scale for each output channel of a weight; one for the whole weight otherwise.
        rest: ``"fp16"`` makes what is not int8 compute in float16, by Casts in the model: for TensorRT 11, which takes
            every type from it.
        largest: bytes of weights from which on they are stored in a file beside the model, which holds 2 GB at most.
    """

    target: str = "ort-cpu"
    exclude: Exclusion = field(default_factory=Exclusion)
    reduce_range: bool = False
    per_channel: bool = True
    rest: Rest = "fp32"
    # Names, shapes and nodes need room too.
    largest: int = LARGEST_PROTO - (1 << 26)

    def write(self, model: Model, calibration: Calibration, to: Path) -> Artifact:
        """Writes `model`, which has to be prepared, atomically to `to`.

        Raises:
            ArtifactError: the calibration is of another model, or lacks the range of a tensor.
            UsageError: no such target, an exclusion that matches nothing, or float16 for another target than TensorRT.
            SetupError: the file cannot be written; what was there before stays.
        """
        if self.rest == "fp16" and self.target != "tensorrt":
            hints = ["leave it out", "--target tensorrt"]
            raise UsageError(
                "QK1087", f"--rest fp16 says nothing for {self.target}, which computes in FP32", hints=hints
            )
        placement = place(model, self.target, self.exclude)
        if not self.per_channel:
            placement = placement.with_one_scale_a_weight()
        if not placement.nodes:
            _log.warning("nothing to quantize for %s: the model stays in FP32", self.target)
        proto = with_qdq(model, placement, calibration, reduce_range=self.reduce_range)
        stamp(proto, placement, calibration)
        halved = with_halves(proto) if self.rest == "fp16" else None
        beside = self._write(halved.proto if halved else proto, to)
        halves: dict[str, object] = {"half_nodes": halved.nodes, "float32_nodes": dict(halved.kept)} if halved else {}
        return Artifact(to, KIND, digest_of(to), _facts(placement) | beside | halves)

    def _write(self, proto: ModelProto, to: Path) -> dict[str, object]:
        sweep(to)
        if stored_bytes(proto) <= self.largest:
            _refuse_invalid(proto)
            write_whole(to, proto.SerializeToString(deterministic=True))
            _drop_old_data(to, keep=None)
            return {}
        data = data_moved_out(proto, to)
        with replacing(to) as temporary:
            temporary.write_bytes(proto.SerializeToString(deterministic=True))
            _refuse_invalid(temporary)
        _drop_old_data(to, keep=data.name)
        return {"external_data": data.name}


def _facts(placement: Placement) -> dict[str, object]:
    return {
        "target": placement.target,
        "integer_nodes": len(placement.nodes),
        "left_out": [str(node) for node in placement.left_out],
    }


def _refuse_invalid(model: ModelProto | Path) -> None:
    try:
        onnx.checker.check_model(str(model) if isinstance(model, Path) else model)
    except ValidationError as refusal:
        raise InternalError(
            "QK9010",
            "the INT8 model is not valid ONNX",
            cause=str(refusal).strip().partition("\n")[0],
            hints=["please report this, with the FP32 model if you may"],
        ) from refusal


def _drop_old_data(model: Path, keep: str | None) -> None:
    """Removes the weights of the model that was replaced."""
    pattern = re.compile(rf"{re.escape(model.name)}\.[0-9a-f]{{16}}\.data")
    for path in model.parent.glob("*.data"):
        if path.name != keep and pattern.fullmatch(path.name):
            path.unlink()


plugin: type[Exporter[Model]] = QdqOnnxExporter

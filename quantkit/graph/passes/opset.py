"""Older operator sets are brought to 13, the first with one scale per channel in Q/DQ nodes."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from onnx import ModelProto, NodeProto, TensorProto, version_converter

from quantkit.core.errors import ModelError
from quantkit.graph.editing.attributes import replace, text
from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.inference import inferred
from quantkit.graph.editing.onnx_calls import reported
from quantkit.graph.editing.tensors import array, tensors
from quantkit.graph.loading.operators import all_nodes

MINIMUM = 13
_RESIZE_WITH_COORDINATES = 11
_FIRST_IR = 7
"""The IR version that came with operator set 12 and 13."""

_REMEDY = [f"export the network again with opset_version={MINIMUM} or later"]

_log = logging.getLogger(__name__)


def opset_of(proto: ModelProto) -> int:
    """The version of the standard operators that `proto` is written in; 0 where it uses none."""
    return max((entry.version for entry in proto.opset_import if not entry.domain), default=0)


def opset_upgraded(draft: Draft, *, allowed: bool) -> None:
    """Converts to `MINIMUM` where the model is older.

    Raises:
        ModelError: the model is older and that is not `allowed`, or some node cannot be converted.
    """
    version = opset_of(draft.proto)
    if not 0 < version < MINIMUM:
        return
    if not allowed:
        raise ModelError(
            "QK3020",
            f"the model uses operator set {version}; one scale per channel needs {MINIMUM} or later",
            hints=[f"--upgrade-opset converts it to {MINIMUM}", "or export it again with a newer opset_version"],
        )
    proto = draft.light()
    _refuse_unconvertible(proto, version)
    roundings = _roundings(proto) if version < _RESIZE_WITH_COORDINATES else {}
    with reported("QK3021", _failure(version), hints=_REMEDY):
        # Some conversions depend on ranks.
        draft.adopt(version_converter.convert_version(inferred(proto), MINIMUM))
    draft.proto.ir_version = max(draft.proto.ir_version, _FIRST_IR)
    _keep_coordinates(draft.proto, roundings)
    _log.info("operator set %d upgraded to %d", version, MINIMUM)


def _refuse_unconvertible(proto: ModelProto, version: int) -> None:
    """Hardmax normalizes over other axes since 13, and the converter hands it on as it is."""
    if any(node.op_type == "Hardmax" and not node.domain for node in all_nodes(proto)):
        raise ModelError("QK3021", _failure(version), cause="Hardmax means something else there", hints=_REMEDY)


def _roundings(proto: ModelProto) -> dict[str, str]:
    """What every Upsample and Resize of an operator set below 11 makes → how it rounds positions, where it has to."""
    constants = dict(tensors(proto))
    return {
        node.output[0]: _rounding(node, constants)
        for node in all_nodes(proto)
        if node.op_type in ("Resize", "Upsample") and not node.domain
    }


def _rounding(node: NodeProto, constants: Mapping[str, TensorProto]) -> str:
    """Where nearest neighbours are taken: ONNX Runtime rounds down, but up in a Resize to a smaller size.

    Source: ``upsamplebase.h`` of ONNX Runtime, ``NearestMode::SIMPLE``.
    """
    if node.op_type == "Upsample" or text(node, "mode", "nearest") != "nearest":
        return "floor"
    scales = array(constants[node.input[1]]) if node.input[1] in constants else None
    if scales is None or not scales.size or scales.min() < 1 < scales.max():
        raise ModelError(
            "QK3021",
            f"Resize {node.name or node.output[0]!r} cannot be upgraded to operator set {MINIMUM}",
            where=node.name or node.output[0],
            cause="its nearest neighbours depend on scales that are not fixed, or shrink one axis and stretch another",
            hints=_REMEDY,
        )
    return "ceil" if scales.min() < 1 else "floor"


def _keep_coordinates(proto: ModelProto, roundings: Mapping[str, str]) -> None:
    """Before operator set 11, Upsample and Resize took the source at ``x / scale``.

    The converter leaves the attributes out, and so gets the half-pixel centres that later versions start from.
    """
    for node in all_nodes(proto):
        if node.op_type == "Resize" and node.output[0] in roundings:
            replace(node, "coordinate_transformation_mode", "asymmetric")
            replace(node, "nearest_mode", roundings[node.output[0]])


def _failure(version: int) -> str:
    return f"operator set {version} cannot be upgraded to {MINIMUM}"

"""Older operator sets are brought to 13, the first with one scale per channel in Q/DQ nodes."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from onnx import ModelProto, NodeProto, TensorProto, helper, version_converter

from quantkit.core.errors import ModelError
from quantkit.graph.editing.attributes import replace, text
from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.inference import inferred
from quantkit.graph.editing.onnx_calls import reported
from quantkit.graph.editing.tensors import array, tensors
from quantkit.graph.editing.wiring import title
from quantkit.graph.loading.operators import all_nodes

MINIMUM = 13
_RESIZE_WITH_COORDINATES = 11
_HARDMAX_OF_ONE_AXIS = 13


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
    opset_raised(draft, MINIMUM)


def opset_raised(draft: Draft, wanted: int) -> None:
    """Converts to the operator set `wanted` where the model is older.

    Raises:
        ModelError: some node cannot be converted.
    """
    version = opset_of(draft.proto)
    if not 0 < version < wanted:
        return
    proto = draft.light()
    _refuse_unconvertible(proto, version, wanted)
    roundings = _roundings(proto) if version < _RESIZE_WITH_COORDINATES else {}
    with reported("QK3021", _failure(version, wanted), hints=_remedy(wanted)):
        # Some conversions depend on ranks.
        draft.adopt(version_converter.convert_version(inferred(proto), wanted))
    enough = helper.find_min_ir_version_for(draft.proto.opset_import, ignore_unknown=True)
    draft.proto.ir_version = max(draft.proto.ir_version, enough)
    _keep_coordinates(draft.proto, roundings)
    _log.info("operator set %d upgraded to %d", version, wanted)


def _refuse_unconvertible(proto: ModelProto, version: int, wanted: int) -> None:
    """Hardmax normalizes over other axes since 13, and the converter hands it on as it is."""
    found = any(node.op_type == "Hardmax" and not node.domain for node in all_nodes(proto))
    if found and version < _HARDMAX_OF_ONE_AXIS:
        cause = "Hardmax means something else there"
        raise ModelError("QK3021", _failure(version, wanted), cause=cause, hints=_remedy(wanted))


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
            f"Resize {title(node)!r} cannot be upgraded to operator set {MINIMUM}",
            where=title(node),
            cause="its nearest neighbours depend on scales that are not fixed, or shrink one axis and stretch another",
            hints=_remedy(MINIMUM),
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


def _failure(version: int, wanted: int) -> str:
    return f"operator set {version} cannot be upgraded to {wanted}"


def _remedy(wanted: int) -> list[str]:
    return [f"export the network again with opset_version={wanted} or later"]

"""Where an INT8 model comes from, written into the model itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from onnx import ModelProto

from quantkit._version import __version__
from quantkit.core.calibration import Calibration
from quantkit.graph.placement import Placement

PREFIX = "quantkit."


def stamp(proto: ModelProto, placement: Placement, calibration: Calibration) -> None:
    """Adds what the model was made from to its metadata, in place of what an earlier quantization wrote there."""
    origin = calibration.provenance
    facts = {
        "version": __version__,
        "target": placement.target,
        "rule": calibration.rule,
        "model": origin.model,
        "calibration": hashlib.sha256(calibration.to_json().encode()).hexdigest(),
        "samples": str(origin.samples),
        "samples_digest": origin.samples_digest,
        "preprocessing": origin.preprocessing,
        "synthetic": str(origin.synthetic).lower(),
        "left_out": json.dumps({node.node: node.reason for node in placement.left_out}, ensure_ascii=False),
    }
    others = [entry for entry in proto.metadata_props if not entry.key.startswith(PREFIX)]
    del proto.metadata_props[:]
    proto.metadata_props.extend(others)
    for key, value in facts.items():
        proto.metadata_props.add(key=f"{PREFIX}{key}", value=value)


def facts(proto: ModelProto) -> dict[str, str]:
    """What `stamp` wrote, without the prefix; empty for a model of other origin."""
    return {
        entry.key.removeprefix(PREFIX): entry.value for entry in proto.metadata_props if entry.key.startswith(PREFIX)
    }


def left_out(proto: ModelProto) -> Mapping[str, str]:
    """Node → why it was left in FP32, as far as the model says so."""
    try:
        known = json.loads(facts(proto).get("left_out", "{}"))
    except (ValueError, RecursionError):
        return {}
    return {str(node): str(reason) for node, reason in known.items()} if isinstance(known, dict) else {}

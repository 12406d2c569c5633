"""Where an INT8 model comes from, written into the model itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict

from onnx import ModelProto

from quantkit._version import __version__
from quantkit.core.calibration import Calibration
from quantkit.core.errors import ArtifactError
from quantkit.core.json_values import MALFORMED, decoded, encoded
from quantkit.core.sample_hashes import SampleHashes, sample_hashes_from
from quantkit.graph.placement import Placement

PREFIX = "quantkit."

_SAMPLE_HASHES = "sample_hashes"
"""Where it stands which samples were calibrated on: some kilobytes for programs."""


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
    if placement.activations and calibration.chosen_otherwise(symmetric=placement.activations[0].scheme.symmetric):
        facts["chosen_for"] = "symmetric codes" if calibration.symmetric else "affine codes"
    if origin.sample_hashes is not None:
        facts[_SAMPLE_HASHES] = encoded(asdict(origin.sample_hashes))
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


def told(proto: ModelProto) -> dict[str, str]:
    """What `stamp` wrote for people as well, under its whole keys, sorted; no number of samples that is not known."""
    unknown = ("samples", "0")
    said = sorted(facts(proto).items())
    return {f"{PREFIX}{key}": fact for key, fact in said if key != _SAMPLE_HASHES and (key, fact) != unknown}


def sample_hashes(proto: ModelProto) -> SampleHashes | None:
    """What the samples are known by that the model was calibrated on; ``None`` where it does not say.

    Raises:
        ArtifactError: what it says is damaged, so that they could be evaluated unnoticed.
    """
    written = facts(proto).get(_SAMPLE_HASHES)
    try:
        return None if written is None else sample_hashes_from(decoded(written))
    except MALFORMED as reason:
        raise ArtifactError(
            "QK3224",
            "the model's record of the samples that it was calibrated on is damaged",
            cause=f"{type(reason).__name__}: {reason}",
            hints=["quantize again"],
        ) from reason


def left_out(proto: ModelProto) -> Mapping[str, str]:
    """Node → why it was left in FP32, as far as the model says so."""
    try:
        known = json.loads(facts(proto).get("left_out", "{}"))
    except (ValueError, RecursionError):
        return {}
    return {str(node): str(reason) for node, reason in known.items()} if isinstance(known, dict) else {}

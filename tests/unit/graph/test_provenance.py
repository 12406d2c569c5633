"""An INT8 model tells where it comes from."""

from __future__ import annotations

from dataclasses import replace

import pytest
from onnx import ModelProto

from quantkit.core.calibration import Calibration
from quantkit.core.errors import ArtifactError
from quantkit.core.sample_hashes import SampleHashes
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.placement import place
from quantkit.graph.provenance import PREFIX, facts, left_out, sample_hashes, stamp, told
from tests.onnx_models import random, written
from tests.quantization import ready, with_ranges

MODEL = ready(written("g (float[N, 4] x) => (float[N, 4] y) { [fc] y = MatMul (x, w) }", w=random(4, 4)))
CALIBRATION = with_ranges(MODEL, {"x": (-1.0, 1.0)})
HASHES = SampleHashes.of(["11"])


def stamped(exclude: Exclusion | None = None, calibration: Calibration = CALIBRATION) -> ModelProto:
    proto = ModelProto()
    proto.CopyFrom(MODEL.proto)
    stamp(proto, place(MODEL, "ort-cpu", exclude), calibration)
    return proto


def with_hashes() -> ModelProto:
    known = replace(CALIBRATION.provenance, sample_hashes=HASHES)
    return stamped(calibration=replace(CALIBRATION, provenance=known))


def test_origin_data_and_rule_are_written_into_the_model() -> None:
    found = facts(stamped())
    assert (found["target"], found["rule"], found["model"], found["samples"]) == ("ort-cpu", "max", MODEL.digest, "1")
    assert found["synthetic"] == "false"
    assert len(found["calibration"]) == 64


def test_a_second_stamp_takes_the_place_of_the_first_and_leaves_other_metadata_alone() -> None:
    proto = stamped()
    proto.metadata_props.add(key="author", value="someone")
    once = len(proto.metadata_props)
    stamp(proto, place(MODEL, "tensorrt"), CALIBRATION)
    assert len(proto.metadata_props) == once
    assert facts(proto)["target"] == "tensorrt"
    assert {entry.key for entry in proto.metadata_props} >= {"author"}


def test_reasons_are_read_back() -> None:
    assert left_out(stamped(Exclusion(nodes=("fc",)))) == {"fc": "excluded by name 'fc'"}


@pytest.mark.parametrize("text", ["", "[1]", "{", "[" * 10_000, "3"])
def test_damaged_reasons_count_as_none(text: str) -> None:
    proto = ModelProto()
    proto.metadata_props.add(key=f"{PREFIX}left_out", value=text)
    assert left_out(proto) == {}


def test_a_model_of_other_origin_has_no_facts() -> None:
    assert facts(MODEL.proto) == {}


def test_the_samples_are_known_again_from_the_model() -> None:
    assert sample_hashes(with_hashes()) == HASHES
    assert sample_hashes(stamped()) is None
    assert sample_hashes(MODEL.proto) is None


def test_people_are_told_all_but_the_hashes() -> None:
    said = told(with_hashes())
    assert said["quantkit.samples"] == "1"
    assert list(said) == sorted(said)
    assert told(stamped()).keys() == said.keys() == {f"{PREFIX}{key}" for key in facts(stamped())}


@pytest.mark.parametrize("text", ["", "{", "null", "3", "[" * 10_000, "{}", '{"distinct":2,"lowest":"AAAAAAAA"}'])
def test_damaged_hashes_are_refused(text: str) -> None:
    proto = ModelProto()
    proto.metadata_props.add(key=f"{PREFIX}sample_hashes", value=text)
    with pytest.raises(ArtifactError, match=r"QK3224.*is damaged(.|\n)*hint:\s+quantize again"):
        sample_hashes(proto)


def test_a_number_of_samples_that_is_not_known_is_told_to_nobody() -> None:
    unknown = replace(CALIBRATION, provenance=replace(CALIBRATION.provenance, samples=0))
    said = told(stamped(calibration=unknown))
    assert "quantkit.samples" not in said
    assert said["quantkit.rule"] == "max"

"""An INT8 model tells where it comes from."""

from __future__ import annotations

import pytest
from onnx import ModelProto

from quantkit.graph.exclusion import Exclusion
from quantkit.graph.placement import place
from quantkit.graph.provenance import PREFIX, facts, left_out, stamp
from tests.onnx_models import random, written
from tests.quantization import ready, with_ranges

MODEL = ready(written("g (float[N, 4] x) => (float[N, 4] y) { [fc] y = MatMul (x, w) }", w=random(4, 4)))
CALIBRATION = with_ranges(MODEL, {"x": (-1.0, 1.0)})


def stamped(exclude: Exclusion | None = None) -> ModelProto:
    proto = ModelProto()
    proto.CopyFrom(MODEL.proto)
    stamp(proto, place(MODEL, "ort-cpu", exclude), CALIBRATION)
    return proto


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

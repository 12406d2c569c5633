"""sensitivity.json, and the schema that comes with the package."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core import sensitivity_file
from quantkit.core.comparison import Interval, Latency, MetricSummary
from quantkit.core.errors import ArtifactError
from quantkit.core.json_values import encoded
from quantkit.core.leads import Margin
from quantkit.core.sensitivity import Effect, Effects, Layer, Measure, Point, Sensitivity
from quantkit.core.sensitivity_advice import FINDINGS, WON, Advice
from quantkit.core.sensitivity_extent import Extent

TIMED = Latency(1.5, 2.0, 100, 1, 5)
TOP1 = MetricSummary("top1", 64, 0.7, 0.72, Interval(-0.02, -0.05, 0.01), unit="share", facts={"regressed": 2.0})
FOUND = Sensitivity(
    model="0" * 64,
    path="m.onnx",
    target="ort-cpu",
    rule="mse",
    calibration="1" * 64,
    samples=64,
    measures=(
        Measure("sqnr", "SQNR", "dB", higher_is_better=True, reference=None, everything=35.0),
        Measure("top1", "top1", "share", higher_is_better=True, reference=0.72, everything=0.7),
    ),
    layers=(
        Layer(
            "conv\x1b[31m</script>",
            "Conv",
            {"sqnr": Effects(Effect(50.0, math.inf, 45.0), Effect(35.5, None, 36.0), 35.0)},
            64,
        ),
        Layer("fc", "Gemm", reason="excluded by name 'fc'"),
    ),
    order=("conv\x1b[31m</script>",),
    points=(
        Point((), "", (TOP1,), 9, 10, 1234, TIMED),
        Point(("conv\x1b[31m</script>",), "--exclude-nodes x", (TOP1,), 8, 10, 2345),
    ),
    advice=Advice(
        WON,
        "top1",
        ("conv\x1b[31m</script>",),
        gains={"top1": Margin(0.02, 0.01), "sqnr": Margin(math.inf, 1.0)},
        tolerance=0.01,
    ),
    extent=Extent(
        80, 600, 800, 1.5, limit_s=2.0, partly=("fc",), go_on="quantkit sensitivity m.onnx --data 'a </script>'"
    ),
    reference_latency=TIMED,
    data={"source": "val"},
    environment={"threads": "2"},
    notes=("a note",),
    over_clipped=("relu6",),
)


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json.loads(resources.files("quantkit.core").joinpath("sensitivity.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_it_is_valid_and_comes_back_as_it_was(validator: Any, tmp_path: Path) -> None:
    path = tmp_path / "sensitivity.json"
    digest = sensitivity_file.save(FOUND, path)
    validator.validate(json.loads(path.read_text()))
    assert sensitivity_file.load(path) == FOUND
    assert sensitivity_file.save(FOUND, path) == digest


def test_a_sensitivity_without_advice_or_extent_comes_back_as_it_was(validator: Any, tmp_path: Path) -> None:
    path, bare = tmp_path / "sensitivity.json", replace(FOUND, advice=None, extent=None)
    sensitivity_file.save(bare, path)
    validator.validate(json.loads(path.read_text()))
    assert sensitivity_file.load(path) == bare


def test_a_file_of_before_saturation_was_written_down_is_read(validator: Any, tmp_path: Path) -> None:
    path, document = tmp_path / "sensitivity.json", sensitivity_file.document(FOUND)
    del document["over_clipped"]
    path.write_text(encoded(document))
    validator.validate(json.loads(path.read_text()))
    assert sensitivity_file.load(path) == replace(FOUND, over_clipped=())


def test_the_schema_knows_every_finding(validator: Any) -> None:
    advice = validator.schema["$defs"]["advice"]["anyOf"][1]
    assert advice["properties"]["finding"]["enum"] == list(FINDINGS)


def test_a_finding_that_there_is_not_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sensitivity.json"
    document = sensitivity_file.document(FOUND)
    document["advice"]["finding"] = "all well"
    path.write_text(encoded(document))
    with pytest.raises(ArtifactError, match="there is no finding 'all well'"):
        sensitivity_file.load(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b"\xff\xfe", b'{"schema": "quantkit.run/1"}', b'{"schema": "quantkit.sensitivity/2"}'],
    ids=["empty", "a list", "torn", "no text", "another kind", "another version"],
)
def test_what_is_no_sensitivity_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "sensitivity.json"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="not a usable sensitivity"):
        sensitivity_file.load(path)


_ODD: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.none(), max_size=1) | st.just({})
)


@given(data=st.data())
def test_whatever_is_wrong_in_it_is_refused_or_harmless(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    document = json.loads(json.dumps(sensitivity_file.document(FOUND), default=str).replace("Infinity", "1e9"))
    at: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        below = at[key]
        if not isinstance(below, dict | list) or not below or data.draw(st.booleans()):
            at[key] = data.draw(_ODD)
            break
        at = below
    path = tmp_path_factory.getbasetemp() / "odd.json"
    path.write_text(json.dumps(document))
    try:
        assert isinstance(sensitivity_file.load(path), Sensitivity)
    except ArtifactError as refusal:
        assert refusal.code == "QK3291"  # noqa: PT017 - both ends are right

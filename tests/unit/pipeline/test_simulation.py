"""Models for TensorRT in ONNX Runtime, which computes their Q/DQ pairs in floats."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

import quantkit
from quantkit.core.comparison import Comparison, Coverage, EngineLayers, NodeCoverage, Subject
from quantkit.core.errors import TooLittleError
from quantkit.core.verdict import Verdict
from quantkit.gate.rules import Rules
from quantkit.pipeline.comparing import Comparing
from quantkit.pipeline.simulation import notes_on_simulation

SHOWN = "which shows what they cost in accuracy, not the speed"
RNG = np.random.default_rng(0)
SAMPLES = [RNG.normal(size=(1, 1, 32, 32)).astype(np.float32) for _ in range(24)]
CLOSE = Rules(minimums={"sqnr": 1.0})


@pytest.fixture(scope="module")
def int8(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = quantkit.load_model(digits / "model.onnx")
    ranges = quantkit.calibrate_ranges(quantkit.collect(model, SAMPLES[:8]), "max", symmetric=True)
    path = tmp_path_factory.mktemp("model") / "int8.onnx"
    return quantkit.quantize(model, ranges, to=path, target="tensorrt").path


@pytest.fixture(scope="module")
def compared(digits: Path, int8: Path) -> Comparison:
    how = Comparing(metrics=("sqnr",), stopwatch=None)
    return quantkit.compare(digits / "model.onnx", int8, SAMPLES[8:], how=how)


def test_what_the_pairs_cost_is_judged(compared: Comparison, tmp_path: Path) -> None:
    coverage = compared.candidates[0].subject.coverage
    assert coverage is not None
    assert coverage.pairs > 0
    assert quantkit.judge(compared, CLOSE).verdict is Verdict.PASS
    quantkit.save_run(compared, tmp_path / "run.json")
    assert quantkit.load_run(tmp_path / "run.json") == compared


def test_it_is_said_once_what_the_run_shows(compared: Comparison) -> None:
    (note,) = (note for note in compared.notes if "TensorRT" in note)
    assert note.startswith("int8 is written for TensorRT: ONNX Runtime computes ")
    assert note.endswith(SHOWN)


@pytest.mark.parametrize(
    "rules", [replace(CLOSE, min_int8_share=0.0), replace(CLOSE, latency={"p50": 9.0})], ids=["coverage", "latency"]
)
def test_limits_on_how_it_runs_are_refused(compared: Comparison, rules: Rules) -> None:
    with pytest.raises(TooLittleError, match=r"QK6020.*of int8 is limited but not known") as refusal:
        quantkit.judge(compared, rules)
    assert (refusal.value.cause or "").startswith("it is written for TensorRT, and ONNX Runtime ran it")
    assert list(refusal.value.hints) == ["compare in TensorRT: --backend tensorrt"]


def test_pairs_of_models_from_elsewhere_count_as_much(digits: Path, int8: Path, tmp_path: Path) -> None:
    proto = onnx.load(int8)
    del proto.metadata_props[:]
    onnx.save(proto, tmp_path / "foreign.onnx")
    how = Comparing(metrics=("sqnr",), stopwatch=None)
    found = quantkit.compare(digits / "model.onnx", tmp_path / "foreign.onnx", SAMPLES[8:], how=how)
    assert quantkit.judge(found, CLOSE).verdict is Verdict.PASS
    assert not any("TensorRT" in note or "calibrated" in note for note in found.notes)


def subject(name: str, precision: str, *, pairs: int, target: str = "", engine: EngineLayers | None = None) -> Subject:
    coverage = Coverage((NodeCoverage("conv", "Conv", precision),), engine, pairs)
    return Subject(name, "m.onnx", "0" * 64, 1, coverage=coverage, provenance={"quantkit.target": target})


FLOATING, INTEGER = "fp32", "int8"


@pytest.mark.parametrize(
    ("subjects", "notes"),
    [
        (
            [subject("a", FLOATING, pairs=2, target="tensorrt")],
            ["a is written for TensorRT: ONNX Runtime computes its Q/DQ pairs in floats"],
        ),
        (
            [subject(name, FLOATING, pairs=2, target="tensorrt") for name in "ab"],
            ["a, b are written for TensorRT: ONNX Runtime computes their Q/DQ pairs in floats"],
        ),
        (
            [subject("a", INTEGER, pairs=2, target="tensorrt")],
            ["a is written for TensorRT: ONNX Runtime computes some of its Q/DQ pairs in floats"],
        ),
        ([subject("a", FLOATING, pairs=2)], ["a: ONNX Runtime computes its Q/DQ pairs in floats"]),
        ([subject("a", INTEGER, pairs=2, target="ort-cpu")], []),
        ([subject("a", FLOATING, pairs=0, target="tensorrt")], []),
        ([subject("a", FLOATING, pairs=2, engine=EngineLayers({}, 0))], []),
        ([Subject("a", "m.onnx", "0" * 64, 1)], []),
    ],
    ids=["for TensorRT", "two", "in part", "foreign", "in integers", "unquantized", "an engine", "not known"],
)
def test_a_note_names_all_that_it_holds_for(subjects: list[Subject], notes: list[str]) -> None:
    assert notes_on_simulation(subjects) == [f"{note}, {SHOWN}" for note in notes]

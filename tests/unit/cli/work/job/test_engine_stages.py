"""The whole job with engines: what is built, written and told, with a TensorRT that runs anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest

from quantkit.cli.process import progress
from quantkit.core import statistics_file
from tests.unit.backends.tensorrt import fakes
from tests.unit.backends.tensorrt.fakes import cuda, trt
from tests.unit.backends.tensorrt.inspected import keep_in_floats, take

Command = Callable[..., Any]

PLANS = ["model.fp32.plan", "model.fp16.plan", "model.max.plan", "model.entropy.plan"]


@pytest.fixture
def stand_in() -> Iterator[None]:
    with fakes.quickly_timed():
        yield


@pytest.fixture
def on_gpu(job: list[str]) -> list[str]:
    """The same job by TensorRT."""
    return [*job, "--backend", "tensorrt", "--batch-size", "16", "--output", "out"]


@pytest.mark.usefixtures("stand_in")
def test_the_whole_job_leaves_engines_with_their_records(command: Command, on_gpu: list[str], digits: Path) -> None:
    result = command(*on_gpu, "--eval", digits / "eval", "--json")
    assert result.exit_code == 0, result.notes
    assert all(Path("out", name).is_file() and Path("out", f"{name}.json").is_file() for name in PLANS)
    files = result.document["files"]
    assert {f"out/{name}" for name in PLANS} < set(files)
    assert sorted(files) == sorted(str(path) for path in Path("out").iterdir())

    run = json.loads(Path("out/run.json").read_text())
    subjects = {entry["subject"]["name"]: entry["subject"] for entry in run["candidates"]}
    assert list(subjects) == ["FP16", "max", "entropy"]
    assert all(subject["latency"]["batch"] == 16 for subject in subjects.values())
    assert subjects["max"]["path"] == "out/model.max.plan"
    assert not any("ONNX Runtime ran them" in note for note in run["notes"])
    assert "top1" in {summary["metric"] for summary in run["candidates"][1]["metrics"]}


@pytest.mark.usefixtures("stand_in")
def test_what_is_no_faster_in_int8_gets_no_pairs(
    command: Command, on_gpu: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = command(*on_gpu, "--dry-run", "--json").document
    keep_in_floats(monkeypatch, plan["nodes"][0])
    take(monkeypatch, {})
    assert command(*on_gpu, "--until", "model").exit_code == 0
    graph = onnx.load("out/model.max.int8.onnx").graph
    paired = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    in_integers = [node.name for node in graph.node if paired.intersection(node.input)]
    assert plan["target"] == "tensorrt"
    assert plan["nodes"][0] not in in_integers
    assert set(plan["nodes"][1:]) <= set(in_integers)


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(("by", "in_integers"), [("inspector", False), ("none", True)])
def test_how_that_is_found_can_be_said(
    command: Command, on_gpu: list[str], monkeypatch: pytest.MonkeyPatch, by: str, *, in_integers: bool
) -> None:
    first = command(*on_gpu, "--dry-run", "--json").document["nodes"][0]
    keep_in_floats(monkeypatch, first)
    assert command(*on_gpu, "--until", "model", "--exclude-by", by).exit_code == 0
    graph = onnx.load("out/model.max.int8.onnx").graph
    paired = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    assert (first in [node.name for node in graph.node if paired.intersection(node.input)]) is in_integers


@pytest.mark.usefixtures("stand_in")
def test_tensorrts_own_calibrators_are_candidates_too(command: Command, on_gpu: list[str]) -> None:
    # The stand-in writes a cache for the input "x" alone, whatever the model; that suffices to be kept.
    result = command(*on_gpu, "--method", "max", "--trt-calibrator", "entropy")
    assert result.exit_code == 0, result.notes
    run = json.loads(Path("out/run.json").read_text())
    assert [entry["subject"]["name"] for entry in run["candidates"]] == ["FP16", "max", "trt-entropy"]
    assert Path("out/model.trt-entropy.cache").read_text().startswith("TRT-8503-EntropyCalibration2\n")
    assert json.loads(Path("out/model.trt-entropy.cache.json").read_text())["provenance"]["samples"] == 64


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(("way", "given_as"), [([], "cache"), (["ranges"], "ranges")], ids=["cache", "ranges"])
def test_our_ranges_in_plain_models_are_candidates_too(
    command: Command, on_gpu: list[str], way: list[str], given_as: str
) -> None:
    result = command(*on_gpu, "--exclude-by", "none", "--json", "--inject", *way)
    assert result.exit_code == 0, result.notes
    run = json.loads(Path("out/run.json").read_text())
    names = ["FP16", "max", "entropy", "injected-max", "injected-entropy"]
    assert [entry["subject"]["name"] for entry in run["candidates"]] == names
    record = json.loads(Path("out/model.injected-entropy.plan.json").read_text())
    assert record["scales"] == {"rule": "entropy", "given_as": given_as}
    cache = Path("out/model.injected-entropy.cache")
    assert cache.exists() == (given_as == "cache")
    if cache.exists():
        assert cache.read_text().startswith("TRT-8503-EntropyCalibration2\n")
        assert json.loads(Path(f"{cache}.json").read_text())["rule"] == "entropy"
    assert sorted(result.document["files"]) == sorted(str(path) for path in Path("out").iterdir())


@pytest.mark.usefixtures("stand_in")
def test_every_build_says_which_one_it_is(command: Command, on_gpu: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    fakes.tell_of_builds()
    options = ["--method", "max", "--trt-calibrator", "entropy", "--inject", "--exclude-by", "inspector"]
    result = command(*on_gpu, *options, "--progress", "log")
    assert result.exit_code == 0, result.notes
    told = [line for line in result.notes.splitlines() if line.endswith("building")]
    numbered = [f"engine {number} of 5: building" for number in range(1, 6)]
    # First statistics are collected.
    assert told == ["building", "looking for what is no faster in INT8: building", *numbered]


@pytest.mark.usefixtures("stand_in")
def test_a_dry_run_names_every_engine(command: Command, on_gpu: list[str]) -> None:
    files = command(*on_gpu, "--dry-run", "--json").document["files"]
    assert {f"out/{name}" for name in PLANS} < set(files)
    assert not trt.built


@pytest.mark.parametrize("stage", ["statistics", "thresholds"])
def test_statistics_of_the_processor_and_thresholds_take_no_gpu(
    command: Command, on_gpu: list[str], stage: str, without_tensorrt: None
) -> None:
    result = command(*on_gpu, "--until", stage, "--collect-on", "cpu")
    assert result.exit_code == 0, result.notes
    statistics = statistics_file.load(Path("out/statistics.safetensors"))
    assert "onnxruntime" in statistics.environment


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("batch", ["16", "7"], ids=["whole batches", "a short last one"])
def test_statistics_are_those_of_the_engine(command: Command, job: list[str], batch: str) -> None:
    found = {}
    for where in ("gpu", "cpu"):
        how = ["--backend", "tensorrt", "--collect-on", where, "--batch-size", batch]
        result = command(*job, *how, "--until", "statistics", "--output", where)
        assert result.exit_code == 0, result.notes
        found[where] = statistics_file.load(Path(where, "statistics.safetensors"))
    assert found["gpu"].environment["tensorrt"]
    assert found["gpu"].environment["precision"] == "fp32"
    assert found["gpu"].fingerprint == found["cpu"].fingerprint
    assert found["gpu"].samples == found["cpu"].samples
    assert found["gpu"].histograms.keys() == found["cpu"].histograms.keys()
    for name, histogram in found["gpu"].histograms.items():
        assert histogram.count == found["cpu"].histograms[name].count, name
        assert histogram.limit == pytest.approx(found["cpu"].histograms[name].limit, rel=1e-5), name


@pytest.mark.usefixtures("without_tensorrt")
@pytest.mark.parametrize(
    "until",
    [[], ["--until", "statistics"], ["--until", "model"], ["--dry-run"]],
    ids=["whole", "statistics", "model", "dry"],
)
def test_without_the_package_nothing_begins(command: Command, on_gpu: list[str], until: list[str]) -> None:
    result = command(*on_gpu, *until)
    assert result.exit_code == 4
    assert "QK4001" in result.notes
    assert 'pip install "quantkit-ptq[tensorrt]"' in result.notes
    assert not Path("out").exists()


@pytest.mark.usefixtures("stand_in")
def test_without_a_gpu_nothing_begins(command: Command, on_gpu: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "PRESENT", False)
    result = command(*on_gpu)
    assert result.exit_code == 4
    assert "QK4020" in result.notes
    assert "--backend ort runs on the processor" in result.notes
    assert not Path("out").exists()


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("asked", [["--trt-calibrator", "max,entropy"], ["--inject"]], ids=["own", "injected"])
def test_version_11_says_what_to_do_instead_of_a_calibrator(
    command: Command, on_gpu: list[str], monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    monkeypatch.delattr(trt, "IInt8Calibrator")
    result = command(*on_gpu, *asked)
    assert result.exit_code == 4
    assert not Path("out").exists()
    assert "QK4025" in result.notes
    assert "--target tensorrt" in result.notes
    assert "quantkit cache convert" in result.notes


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--trt-calibrator", "max"], "--trt-calibrator says nothing without --backend tensorrt"),
        (["--inject"], "--inject says nothing without --backend tensorrt"),
        (["--collect-on", "cpu"], "--collect-on says nothing without --backend tensorrt"),
        (["--exclude-by", "profile"], "--exclude-by says nothing without --backend tensorrt"),
        (["--timing-cache", "times"], "--timing-cache says nothing without --backend tensorrt"),
        (["--backend", "tensorrt", "--target", "ort-cpu"], "--backend tensorrt runs no models for ort-cpu"),
    ],
)
def test_options_without_effect_are_refused(command: Command, job: list[str], options: list[str], said: str) -> None:
    result = command(*job, *options)
    assert result.exit_code == 2
    assert "QK1087" in result.notes
    assert said in result.notes


def test_a_variable_for_all_commands_is_no_option_without_effect(
    command: Command, job: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANTKIT_TIMING_CACHE", "times")
    assert command(*job, "--dry-run").exit_code == 0


def test_statistics_are_no_data_for_a_calibrator(command: Command, digits: Path) -> None:
    inputs = ["--statistics", "s.safetensors", "--eval", digits / "eval"]
    result = command("calibrate", digits / "model.onnx", *inputs, "--backend", "tensorrt", "--trt-calibrator", "max")
    assert result.exit_code == 2
    assert "--trt-calibrator has nothing to calibrate on" in result.notes
    result = command("calibrate", digits / "model.onnx", *inputs, "--backend", "tensorrt", "--collect-on", "gpu")
    assert result.exit_code == 2
    assert "--collect-on says nothing to --statistics" in result.notes

"""The whole job on a real GPU, from the command line: engines, comparison, report; and plans of single models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quantkit.backends.tensorrt._versions import has_calibrators
from quantkit.core import statistics_file
from tests.command_line import Ran, ran

pytestmark = pytest.mark.gpu

ENGINES = ["fp32", "fp16", "max", "entropy"] if has_calibrators() else ["fp32", "max", "entropy"]
OWN = ["trt-max", "trt-entropy"] if has_calibrators() else []


@pytest.fixture(scope="module")
def job(digits: Path, timing_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    """The digits, calibrated on 128 samples and compared on all others."""
    folder = tmp_path_factory.mktemp("job") / "out"
    result = ran(
        *("calibrate", digits / "model.onnx", "--data", digits / "calib", "--eval", digits / "eval"),
        *("--preprocess", digits / "preprocess.toml", "--max-samples", "128", "--batch-size", "16"),
        *("--backend", "tensorrt", "--timing-cache", timing_cache, "--output", folder, "--json"),
        *(["--trt-calibrator", "max,entropy"] if OWN else []),
    )
    return result, folder


@pytest.fixture(scope="module")
def finished(job: tuple[Ran, Path]) -> Path:
    result, folder = job
    assert result.exit_code == 0, result.notes
    return folder


@pytest.fixture(scope="module")
def subjects(finished: Path) -> dict[str, Any]:
    run = json.loads((finished / "run.json").read_text(encoding="utf-8"))
    return {entry["subject"]["name"]: entry for entry in run["candidates"]}


def test_every_engine_is_kept_with_its_record(finished: Path) -> None:
    for name in [*ENGINES, *OWN]:
        plan = finished / f"model.{name}.plan"
        assert plan.stat().st_size > 1000
        record = json.loads(plan.with_name(f"{plan.name}.json").read_text(encoding="utf-8"))
        assert record["machine"]["tensorrt"]


def test_every_candidate_has_accuracy_latency_and_coverage(finished: Path, subjects: dict[str, Any]) -> None:
    halves = ["FP16"] if "fp16" in ENGINES else []
    assert list(subjects) == [*halves, "max", "entropy", *OWN]
    for entry in subjects.values():
        assert 0 < entry["subject"]["latency"]["p50_ms"] < 1000
        assert entry["subject"]["latency"]["batch"] == 16
        assert entry["subject"]["coverage"]["nodes"]
        assert "top1" in {summary["metric"] for summary in entry["metrics"]}


def test_statistics_are_those_of_the_fp32_engine_on_the_gpu(finished: Path) -> None:
    statistics = statistics_file.load(finished / "statistics.safetensors")
    assert len(statistics.samples) == 128
    assert statistics.environment["tensorrt"]
    assert statistics.environment["precision"] == "fp32"


def test_they_may_be_those_of_the_processor(digits: Path, finished: Path, tmp_path: Path) -> None:
    """Batches of another size, the last one short, and the same numbers but for additions in another order."""
    result = ran(
        *("calibrate", digits / "model.onnx", "--data", digits / "calib", "--max-samples", "128"),
        *("--preprocess", digits / "preprocess.toml", "--batch-size", "24", "--until", "statistics"),
        *("--backend", "tensorrt", "--collect-on", "cpu", "--output", tmp_path / "cpu"),
    )
    assert result.exit_code == 0, result.notes
    ours, theirs = (statistics_file.load(folder / "statistics.safetensors") for folder in (finished, tmp_path / "cpu"))
    assert "tensorrt" not in theirs.environment
    assert ours.samples == theirs.samples
    assert ours.histograms.keys() == theirs.histograms.keys()
    for name, histogram in ours.histograms.items():
        assert histogram.count == theirs.histograms[name].count, name
        assert histogram.limit == pytest.approx(theirs.histograms[name].limit, rel=1e-4), name


def test_every_engine_says_what_it_consists_of(subjects: dict[str, Any]) -> None:
    for name, entry in subjects.items():
        engine = entry["subject"]["coverage"]["engine"]
        assert sum(engine["by_precision"].values()) > 5
        assert (engine["unscaled"] is None) == (name not in OWN)
        assert ("int8" in engine["by_precision"]) == (name != "FP16")


@pytest.mark.skipif(not has_calibrators(), reason="this TensorRT has no calibrators")
def test_the_gate_asks_for_scales(finished: Path) -> None:
    result = ran("check", finished / "run.json", "--max-missing-scales", "0", "--max-drop", "top1=2pp", "--json")
    checks = [check for check in result.document["checks"] if check["metric"] == "missing-scales"]
    assert {check["model"] for check in checks} >= set(OWN)
    assert {check["verdict"] for check in checks} == {"PASS"}


def test_int8_engines_compute_in_integers_and_stay_close(subjects: dict[str, Any]) -> None:
    for name in ("max", "entropy"):
        nodes = subjects[name]["subject"]["coverage"]["nodes"]
        assert "int8" in {node["precision"] for node in nodes}
        (agreement,) = (summary for summary in subjects[name]["metrics"] if summary["metric"] == "agreement")
        # As ONNX Runtime makes of the same Q/DQ models: 99.9 % and 99.7 %.
        assert agreement["candidate"] > 0.98


def test_no_engine_computes_something_else_than_its_model(finished: Path) -> None:
    notes = json.loads((finished / "run.json").read_text(encoding="utf-8"))["notes"]
    assert not [note for note in notes if "does not compute what" in note]


@pytest.mark.skipif(not has_calibrators(), reason="this TensorRT has no calibrators")
def test_tensorrts_own_caches_say_where_they_come_from(finished: Path) -> None:
    for name in OWN:
        cache = finished / f"model.{name}.cache"
        assert cache.read_bytes().startswith(b"TRT-")
        assert (
            json.loads(cache.with_name(f"{cache.name}.json").read_text(encoding="utf-8"))["provenance"]["samples"]
            == 128
        )


@pytest.mark.skipif(not has_calibrators(), reason="this TensorRT takes scales from the model alone")
@pytest.mark.parametrize("way", ["cache", "ranges"])
def test_our_ranges_in_the_plain_model_are_compared_as_well(
    finished: Path, digits: Path, timing_cache: Path, tmp_path: Path, way: str
) -> None:
    result = ran(
        *("calibrate", digits / "model.onnx", "--statistics", finished / "statistics.safetensors"),
        *("--eval", digits / "eval", "--preprocess", digits / "preprocess.toml", "--batch-size", "16"),
        *("--backend", "tensorrt", "--timing-cache", timing_cache, "--output", tmp_path / "out", "--json"),
        *("--method", "max", "--exclude-by", "none", "--inject", way),
    )
    assert result.exit_code == 0, result.notes
    run = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    entries = {entry["subject"]["name"]: entry for entry in run["candidates"]}
    assert list(entries) == ["FP16", "max", "injected-max"]
    injected = entries["injected-max"]
    (agreement,) = (summary for summary in injected["metrics"] if summary["metric"] == "agreement")
    assert agreement["candidate"] > 0.98
    assert "int8" in injected["subject"]["coverage"]["engine"]["by_precision"]
    assert injected["subject"]["coverage"]["engine"]["unscaled"] is not None
    plan = tmp_path / "out" / "model.injected-max.plan"
    record = json.loads(plan.with_name(f"{plan.name}.json").read_text(encoding="utf-8"))
    assert record["scales"] == {"rule": "max", "given_as": way}
    assert plan.with_suffix(".cache").exists() == (way == "cache")


def test_the_report_names_the_engines(finished: Path) -> None:
    assert "entropy" in (finished / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("precision", ["fp32", "fp16"] if has_calibrators() else ["fp32"])
def test_a_plain_model_becomes_a_plan(digits: Path, timing_cache: Path, tmp_path: Path, precision: str) -> None:
    plan = tmp_path / "digits.plan"
    options: list[str | Path] = ["--precision", precision, "--batch-size", "16", "--timing-cache", timing_cache]
    result = ran("build", digits / "model.onnx", "-o", plan, *options)
    assert result.exit_code == 0, result.notes
    assert (
        json.loads(plan.with_name("digits.plan.json").read_text(encoding="utf-8"))["options"]["precision"] == precision
    )


def test_a_model_with_pairs_becomes_a_plan(finished: Path, timing_cache: Path, tmp_path: Path) -> None:
    plan = tmp_path / "digits.plan"
    result = ran("build", finished / "model.max.int8.onnx", "-o", plan, "--timing-cache", timing_cache, "--json")
    assert result.exit_code == 0, result.notes
    assert result.document["bytes"] == plan.stat().st_size


@pytest.mark.skipif(not has_calibrators(), reason="this TensorRT reads no caches")
@pytest.mark.parametrize("scales", ["entropy.qcal.json", "model.trt-entropy.cache"])
def test_scales_make_a_plain_model_an_int8_plan(
    finished: Path, digits: Path, timing_cache: Path, tmp_path: Path, scales: str
) -> None:
    plan = tmp_path / "digits.plan"
    options: list[str | Path] = ["--calib", finished / scales, "--timing-cache", timing_cache]
    result = ran("build", digits / "model.onnx", "-o", plan, *options)
    assert result.exit_code == 0, result.notes
    assert json.loads(plan.with_name("digits.plan.json").read_text(encoding="utf-8"))["scales"]["from"].endswith(scales)

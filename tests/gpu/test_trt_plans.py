"""Plans that lie on disk, compared from the command line on a real GPU, and what a profile leaves on an engine."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quantkit.backends.tensorrt import plan
from quantkit.backends.tensorrt._versions import has_calibrators
from tests.command_line import Ran, ran
from tests.unit.backends.tensorrt.small_models import images, network, serialized

pytestmark = pytest.mark.gpu

BATCH = 16


@pytest.fixture(scope="module")
def files(digits: Path, timing_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """max.onnx, its plan, and the FP32 plan of the digits, for batches of up to 16."""
    folder = tmp_path_factory.mktemp("plans")
    made = ran(
        *("calibrate", digits / "model.onnx", "--data", digits / "calib", "--preprocess", digits / "preprocess.toml"),
        *("--max-samples", "64", "--method", "max", "--target", "tensorrt", "--until", "model", "-o", folder / "out"),
    )
    assert made.exit_code == 0, made.notes
    shutil.copy(folder / "out" / "model.max.int8.onnx", folder / "max.onnx")
    for model, name, precision in ((digits / "model.onnx", "fp32", "fp32"), (folder / "max.onnx", "max", "auto")):
        options = ["--precision", precision, "--batch-size", str(BATCH), "--timing-cache", str(timing_cache)]
        made = ran("build", model, "-o", folder / f"{name}.plan", *options)
        assert made.exit_code == 0, made.notes
    return folder


@pytest.fixture
def compared(digits: Path, timing_cache: Path, tmp_path: Path) -> Callable[..., Ran]:
    def compare(*words: str | Path) -> Ran:
        data = ("--data", digits / "eval", "--preprocess", digits / "preprocess.toml", "--max-samples", "200")
        # Where every model is a plan, nothing is built.
        times = ("--timing-cache", timing_cache) if any(Path(word).suffix == ".onnx" for word in words) else ()
        return ran("compare", *words, *data, *times, "-o", tmp_path / "run.json", "--json")

    return compare


def facts(result: Ran) -> tuple[dict[str, Any], dict[str, Any]]:
    """The run, and its candidates by name."""
    assert result.exit_code == 0, result.notes
    run = result.document["run"]
    return run, {entry["subject"]["name"]: entry for entry in run["candidates"]}


def value(entry: dict[str, Any], metric: str) -> float:
    (found,) = (summary["candidate"] for summary in entry["metrics"] if summary["metric"] == metric)
    return float(found)


def test_a_plan_and_the_model_that_it_came_from_are_judged_alike(
    compared: Callable[..., Ran], files: Path, digits: Path
) -> None:
    run, candidates = facts(
        compared(digits / "model.onnx", files / "max.plan", files / "max.onnx", files / "fp32.plan")
    )
    loaded, built = (candidates[str(files / name)] for name in ("max.plan", "max.onnx"))
    assert value(loaded, "agreement") > 0.95
    # Kernels are chosen by timing them, but integers leave them little to differ in.
    assert value(loaded, "agreement") == pytest.approx(value(built, "agreement"), abs=0.02)
    for entry in candidates.values():
        assert entry["subject"]["latency"]["batch"] == BATCH
        assert 0 < entry["subject"]["latency"]["p50_ms"] < 1000
    # Nodes keep their names in the Q/DQ model, so the reference's graph finds them in the engine.
    nodes = {node["node"]: node["precision"] for node in loaded["subject"]["coverage"]["nodes"]}
    assert nodes == {node["node"]: node["precision"] for node in built["subject"]["coverage"]["nodes"]}
    assert "unknown" not in nodes.values()
    assert "int8" in nodes.values()
    # Both in FP32 without TF32, in which additions may come in another order.
    assert value(candidates["fp32"], "sqnr") > 80
    assert value(candidates["fp32"], "agreement") == 1.0
    assert run["samples"]["count"] == 200


def test_a_plan_may_be_the_reference_too(compared: Callable[..., Ran], files: Path) -> None:
    run, candidates = facts(compared(files / "fp32.plan", files / "max.plan"))
    assert value(candidates["max"], "agreement") > 0.95
    nodes = candidates["max"]["subject"]["coverage"]["nodes"]
    assert "int8" in {node["precision"] for node in nodes}
    assert not [note for note in run["notes"] if "swapped" in note]
    run, _ = facts(compared(files / "max.plan", files / "fp32.plan", "--force"))
    assert [note for note in run["notes"] if "swapped" in note]


def test_an_engine_is_itself_when_it_is_loaded_twice(compared: Callable[..., Ran], files: Path) -> None:
    run, _ = facts(compared(files / "fp32.plan", files / "max.plan", "--self-check", "--no-latency"))
    assert {name: noise["changed"] for name, noise in run["noise"].items()} == {"FP32": 0, "max": 0}


def test_one_flipped_byte_is_found(compared: Callable[..., Ran], files: Path, tmp_path: Path) -> None:
    content = bytearray((files / "max.plan").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "max.plan").write_bytes(content)
    shutil.copy(plan.sidecar(files / "max.plan"), tmp_path)
    refusal = compared(files / "fp32.plan", tmp_path / "max.plan")
    assert refusal.exit_code == 3
    assert refusal.document["error"]["code"] == "QK3272"


def test_a_plan_without_a_record_is_loaded_on_somebodys_word(
    compared: Callable[..., Ran], files: Path, digits: Path, tmp_path: Path
) -> None:
    shutil.copy(files / "max.plan", tmp_path)
    refusal = compared(digits / "model.onnx", tmp_path / "max.plan")
    assert (refusal.exit_code, refusal.document["error"]["code"]) == (3, "QK3271")
    _, candidates = facts(compared(digits / "model.onnx", tmp_path / "max.plan", "--trust-engine"))
    assert value(candidates["max"], "agreement") > 0.95


def test_a_plan_of_another_version_is_refused_with_both(
    compared: Callable[..., Ran], files: Path, tmp_path: Path
) -> None:
    shutil.copy(files / "max.plan", tmp_path)
    record = json.loads(plan.sidecar(files / "max.plan").read_text(encoding="utf-8"))
    record["machine"] |= {"tensorrt": "7.0.0.11", "compute_capability": "7.5"}
    plan.sidecar(tmp_path / "max.plan").write_text(json.dumps(record), encoding="utf-8")
    refusal = compared(files / "fp32.plan", tmp_path / "max.plan")
    assert (refusal.exit_code, refusal.document["error"]["code"]) == (4, "QK4027")
    assert "TensorRT 7.0.0.11 there" in refusal.document["error"]["cause"]


@pytest.mark.parametrize("precision", ["fp32", "fp16"] if has_calibrators() else ["fp32"])
def test_a_profile_leaves_nothing_behind(
    backend: Callable[..., Any], caplog: pytest.LogCaptureFixture, precision: str
) -> None:
    built, batch = backend(precision=precision), {"x": images(8)}
    with built.build(serialized(network())) as engine, caplog.at_level(logging.WARNING):
        caplog.clear()
        before = {name: values.copy() for name, values in engine.run(batch).items()}
        assert sum(built.profile(engine, serialized(network())).by_product.values()) > 0
        assert engine.context.profiler is None
        for name, values in engine.run(batch).items():
            np.testing.assert_array_equal(values, before[name])
    assert "setProfiler" not in caplog.text

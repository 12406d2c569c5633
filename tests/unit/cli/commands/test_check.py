"""From the digits to a verdict, and to another one for a model that was broken on purpose."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from quantkit.core import run as stored
from quantkit.core.comparison import Latency, MetricSummary, Outcome
from tests.gate_runs import hits, of, outcome, run

Command = Callable[..., Any]


def sabotaged(model: Path, to: Path) -> None:
    """One weight scale four times as large, as a bug in an exporter would have it."""
    proto = onnx.load(model)
    initializers = {tensor.name: tensor for tensor in proto.graph.initializer}
    scales = [
        node.input[1]
        for node in proto.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in initializers
    ]
    weight = next(name for name in scales if numpy_helper.to_array(initializers[name]).ndim == 1)
    fourfold = numpy_helper.from_array(4 * numpy_helper.to_array(initializers[weight]), weight)
    initializers[weight].CopyFrom(fourfold)
    onnx.save(proto, to)


@pytest.fixture
def compared(command: Command, finished: Path, digits: Path) -> Callable[[Path, str], Any]:
    def compare(model: Path, output: str) -> Any:
        result = command(
            *("compare", digits / "model.onnx", model, "--data", digits / "eval", "--no-latency"),
            *("--preprocess", digits / "preprocess.toml", "--metric", "top1,agreement", "-o", output),
        )
        assert result.exit_code == 0, result.notes
        return result

    return compare


def test_a_broken_model_fails_and_an_honest_one_does_not(
    command: Command, compared: Callable[[Path, str], Any], finished: Path
) -> None:
    sabotaged(finished / "model.entropy.int8.onnx", Path("broken.onnx"))
    compared(Path("broken.onnx"), "broken.json")
    failed = command("check", "broken.json", "--junit", "junit.xml")
    assert failed.exit_code == 1
    assert failed.output.startswith("FAIL: 1 FAIL on 900 samples")
    assert len(failed.output.splitlines()) < 25
    assert "quantkit report broken.json --html report.html" in failed.output
    assert "nodes in INT8" not in failed.output
    assert "nodes in INT8" in command("check", "broken.json", "-v").output
    assert "<failure" in Path("junit.xml").read_text()

    compared(finished / "model.entropy.int8.onnx", "honest.json")
    honest = command("check", "honest.json", "--json")
    assert honest.exit_code == 0
    check = honest.document["checks"][0]
    assert check["verdict"] == "PASS" or "need ≈" in check["reason"]
    assert command("check", "broken.json", "--exit-zero").exit_code == 0


def test_the_baseline_round_trips_and_a_changed_data_set_is_refused(
    command: Command, compared: Callable[[Path, str], Any], finished: Path
) -> None:
    compared(finished / "model.entropy.int8.onnx", "run.json")
    limits = ("--max-drop", "top1=3pp")
    assert command("baseline", "update", "run.json", *limits).exit_code == 2
    updated = command("baseline", "update", "run.json", "--reason", "first", *limits)
    assert updated.exit_code == 0, updated.notes
    before = Path("quantkit.baseline.json").read_bytes()
    assert command("baseline", "verify", "run.json").exit_code == 0
    again = command("check", "run.json", "--baseline", "quantkit.baseline.json", "--json")
    assert again.exit_code == 0
    assert {check["against"] for check in again.document["checks"]} == {"FP32", "baseline"}
    assert again.document["checks"][1]["drop"]["estimate"] == 0
    assert "top1: drop ≤ 3pp" in command("baseline", "show").output

    sabotaged(finished / "model.entropy.int8.onnx", Path("model.entropy.int8.onnx"))
    compared(Path("model.entropy.int8.onnx"), "worse.json")
    worse = command("check", "worse.json", "--baseline", "quantkit.baseline.json", "--json")
    assert worse.exit_code == 1
    assert [check["verdict"] for check in worse.document["checks"]] == ["FAIL", "FAIL"]
    assert command("baseline", "update", "worse.json", "--reason", "oops").exit_code == 1

    made = stored.load("run.json")
    stored.save(replace(made, data={**made.data, "samples_sha256": "0" * 64}), "other.json")
    refusal = command("check", "other.json", "--baseline", "quantkit.baseline.json")
    assert refusal.exit_code == 3
    assert "of another data set" in refusal.notes
    assert Path("quantkit.baseline.json").read_bytes() == before


def test_calibrating_on_what_is_evaluated_is_refused(command: Command, job: list[str], digits: Path) -> None:
    assert command(*job, "--eval", digits / "calib", "--output", "shared").exit_code == 0
    refusal = command("check", "shared/run.json")
    assert refusal.exit_code == 3
    assert "were also calibrated on" in refusal.notes
    assert command("check", "shared/run.json", "--allow-overlap").exit_code in (0, 1)


def test_a_verdict_without_accuracy_needs_a_bound(command: Command, job: list[str]) -> None:
    assert command(*job, "--output", "unlabelled").exit_code == 0
    assert command("check", "unlabelled/run.json", "--allow-overlap").exit_code == 5
    bounded = command("check", "unlabelled/run.json", "--allow-overlap", "--min", "cosine=0.5", "--json")
    assert bounded.exit_code == 0
    assert {check["verdict"] for check in bounded.document["checks"]} == {"PASS"}


def test_an_exit_code_of_an_error_is_forgiven_where_that_is_asked_for(command: Command, finished: Path) -> None:
    words = ("check", finished / "run.json", "--baseline", "none.json")
    assert command(*words).exit_code == 5
    forgiven = command(*words, "--exit-zero", "--json")
    assert forgiven.exit_code == 0
    assert forgiven.document["error"]["code"] == "QK6010"


def graded(name: str, samples: int, seed: int) -> Outcome:
    """A candidate with right and wrong, real numbers that are judged, and some that are not."""
    made = outcome(name, *hits(samples, right=38_000, regressed=400, fixed=300))
    noise = np.random.default_rng(seed).normal(0.0, 0.5, samples)
    quality = MetricSummary("quality", samples, float((30 + noise).mean()), 30.0, unit="dB")
    columns = {"quality_reference": np.full(samples, 30.0), "quality": 30 + noise}
    extra = {f"more_{number}": noise for number in range(4)}
    return replace(made, metrics=(*made.metrics, quality), rows={**made.rows, **columns, **extra})


def test_50000_samples_of_two_models_are_judged_in_two_seconds(tmp_path: Path) -> None:
    samples = 50_000
    outcomes = tuple(graded(name, samples, seed) for seed, name in enumerate(("max", "entropy")))
    stored.save(of(outcomes, samples), tmp_path / "run.json")
    words = ["check", str(tmp_path / "run.json"), "--max-drop", "top1=1pp,quality=0.1dB", "--json"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run([sys.executable, "-m", "quantkit", *words], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # The processor's time, as others may use the machine as well; with the interpreter's start and all imports.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2.0
    methods = [check["drop"]["method"] for check in json.loads(ended.stdout)["checks"]]
    assert sum("bootstrap of 50000 samples" in method for method in methods) == 2


def test_a_share_needs_a_unit(command: Command, tmp_path: Path) -> None:
    stored.save(of((outcome("int8", *hits(500, right=400, regressed=3, fixed=3)),), 500), "run.json")
    for text in ("5", "1", "0.5", "0.01"):
        refusal = command("check", "run.json", "--max-drop", f"top1={text}")
        assert refusal.exit_code == 2
        assert "error[QK6007]" in refusal.notes
        assert "pp for percentage points" in refusal.notes
    assert command("check", "run.json", "--max-drop", "top1=1pp").exit_code == 0
    (check,) = command("check", "run.json", "--max-drop", "top1=1%", "--json").document["checks"]
    assert check["limit"] == pytest.approx(0.008)


def test_of_a_ratio_and_a_drop_the_stricter_holds(command: Command) -> None:
    stored.save(of((outcome("int8", *hits(500, right=400, regressed=3, fixed=3)),), 500), "run.json")
    for words, limit in ((["--preset", "strict"], 0.001), (["--preset", "mlperf-999"], 0.0008)):
        (check,) = command("check", "run.json", *words, "--json").document["checks"]
        assert check["limit"] == pytest.approx(limit)
    both = ["--min-ratio", "top1=0.99", "--max-drop", "top1=0.5pp", "--json"]
    assert command("check", "run.json", *both).document["checks"][0]["limit"] == pytest.approx(0.005)


@pytest.mark.parametrize(
    ("regressed", "words", "exit_code"),
    [
        (200, [], 1),
        (200, ["--exit-zero"], 0),
        (200, ["--require", "proven"], 1),
        (3, [], 0),
        (3, ["--require", "proven"], 5),
        (3, ["--fail-on", "inconclusive"], 5),
        (3, ["--require", "proven", "--exit-zero"], 0),
        (3, ["--max-drop", "top1=5", "--exit-zero"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_exit_codes(command: Command, regressed: int, words: list[str], exit_code: int) -> None:
    stored.save(of((outcome("int8", *hits(500, right=400, regressed=regressed, fixed=3)),), 500), "run.json")
    assert command("check", "run.json", *words).exit_code == exit_code


def test_a_baseline_shows_latency_and_holds_later_runs_to_it(command: Command) -> None:
    stored.save(run(5000), "run.json")
    assert command("baseline", "update", "run.json", "--reason", "first").exit_code == 0
    assert "int8/ort-cpu/latency p50" in command("baseline", "show").output
    document = command("baseline", "show", "--json").document
    assert document["latency"] == {"int8/ort-cpu": {"fp32_p50_ms": 1.0, "int8_p50_ms": 0.4}}
    words = (
        "check",
        "run.json",
        "--baseline",
        "quantkit.baseline.json",
        "--max-latency-regression",
        "p50:5%",
        "--json",
    )
    checks = command(*words).document["checks"]
    assert [(check["against"], check["verdict"]) for check in checks if check["metric"] == "latency-p50"] == [
        ("FP32", "PASS"),
        ("baseline", "PASS"),
    ]


def test_latency_only_warns_on_a_runner_that_others_share(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    made = outcome("int8", *hits(5000, right=4000, regressed=3, fixed=3))
    slow = replace(made, subject=replace(made.subject, latency=Latency(3.0, 3.0, 100, 1, 5)))
    stored.save(of((slow,), 5000), "run.json")
    words = ("check", "run.json", "--max-latency-regression", "p50:5%")
    for name in ("RUNNER_ENVIRONMENT", "CI_SHARED_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    assert command(*words).exit_code == 1
    monkeypatch.setenv("RUNNER_ENVIRONMENT", "github-hosted")
    shared = command(*words)
    assert shared.exit_code == 0
    assert "WARNING" in shared.output
    assert command(*words, "--fail-on", "warning").exit_code == 1


def test_models_are_checked_against_themselves_where_that_is_asked_for(
    command: Command, finished: Path, digits: Path
) -> None:
    words = ["compare", digits / "model.onnx", finished / "model.max.int8.onnx", "--data", digits / "eval"]
    recipe = ["--preprocess", digits / "preprocess.toml", "--no-latency", "--metric", "top1"]
    compared = command(*words, *recipe, "--self-check")
    assert "self-check: run twice on all 900 samples" in " ".join(compared.output.split())
    assert json.loads(Path("run.json").read_text())["noise"]["FP32"] == {
        "changed": 0,
        "floors": {"top1": 0.0},
        "samples": 900,
    }
    assert "self-check" in command("check", "run.json").output
    assert command("check", "run.json", "--json").document["checks"][0]["facts"]["noise_floor"] == 0

"""From the digits to a verdict, and to another one for a model that was broken on purpose."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from quantkit.core import run as stored
from quantkit.core.comparison import MetricSummary
from tests.gate_runs import hits, of, outcome

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
    assert "<failure" in Path("junit.xml").read_text()

    compared(finished / "model.entropy.int8.onnx", "honest.json")
    honest = command("check", "honest.json", "--json")
    assert honest.exit_code == 0
    check = honest.document["checks"][0]
    assert check["verdict"] == "PASS" or "samples would tell" in check["reason"]
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


def test_50000_samples_are_judged_in_two_seconds(command: Command) -> None:
    samples = 50_000
    made = outcome("int8", *hits(samples, right=38_000, regressed=400, fixed=300))
    noise = np.random.default_rng(1).normal(0.0, 0.5, samples)
    quality = MetricSummary("quality", samples, float((30 + noise).mean()), 30.0, unit="dB")
    columns = {"quality_reference": np.full(samples, 30.0), "quality": 30 + noise}
    extra = {f"more_{number}": noise for number in range(6)}
    rows = {**made.rows, **columns, **extra}
    stored.save(of((replace(made, metrics=(*made.metrics, quality), rows=rows),), samples), "run.json")
    started = time.process_time()
    result = command("check", "run.json", "--max-drop", "top1=1pp,quality=0.1dB", "--json")
    assert time.process_time() - started < 2.0
    assert result.exit_code == 0
    assert "bootstrap" in json.loads(result.output)["checks"][1]["drop"]["method"]

"""What INT8 cost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., Any]


def test_models_go_by_their_names_and_figures_come_with_them(command: Command, finished: Path, digits: Path) -> None:
    result = command(
        *("compare", digits / "model.onnx", finished / "model.max.int8.onnx", "--data", digits / "eval"),
        *("--preprocess", digits / "preprocess.toml", "--metric", "top1", "--no-latency", "-o", "nightly.json"),
    )
    assert result.exit_code == 0, result.notes
    assert "FP32 against model.max.int8 on 900 samples" in result.output
    run = json.loads(Path("nightly.json").read_text())
    assert [metric["metric"] for metric in run["candidates"][0]["metrics"]] == ["top1"]
    assert Path("nightly.samples.jsonl").exists()


def test_a_metric_that_does_not_apply_is_refused(command: Command, finished: Path, digits: Path) -> None:
    unlabelled = Path("flat")
    unlabelled.mkdir()
    for image in sorted((digits / "eval" / "3").iterdir())[:20]:
        shutil.copy(image, unlabelled)
    refusal = command(
        *("compare", digits / "model.onnx", finished / "model.max.int8.onnx", "--data", unlabelled),
        *("--preprocess", digits / "preprocess.toml", "--metric", "top1"),
    )
    assert refusal.exit_code == 2
    assert "the metric 'top1' does not apply" in refusal.notes
    assert not Path("run.json").exists()

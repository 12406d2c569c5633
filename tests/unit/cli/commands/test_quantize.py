"""An INT8 model from a calibration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., Any]


def test_it_is_the_model_that_the_whole_job_writes(command: Command, finished: Path, digits: Path) -> None:
    words = ["quantize", digits / "model.onnx", "--calib", finished / "max.qcal.json"]
    document = command(*words, "--json").document
    assert document["output"] == "model.int8.onnx"
    assert Path("model.int8.onnx").read_bytes() == (finished / "model.max.int8.onnx").read_bytes()
    assert document["int8_bytes"] < document["fp32_bytes"]


def test_what_is_there_stays(command: Command, finished: Path, digits: Path) -> None:
    Path("x.onnx").write_text("old")
    words = ["quantize", digits / "model.onnx", "--calib", finished / "max.qcal.json", "-o", "x.onnx"]
    assert command(*words).exit_code == 2
    assert Path("x.onnx").read_text() == "old"
    assert command(*words, "--force").exit_code == 0


def test_a_model_that_is_integer_already_is_told_so(command: Command, finished: Path) -> None:
    refusal = command(
        "quantize", finished / "model.max.int8.onnx", "--calib", finished / "max.qcal.json", "-o", "x.onnx"
    )
    assert refusal.exit_code == 3
    assert "already quantized" in refusal.notes

"""An INT8 model from a calibration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx

from quantkit.graph.halves import has_halves

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


def test_the_rest_of_a_model_for_tensorrt_may_be_float16(command: Command, finished: Path, digits: Path) -> None:
    words = ["quantize", digits / "model.onnx", "--calib", finished / "max.qcal.json", "-o", "half.onnx"]
    result = command(*words, "--target", "tensorrt", "--rest", "fp16", "--json")
    assert result.exit_code == 0, result.notes
    assert result.document["facts"]["half_nodes"] > 0
    assert has_halves(onnx.load("half.onnx"))


def test_float16_says_nothing_to_onnx_runtime(command: Command, finished: Path, digits: Path) -> None:
    words = ["quantize", digits / "model.onnx", "--calib", finished / "max.qcal.json", "-o", "half.onnx"]
    result = command(*words, "--rest", "fp16")
    assert result.exit_code == 2
    assert "--rest fp16 says nothing for ort-cpu" in result.notes
    assert "--target tensorrt" in result.notes

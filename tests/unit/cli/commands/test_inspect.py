"""What is in a file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantkit.backends.tensorrt.plan import Machine, PlanRecord, save

Command = Callable[..., Any]


def test_a_model_shows_what_would_become_integer_and_what_not(command: Command, digits: Path) -> None:
    document = command("inspect", digits / "model.onnx", "--exclude-ops", "Gemm", "--json").document
    assert document["inputs"] == ["image:Nx1x32x32"]
    assert document["operators"]["Conv"] == 14
    assert [node["reason"] for node in document["left_out"]] == ["excluded by operator 'Gemm'"]
    assert document["tensors"]


def test_for_people_it_is_a_list(command: Command, digits: Path) -> None:
    short, whole = (command("inspect", digits / "model.onnx", *more).output for more in ([], ["-v"]))
    assert "31 nodes in INT8 for ort-cpu: Conv 14, " in short
    assert "0 nodes left in FP32, with the reason\n" in short
    assert "20 tensors that need a range" in short
    assert "-v lists them all" in short
    assert len(short.splitlines()) < 12
    assert "  branch_grouped\n" in whole
    assert len(whole.splitlines()) > 50


def test_of_many_nodes_left_out_only_the_first_are_shown(command: Command, digits: Path) -> None:
    words = ["inspect", digits / "model.onnx", "--exclude-ops", "Conv"]
    assert "  and " in command(*words).output
    assert "  and " not in command(*words, "-v").output


def test_an_integer_model_tells_its_origin(command: Command, finished: Path) -> None:
    document = command("inspect", finished / "model.entropy.int8.onnx", "--json").document
    assert document["quantized"]
    assert document["provenance"]["quantkit.rule"] == "entropy"


def test_statistics_show_every_tensor(command: Command, finished: Path) -> None:
    path = finished / "statistics.safetensors"
    document = command("inspect", path, "--json").document
    assert (document["kind"], document["samples"]) == ("statistics", 64)
    assert all(tensor["values"] > 0 for tensor in document["tensors"].values())
    assert "statistics of 64 samples" in command("inspect", path).output


def test_a_calibration_shows_every_range(command: Command, finished: Path) -> None:
    path = finished / "entropy.qcal.json"
    document = command("inspect", path, "--json").document
    assert (document["kind"], document["rule"]) == ("calibration", "entropy")
    assert all(tensor["low"] <= 0 <= tensor["high"] for tensor in document["tensors"].values())
    shown = command("inspect", path).output
    assert "Calibration(entropy" in shown
    assert "calibrated on 64 contents that differ; all would be known again in a comparison" in shown
    assert document["distinct_samples"] == 64
    assert "hashes" not in shown + str(document)


def test_what_its_samples_are_known_by_is_not_shown(command: Command, finished: Path) -> None:
    path = finished / "model.entropy.int8.onnx"
    assert "hashes" not in command("inspect", path, "-v").output + str(command("inspect", path, "--json").document)


def test_a_run_shows_its_table(command: Command, finished: Path) -> None:
    assert "FP32 against max and entropy on 900 samples" in command("inspect", finished / "run.json").output


@pytest.mark.parametrize("suffix", [".plan", ".engine", ".trt"])
def test_an_engine_is_code_and_is_not_opened(command: Command, suffix: str) -> None:
    # A folder: whoever tried to read it would fail otherwise.
    Path(f"model{suffix}").mkdir()
    refusal = command("inspect", f"model{suffix}")
    assert refusal.exit_code == 3
    assert "an engine is a program" in refusal.notes


@pytest.mark.parametrize("name", ["model.plan", "model.plan.json"])
def test_of_an_engine_the_record_is_shown(command: Command, name: str) -> None:
    machine = Machine("10.3.0", "9.0", "NVIDIA H200")
    save(
        b"a plan",
        Path("model.plan"),
        PlanRecord(hashlib.sha256(b"a plan").hexdigest(), machine, "ab" * 32, {"batch": 8}),
    )
    result = command("inspect", name)
    assert result.exit_code == 0, result.notes
    assert "10.3.0" in result.output
    assert "as recorded" in result.output
    Path("model.plan").write_bytes(b"another plan")
    document = command("inspect", name, "--json").document
    assert (document["kind"], document["matches"], document["record"]["options"]) == ("engine", False, {"batch": 8})


@pytest.mark.parametrize("name", ["entropy.qcal.json", "run.json"])
def test_a_document_is_shown_whatever_it_is_called(command: Command, finished: Path, name: str) -> None:
    Path("kept").write_bytes((finished / name).read_bytes())
    # Which a run has beside it.
    Path("samples.jsonl").write_bytes((finished / "samples.jsonl").read_bytes())
    kept = command("inspect", "kept", "-v")
    assert kept.exit_code == 0, kept.notes
    plain = command("inspect", finished / name, "-v").output
    assert kept.output.replace("kept", name) == plain.replace(str(finished / name), name)
    assert command("inspect", "kept", "--target", "tensorrt").exit_code == 2


def test_the_record_of_an_engine_that_is_called_otherwise_is_shown_without_its_plan(command: Command) -> None:
    machine = Machine("10.3.0", "9.0", "NVIDIA H200")
    save(b"a plan", Path("model.plan"), PlanRecord("ab" * 32, machine, "ab" * 32, {"batch": 8}))
    Path("model.plan.json").rename("record")
    assert "10.3.0" in command("inspect", "record").output
    assert "a record lies beside its plan" in command("inspect", "record").output
    document = command("inspect", "record", "--json").document
    assert (document["path"], document["matches"]) == (None, None)


@pytest.mark.parametrize("content", ["{}", "[", '{"schema": "other/1"}', '{"schema": 7}'])
def test_json_of_another_kind_is_refused(command: Command, content: str) -> None:
    Path("x.json").write_text(content)
    refusal = command("inspect", "x.json")
    assert refusal.exit_code == 3
    assert "neither a calibration nor a run" in refusal.notes


def test_options_about_models_say_nothing_of_a_run(command: Command, finished: Path) -> None:
    assert command("inspect", finished / "run.json", "--target", "tensorrt").exit_code == 2

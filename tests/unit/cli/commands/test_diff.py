"""Two files of one kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., Any]


def test_two_calibrations_are_compared_tensor_by_tensor(command: Command, finished: Path) -> None:
    words = ["diff", finished / "max.qcal.json", finished / "entropy.qcal.json"]
    document = command(*words, "--json").document
    assert document["same_model"]
    assert document["changed"]
    assert all(entry["ratio"] <= 1 for entry in document["changed"])
    assert "ranges differ" in command(*words).output


def test_a_calibration_does_not_differ_from_itself(command: Command, finished: Path) -> None:
    path = finished / "max.qcal.json"
    assert command("diff", path, path, "--json").document["changed"] == []
    assert command("diff", path, path).exit_code == 0


def test_two_runs_are_compared_figure_by_figure(command: Command, finished: Path) -> None:
    document = command("diff", finished / "run.json", finished / "run.json", "--json").document
    assert document["same_samples"]
    assert all(entry["before"] == entry["after"] for entry in document["metrics"])
    assert "the same ones" in command("diff", finished / "run.json", finished / "run.json").output


def test_different_kinds_cannot_be_compared(command: Command, finished: Path) -> None:
    refusal = command("diff", finished / "max.qcal.json", finished / "run.json")
    assert refusal.exit_code == 2
    assert "is a calibration and run.json a run" in refusal.notes

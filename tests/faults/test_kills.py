"""Case 57 at every write: SIGKILL never costs the output that was there, nor the run that was under way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import quantkit
from quantkit.cli.main import main

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="children are made by fork")


def dying(*words: str | Path) -> dict[str, int]:
    """What `dying.py` counted: kind of output → kills that it survived."""
    folder = Path(words[1])
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.faults.dying", *map(str, words)],
        cwd=Path(quantkit.__file__).parents[1],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    counts: dict[str, int] = json.loads((folder / "told.json").read_text())
    return counts


def test_the_old_output_or_the_new_one_survives_a_kill_at_any_step(digits: Path, tmp_path: Path) -> None:
    data, recipe, finished = str(digits / "calib"), str(digits / "preprocess.toml"), tmp_path / "out"
    words = ["calibrate", str(digits / "model.onnx"), "--data", data, "--preprocess", recipe, "--max-samples", "16"]
    assert main([*words, "--until", "thresholds", "--output", str(finished)]) == 0
    (tmp_path / "dying").mkdir()
    folder = tmp_path / "dying"
    counts = dying("outputs", folder, folder / "told.json", finished, digits / "model.onnx")
    assert sum(counts.values()) >= 50
    assert all(counts.values()), counts


def test_a_job_killed_at_any_step_is_finished_to_the_same_bytes(digits: Path, tmp_path: Path) -> None:
    words: list[str | Path] = [
        *("calibrate", digits / "model.onnx", "--data", digits / "calib", "--preprocess", digits / "preprocess.toml"),
        *("--max-samples", "64", "--batch-size", "8", "--until", "model"),
    ]
    assert dying("6", tmp_path, tmp_path / "told.json", *words) == {"job": 6}

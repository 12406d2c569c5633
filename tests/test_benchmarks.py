"""The benchmarks run: what nobody runs for a while must not rot."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_every_benchmark_imports(module: str) -> None:
    importlib.import_module(f"benchmarks.{module}")


def test_collecting_is_measured_against_its_floor() -> None:
    command = [sys.executable, "-m", "benchmarks.collecting", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "collect / floor" in done.stdout

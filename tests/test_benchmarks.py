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


@pytest.mark.parametrize(
    ("module", "beside"),
    [("collecting", "collect / floor"), ("decoding", "plain Pillow loop"), ("kernels", "numpy.histogram")],
)
def test_a_quick_run_shows_what_is_measured_beside_what(module: str, beside: str) -> None:
    command = [sys.executable, "-m", f"benchmarks.{module}", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert beside in done.stdout

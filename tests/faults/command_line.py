"""The command line as the catalogue of faults meets it: in this process, or in one of its own that may be broken."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

import quantkit
from tests.command_line import ran

ROOT = Path(quantkit.__file__).parents[1]

RUN = "import sys; from quantkit.cli.main import main; sys.exit(main())"

# A checkpoint after every batch, and batches that take their time.
SLOW = """
import functools, time
from quantkit.pipeline import collecting
collecting.Checkpoint = functools.partial(collecting.Checkpoint, every_s=0.0)
class Slow:
    def __init__(self, *observers, **options):
        self.inner = Collector(*observers, **options)
    def collect(self, source, **options):
        def slowly():
            for samples in source:
                time.sleep(0.03)
                yield samples
        return self.inner.collect(slowly(), **options)
Collector, collecting.Collector = collecting.Collector, Slow
"""


def started(words: Sequence[str], cwd: Path, *, prelude: str = "", **variables: str) -> subprocess.Popen[str]:
    """The command line in a process of its own, running."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("QUANTKIT_")}
    return subprocess.Popen(
        [sys.executable, "-c", f"{prelude}\n{RUN}", *words],
        cwd=cwd,
        env={**clean, "PYTHONPATH": str(ROOT), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
    )


def ended(words: Sequence[str], cwd: Path, *, prelude: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, ended; no user is ever shown a traceback."""
    process = started(words, cwd, prelude=prelude, **variables)
    output, notes = process.communicate(timeout=120)
    assert "Traceback" not in notes, notes
    return subprocess.CompletedProcess(process.args, process.returncode, output, notes)


def done(*words: str) -> subprocess.CompletedProcess[str]:
    """The command line in this process, ended."""
    result = ran(*words)
    return subprocess.CompletedProcess(words, result.exit_code, result.output, result.notes)


def deaf(words: Sequence[str], cwd: Path, stream: str) -> tuple[int, str]:
    """The exit code of a command whose `stream` nobody reads, and what it said on the other one."""
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    with started(words, cwd) as process:
        getattr(process, stream).close()
        said = getattr(process, other).read()
        return process.wait(timeout=60), said


def wait_for(pattern: str, folder: Path, process: subprocess.Popen[str]) -> None:
    """Until a file that matches is there; the process must still be at work."""
    for _ in range(3000):
        if list(folder.glob(pattern)):
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    pytest.fail(f"no {pattern} after 30 s")


def results(folder: Path) -> dict[str, bytes]:
    """File name → content."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def leftovers(folder: Path) -> list[Path]:
    """What only an interrupted process leaves."""
    return [*folder.rglob("*.tmp"), *folder.rglob("*.lock")]

"""Writes every kind of output and is killed at every step of it; run as a program, in a process without threads.

A step is a call into the system or into a file object, counted by the interpreter's own profiling hook, so the product
knows nothing of it. What is on the disk afterwards has to be the old output or the new one, whole.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Any

from quantkit.backends.tensorrt import plan
from quantkit.cli.main import main
from quantkit.cli.work.job.journal import Journal
from quantkit.cli.work.job.journal import read as read_journal
from quantkit.core import layer_errors, run, statistics_file, trt_cache_file
from quantkit.core.calibration import Calibration
from quantkit.core.files import digest_of, sweep, write_whole
from quantkit.core.layer_errors import LayerError, LayerErrors
from quantkit.core.trt_cache import Header, TensorrtCache, scales_of
from quantkit.export import qdq_onnx
from quantkit.gate import baseline_file
from quantkit.gate.judging import judge
from quantkit.gate.rules import Rules
from quantkit.gate.updating import Change, updated
from quantkit.graph.model import load as load_model
from quantkit.graph.prepare import prepared
from quantkit.pipeline import collecting
from quantkit.stats.collector import Checkpoint
from tests.gate_runs import run as comparison_of


@dataclass(frozen=True)
class Output:
    """A kind of output: two versions of it, how each is written, and what a reader gets."""

    name: str
    write: Callable[[Path, int], object]
    read: Callable[[Path], Any]
    file: str = "file.onnx"


def outputs(finished: Path, model: Path, folder: Path) -> list[Output]:
    """Every kind, from the results of a job that was not disturbed."""
    ready = prepared(load_model(model))
    ranges = [Calibration.load(finished / f"{rule}.qcal.json") for rule in ("max", "entropy")]
    statistics = statistics_file.load(finished / "statistics.safetensors")
    counted = [statistics, replace(statistics, environment={"threads": "7"})]
    compared = [comparison_of(400, regressed=3 + version, fixed=1) for version in (0, 1)]
    caches = [TensorrtCache(Header(), scales_of(calibration.ranges)) for calibration in ranges]
    for version, comparison in enumerate(compared):
        run.save(comparison, folder / f"{version}.json")
    here = plan.Machine("8.5.3.1", "9.0", "H200")
    layers = [{"max": LayerErrors("aa", "bb", 8, 4, (LayerError("x", "Conv", db, db),))} for db in (30.0, 31.0)]

    exporter = qdq_onnx.QdqOnnxExporter("ort-cpu")

    def baseline(version: int, path: Path) -> None:
        made = updated(judge(compared[version]), Rules(), None, Change("first", "2026-11-21", force=True))
        baseline_file.save(made, path)

    def baseline_of_two_files(version: int, path: Path) -> None:
        baseline_file.LARGEST = 0
        baseline(version, path)

    def engine(version: int, path: Path) -> None:
        content = b"ptrt%d" % version
        record = plan.PlanRecord(hashlib.sha256(content).hexdigest(), here, "a" * 64, {})
        plan.save(content, path, record)

    return [
        Output("calibration", lambda path, version: ranges[version].save(path), Calibration.load),
        Output("statistics", lambda path, version: statistics_file.save(counted[version], path), statistics_file.load),
        Output("model", lambda path, version: exporter.write(ready, ranges[version], path), digest_of),
        Output("run", lambda path, version: run.save(compared[version], path), as_read(run.load)),
        Output("report", lambda path, version: reported(path, folder / f"{version}.json"), digest_of, "file.md"),
        Output("baseline", lambda path, version: baseline(version, path), as_read(baseline_file.load)),
        Output("baseline of two files", lambda path, version: baseline_of_two_files(version, path),
               as_read(baseline_file.load)),
        Output("cache", lambda path, version: trt_cache_file.save(
            caches[version], path, trt_cache_file.Origin(ranges[version].rule, ranges[version].provenance)
        ), lambda path: (trt_cache_file.load(path).cache, trt_cache_file.load(path).origin)),
        Output("plan", lambda path, version: engine(version, path), lambda path: plan.load(path, here)),
        Output("layers", lambda path, version: layer_errors.save(layers[version], path), layer_errors.load),
        Output("journal", journalled, lambda path: read_journal(path).steps),
    ]  # fmt: skip


def as_read(load: Callable[[Path], object]) -> Callable[[Path], str]:
    """The digest of a file that can be read; it names the digest of the file beside it, if it has one."""

    def read(path: Path) -> str:
        load(path)
        return digest_of(path)

    return read


def reported(path: Path, source: Path) -> None:
    """A report by the command line, in the place of the one before."""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        assert main(["report", str(source), "--to", "markdown", "-o", str(path), "--force"]) == 0


def journalled(path: Path, version: int) -> None:
    """Version 1 adds a step to what version 0 began."""
    record = Journal(path, {"model": ("m.onnx",)}, {"model": "a"})
    if version == 0:
        record.begin()
    else:
        record.record("statistics", {"sha256": "b"})


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Whether a child that does `work` came to its `step`-th step, where it dies by SIGKILL."""
    child = os.fork()
    if child == 0:
        sys.setprofile(Steps(step))
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return os.WIFSIGNALED(status)


@dataclass
class Steps:
    """A profiling hook that counts steps, and kills the process at one of them."""

    last: int = 0
    done: int = 0

    def __call__(self, frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and _touches_files(called):
            self.done += 1
            if self.done == self.last:
                os.kill(os.getpid(), signal.SIGKILL)


_TOUCHING = frozenset(
    {"open", "write", "flush", "close", "fsync", "replace", "rename", "link", "unlink", "remove", "chmod", "mkdir"}
)


def _touches_files(called: Any) -> bool:
    home = getattr(called, "__module__", None) or type(getattr(called, "__self__", None)).__module__
    return home in ("posix", "_io") and getattr(called, "__name__", "") in _TOUCHING


def suffered(output: Output, folder: Path) -> int:
    """How often a child was killed while it wrote the new version; each time the old or the new one was there."""
    path = folder / output.name / output.file
    fresh = folder / output.name / "new" / output.file
    expected = []
    for version in (0, 1):
        output.write(fresh, version)
        expected.append(output.read(fresh))
    assert expected[0] != expected[1]
    step = 0
    while True:
        output.write(path, 0)
        step += 1
        if not killed_at(step, lambda: output.write(path, 1)):
            break
        assert output.read(path) in expected, f"{output.name}, step {step}: neither old nor new"
    assert output.read(path) == expected[1]
    for name in ("file.onnx", "file.md", "file.samples.jsonl", "file.onnx.json", "file.npz"):
        sweep(path.with_name(name))
    assert [left.name for left in path.parent.glob(".*")] == []
    return step - 1


def job_suffered(words: list[str], folder: Path, times: int) -> int:
    """How often the whole job was killed, each time finished by another process, to the same bytes."""
    # A checkpoint after every batch.
    setattr(collecting, "Checkpoint", functools.partial(Checkpoint, every_s=0.0))  # noqa: B010
    steps = folder / "steps"
    assert killed_at(0, lambda: counted_steps(words, folder / "whole", steps)) is False
    expected, last = contents(folder / "whole"), int(steps.read_text())
    for number in range(times):
        place = folder / str(number)
        place.mkdir()
        assert killed_at(1 + number * last // times, lambda: done(*words, "--output", str(place / "out")))  # noqa: B023
        journals = list((place / ".quantkit").glob("run-*.jsonl"))
        again = ["calibrate", "--resume", str(journals[0])] if journals else [*words, "-o", str(place / "out")]
        assert killed_at(0, lambda: done(*again)) is False  # noqa: B023
        assert contents(place / "out") == expected, f"killed at {1 + number * last // times} of {last}"
        assert [left.name for left in place.rglob(".*")] == []
    return times


def counted_steps(words: list[str], output: Path, told: Path) -> None:
    """Does the job and writes down how many steps it took."""
    steps = Steps()
    sys.setprofile(steps)
    done(*words, "--output", str(output))
    sys.setprofile(None)
    told.write_text(str(steps.done))


def done(*words: str) -> None:
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as notes:
        assert main(words) == 0, notes.getvalue()


def contents(folder: Path) -> dict[str, str]:
    return {path.name: digest_of(path) for path in folder.iterdir()}


if __name__ == "__main__":
    what, folder, told, *words = sys.argv[1:]
    if what == "outputs":
        finished, model = map(Path, words)
        counts = {output.name: suffered(output, Path(folder)) for output in outputs(finished, model, Path(folder))}
    else:
        counts = {"job": job_suffered(words, Path(folder), int(what))}
    write_whole(Path(told), json.dumps(counts).encode())

"""Cases 13, 61 and 62 of the catalogue of faults: an engine that takes too much memory, crashes, or never answers."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

import quantkit
from quantkit.backends._ort_taps import OrtObserver
from quantkit.core.arrays import Batch
from quantkit.core.errors import OutOfMemoryError
from quantkit.core.ports import Parts
from tests.faults.command_line import done, ended, leftovers, results
from tests.onnx_models import random, saved, written

pytestmark = pytest.mark.usefixtures("own_folder")

BOMB = "g (float[N, 4] x) => (float[?, ?] y) {{ i = Shape(x) {} t = ReduceSum(c) p = MatMul(x, w) y = Add(t, p) }}"
BOMBS = {
    "ConstantOfShape": "c = ConstantOfShape(fixed)",
    "Expand": "s = Mul(i, many) c = Expand(one, s)",
    "Tile": "s = Mul(i, many) c = Tile(one, s)",
    "Resize": "f = Cast <to = 1> (i) m = Mul(f, more) s = Concat <axis = 0> (ones, m) "
              "u = Unsqueeze(x, ends) c = Resize(u, , s)",
}  # fmt: skip
SIZES = {
    "w": random(4, 4),
    "one": np.ones((1, 1), np.float32),
    "fixed": np.array([20_000, 20_000]),
    "many": np.array([5000, 5000]),
    "more": np.array([1250, 1250], np.float32),
    "ones": np.ones(2, np.float32),
    "ends": np.array([0, 1]),
}


@pytest.fixture(scope="module")
def job(job: list[str]) -> list[str]:
    """Collecting from the digits, batch by batch."""
    return [*job, "--threads", "1", "--until", "thresholds", "--output", "out"]


class Test13AllocationBombs:
    """A tensor of 1.6 GB is no reason to take a machine down, wherever its size comes from."""

    @pytest.mark.parametrize("operator", BOMBS)
    def test_memory_beyond_the_limit_is_refused(self, tmp_path: Path, operator: str) -> None:
        graph = BOMB.format(BOMBS[operator])
        used = {name: value for name, value in SIZES.items() if re.search(rf"[(, ]{name}[,)]", graph)}
        saved(written(graph, **used), tmp_path)
        np.save("x.npy", random(16, 4))
        words = ["model.onnx", "--data", "x.npy", "--until", "statistics", "--memory-limit", "1", "--output", "out"]
        refusal = ended(["calibrate", *words], tmp_path)
        assert refusal.returncode == 3, refusal.stderr
        assert "exceeds --memory-limit" in refusal.stderr
        assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx", "x.npy"]


class Test61OutOfMemory:
    """What a smaller batch cures is told with the peak and the size to try; `auto` tries it by itself, once."""

    def test_the_process_ends_in_order(self, tmp_path: Path) -> None:
        graph = "g (float[N, 3, 64, 64] x) => (float[?, ?] y) { p = Conv <pads = [1, 1, 1, 1]> (x, w) "
        graph += "y = ReduceMean <axes = [2, 3], keepdims = 0> (p) }"
        saved(written(graph, w=random(256, 3, 3, 3)), tmp_path)
        np.save("x.npy", random(128, 3, 64, 64))
        words = ["model.onnx", "--data", "x.npy", "--until", "statistics", "--memory-limit", "1", "--output", "out"]
        refusal = ended(["calibrate", *words, "--threads", "1", "--batch-size", "128"], tmp_path)
        assert refusal.returncode == 4, refusal.stderr
        assert "not enough memory" in refusal.stderr
        assert "the process took up to" in refusal.stderr
        assert "--batch-size" in refusal.stderr
        assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx", "x.npy"]

    @pytest.fixture(
        params=[lambda: OutOfMemoryError("QK4022", "not enough GPU memory"), MemoryError], ids=["GPU", "RAM"]
    )
    def room_for(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
        """Makes the engine run out of memory beyond that many samples."""
        observe = OrtObserver.observe

        def limited(samples: int) -> None:
            def tight(self: OrtObserver, batch: Batch) -> Mapping[str, Parts]:
                if any(len(values) > samples for values in batch.values()):
                    raise request.param()
                return observe(self, batch)

            monkeypatch.setattr(OrtObserver, "observe", tight)

        return limited

    def test_auto_halves_the_batch_once_and_the_result_is_the_same(
        self, tmp_path: Path, job: list[str], room_for: Callable[[int], None]
    ) -> None:
        assert done(*job[:-1], "whole").returncode == 0
        room_for(16)
        halved = done(*job, "--batch-size", "auto")
        assert halved.returncode == 0, halved.stderr
        assert "going on with batches of half the size" in halved.stderr
        assert results(tmp_path / "out") == results(tmp_path / "whole")

    def test_auto_gives_up_where_half_is_too_much(
        self, tmp_path: Path, job: list[str], room_for: Callable[[int], None]
    ) -> None:
        room_for(15)
        assert done(*job, "--batch-size", "auto").returncode == 4
        assert list(tmp_path.iterdir()) == []

    def test_a_size_that_was_asked_for_stays(
        self, tmp_path: Path, job: list[str], room_for: Callable[[int], None]
    ) -> None:
        room_for(16)
        assert done(*job, "--batch-size", "32").returncode == 4
        assert list(tmp_path.iterdir()) == []


BROKEN = """
import ctypes, time
from quantkit.backends._ort_taps import OrtObserver
observe, calls = OrtObserver.observe, 0
def broken(self, batch):
    global calls
    calls += 1
    if calls > 3:
        {}
    return observe(self, batch)
OrtObserver.observe = broken
"""
CRASH, ABORT, HANG = (BROKEN.format(code) for code in ("ctypes.string_at(0)", "os.abort()", "time.sleep(60)"))


class Test62CrashesAndHangs:
    """An engine that crashes or never answers ends in a message that names the samples, and the way to go on."""

    @pytest.mark.parametrize("broken", [CRASH, f"import os\n{ABORT}"], ids=["segmentation fault", "abort"])
    def test_a_crash_is_told_with_the_samples(self, tmp_path: Path, job: list[str], broken: str) -> None:
        crashed = ended([*job, "--batch-size", "2"], tmp_path, prelude=broken)
        assert crashed.returncode == 70
        assert "error[QK9002]" in crashed.stderr
        assert re.search(r"--> \d/\d+\.png, \d/\d+\.png\n", crashed.stderr)
        command = re.search(r"quantkit (calibrate --resume \S+)", crashed.stderr)
        assert command, crashed.stderr
        assert done(*command[1].split()).returncode == 0
        assert leftovers(tmp_path) == []

    def test_a_program_reads_of_it_in_one_document(self, tmp_path: Path, job: list[str]) -> None:
        crashed = ended([*job, "--batch-size", "2", "--json"], tmp_path, prelude=CRASH)
        error = json.loads(crashed.stdout)["error"]
        assert (crashed.returncode, error["code"], error["exit_code"]) == (70, "QK9002", 70)
        assert ".png" in error["where"]

    @pytest.mark.parametrize("form", ["human", "json"])
    def test_a_hang_ends_after_the_timeout(self, tmp_path: Path, job: list[str], form: str) -> None:
        words = [*job, "--batch-size", "2", "--timeout", "0.5", "--format", form]
        hanging = ended(words, tmp_path, prelude=HANG)
        assert hanging.returncode == 4
        said = hanging.stdout if form == "json" else hanging.stderr
        assert "QK4153" in said
        assert "no batch was finished within 0.5 s" in said
        assert ".png" in said

    def test_the_last_batch_may_hang_too(self, tmp_path: Path, job: list[str]) -> None:
        last = ended([*job, "--batch-size", "16", "--timeout", "0.5"], tmp_path, prelude=HANG)
        assert last.returncode == 4
        assert "QK4153" in last.stderr

    def test_a_batch_in_time_is_left_alone(self, tmp_path: Path, job: list[str]) -> None:
        good = ended([*job, "--timeout", "30s"], tmp_path)
        assert good.returncode == 0, good.stderr

    def test_a_function_of_ones_own_may_crash(self, tmp_path: Path, digits: Path) -> None:
        Path("judge.py").write_text("import ctypes\ndef crash(reference, candidate, labels): ctypes.string_at(0)\n")
        model, data, recipe = digits / "model.onnx", digits / "eval", digits / "preprocess.toml"
        words = ["compare", model, model, "--data", data, "--preprocess", recipe, "--metric", "judge:crash"]
        path = f"{tmp_path}{os.pathsep}{Path(quantkit.__file__).parents[1]}"
        crashed = ended(list(map(str, words)), tmp_path, PYTHONPATH=path)
        assert crashed.returncode == 70
        assert "error[QK9002]" in crashed.stderr
        assert not Path("run.json").exists()

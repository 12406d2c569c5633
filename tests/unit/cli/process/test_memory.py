"""A model that asks for more memory than there may be ends in an error, not in the machine's end."""

from __future__ import annotations

import re
import resource
from pathlib import Path

import numpy as np
import onnx
import pytest

from quantkit.cli.main import main
from quantkit.cli.process.failures import failure_of
from quantkit.cli.process.memory import limited, shortage_told
from quantkit.core.arrays import Array
from quantkit.core.errors import OutOfMemoryError

# Its output's shape is computed from the input's: no look at the file can tell how large it will be.
BOMB = """
<ir_version: 8, opset_import: ["": 17]>
bomb (float[N, 3, 8, 8] x) => (float[N, 4, 8, 8] y) {
    filtered = Conv <pads = [1, 1, 1, 1]> (x, w)
    shape = Shape (x)
    huge = Mul (shape, many)
    expanded = Expand (one, huge)
    most = ReduceMax <keepdims = 0> (expanded)
    sum = Add (filtered, most)
    y = Conv <pads = [1, 1, 1, 1]> (sum, v)
}"""


def test_the_bound_holds_in_the_block_and_not_behind_it() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with limited(64.0):
        assert resource.getrlimit(resource.RLIMIT_DATA)[0] <= 64 << 30
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_a_stricter_bound_stays() -> None:
    with limited(32.0), limited(64.0):
        assert resource.getrlimit(resource.RLIMIT_DATA)[0] <= 32 << 30


def test_an_allocation_bomb_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = onnx.parser.parse_model(BOMB)
    weights: dict[str, Array] = {
        "w": np.ones((4, 3, 3, 3), np.float32),
        "v": np.ones((4, 4, 3, 3), np.float32),
        "one": np.ones((1, 1, 1, 1), np.float32),
        "many": np.array([1, 1000, 1000, 1000], np.int64),
    }
    model.graph.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in weights.items())
    onnx.save(model, tmp_path / "bomb.onnx")
    np.save(tmp_path / "data.npy", np.zeros((8, 3, 8, 8), np.float32))
    words = ["calibrate", str(tmp_path / "bomb.onnx"), "--data", str(tmp_path / "data.npy"), "--memory-limit", "12"]
    assert main([*words, "-o", str(tmp_path / "out")]) == 3
    told = capfd.readouterr().err
    assert "QK3049" in told
    assert "--memory-limit" in told
    assert not list((tmp_path / "out").glob("*.onnx"))


def test_what_is_raised_for_want_of_memory_becomes_one_error() -> None:
    for error in (MemoryError(), RuntimeError("can't start new thread"), OutOfMemoryError("QK4022", "no GPU memory")):
        with pytest.raises(OutOfMemoryError), shortage_told():
            raise error
    with pytest.raises(RuntimeError, match="another"), shortage_told():
        raise RuntimeError("another")


def test_the_peak_is_told_where_the_machines_memory_ran_out() -> None:
    assert re.search(r"the process took up to [0-9.]+ [MG]B", failure_of(MemoryError()).cause or "")
    assert failure_of(OutOfMemoryError("QK4022", "not enough GPU memory", cause="CUDA")).cause == "CUDA"

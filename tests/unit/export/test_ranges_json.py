"""Ranges as plain JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quantkit.core.files import digest_of
from quantkit.export.ranges_json import plugin
from tests.onnx_models import random, written
from tests.quantization import ready, with_ranges

MODEL = ready(written("g (float[N, 4] x) => (float[N, 4] y) { y = MatMul (x, w) }", w=random(4, 4)))
RANGES = {"x": (-1.0, 1.54), "a/b:0": (0.0, 2.55)}


@pytest.mark.parametrize(
    ("symmetric", "codes", "expected"),
    [
        pytest.param(False, "uint8", {"low": 0.0, "high": 2.55, "scale": 0.01, "zero_point": 0}, id="affine"),
        pytest.param(True, "int8", {"low": 0.0, "high": 2.55, "scale": 2.55 / 127, "zero_point": 0}, id="symmetric"),
    ],
)
def test_each_tensor_has_its_range_and_what_becomes_of_it(
    symmetric: bool, codes: str, expected: dict[str, float], tmp_path: Path
) -> None:
    artifact = plugin().write(MODEL, with_ranges(MODEL, RANGES, symmetric=symmetric), tmp_path / "ranges.json")
    document = json.loads(artifact.path.read_text())
    assert (document["schema"], document["codes"], document["rule"]) == ("quantkit.ranges/1", codes, "max")
    assert document["tensors"]["a/b:0"] == pytest.approx(expected, rel=1e-6)
    assert list(document["tensors"]) == sorted(RANGES)
    assert artifact.digest == digest_of(artifact.path)


def test_equal_ranges_are_equal_bytes(tmp_path: Path) -> None:
    written_twice = [plugin().write(MODEL, with_ranges(MODEL, RANGES), tmp_path / name).digest for name in "ab"]
    assert len(set(written_twice)) == 1

"""What INT8 costs real networks, beside onnxruntime.quantization on the same data, engine and weights scheme."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.accuracy import PEER_METHODS, RULES, measured
from benchmarks.material import CASES

pytestmark = pytest.mark.slow_material

NAMES = ("mobilenet_v2", "resnet20", "kwt1", "ultraface_rfb320")


@pytest.fixture(scope="module", params=NAMES)
def models(request: pytest.FixtureRequest, material: Path) -> dict[str, Any]:
    """Model name → its figures, and the network's own name under the empty one."""
    case = next(case for case in CASES if case.name == request.param)
    found: dict[str, Any] = measured(case)["models"]
    return {"": case.name, **found}


def test_our_best_rule_beats_the_peers_best_in_sqnr(models: dict[str, Any]) -> None:
    ours = max(models[rule]["sqnr"] for rule in RULES)
    theirs = max(models[f"onnxruntime {method}"]["sqnr"] for method in PEER_METHODS)
    assert ours >= theirs


def test_the_best_rule_stays_within_a_point_of_fp32(models: dict[str, Any]) -> None:
    if "top1" not in models["max"]:
        pytest.skip(f"{models['']} has no labels")
    best = max(models[rule]["top1"] for rule in RULES)
    assert best >= models["max"]["top1 FP32"] - 0.01

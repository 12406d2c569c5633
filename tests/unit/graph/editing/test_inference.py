"""Shapes are inferred where they can be, and giants are refused."""

from __future__ import annotations

import numpy as np
import pytest

from quantkit.core.errors import ModelError
from quantkit.graph.editing.inference import inferred, refuse_giants
from tests.onnx_models import written

BILLION = np.array([1000, 1000, 1000], np.int64)
BOMBS = {
    "ConstantOfShape": "z = ConstantOfShape(s) y = ReduceSum <keepdims = 0> (z)",
    "Expand": "z = Expand(x, s) y = ReduceSum <keepdims = 0> (z)",
    "Tile": "u = Unsqueeze(x, axes) z = Tile(u, s) y = ReduceSum <keepdims = 0> (z)",
    "Resize": "u = Unsqueeze(x, axes) z = Resize(u, none, none, s) y = ReduceSum <keepdims = 0> (z)",
    "Pad": "u = Unsqueeze(x, axes) p = Concat <axis = 0> (s, s) z = Pad(u, pads) y = ReduceSum <keepdims = 0> (z)",
}  # fmt: skip


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
def test_a_small_model_that_asks_for_gigabytes_is_refused(body: str) -> None:
    proto = written(
        f"g (float[1] x) => (float y) {{ {body} }}",
        s=BILLION * 4,
        axes=np.array([0, 1]),
        pads=np.tile(BILLION, 2),
        none=np.array([], np.float32),
    )
    with pytest.raises(ModelError, match=r"tensor 'z' would have [0-9]+ elements; 2147483647 are allowed") as refusal:
        refuse_giants(inferred(proto))
    assert "fixed dimensions" in str(refusal.value.cause)


def test_free_dimensions_count_as_one() -> None:
    refuse_giants(inferred(written("g (float[N, M, 1000000] x) => (float[N, M, 1000000] y) { y = Relu(x) }")))


def test_giants_inside_branches_are_found() -> None:
    proto = written("""g (bool c, float[1, 1, 1] x) => (float[?, ?, ?] y) {
        y = If (c) <then_branch = t () => (float[?, ?, ?] a) {
                        s = Constant <value = int64[3] {4000, 4000, 4000}> () z = ConstantOfShape(s) a = Neg(z) },
                    else_branch = e () => (float[?, ?, ?] b) { b = Neg(x) }> }""")
    with pytest.raises(ModelError, match="tensor 'z' would have 64000000000 elements"):
        refuse_giants(inferred(proto))


def test_what_inference_would_compute_in_memory_is_not_computed() -> None:
    # With ONNX's data propagation this takes 4 GB; the test passes in next to nothing.
    graph = "g (float[1] x) => (float[?] y) { z = ConstantOfShape(s) y = Add(z, x) }"
    inferred(written(graph, s=np.array([100_000_000])))

"""A convolution's kernel shape is stated, as it was or as its weights have it."""

from __future__ import annotations

import numpy as np

from quantkit.graph.editing.draft import Draft
from quantkit.graph.passes.kernel_shapes import kernel_shapes_stated
from tests.onnx_models import written

MODEL = "g (float[N, 3, 8, 8] x, float[4, 3, 3, 1] fed) => (float[N, 4, H, W] y) { y = Conv(x, NAME) }"


def stated(weight: str) -> list[list[int]]:
    draft = Draft.of(written(MODEL.replace("NAME", weight), w=np.zeros((4, 3, 3, 1), np.float32)))
    kernel_shapes_stated(draft)
    kernel_shapes_stated(draft)
    return [list(attribute.ints) for node in draft.graph.node for attribute in node.attribute]


def test_it_is_that_of_the_weights() -> None:
    assert stated("w") == [[3, 1]]


def test_weights_that_are_fed_are_left_alone() -> None:
    assert stated("fed") == []

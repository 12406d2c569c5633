"""One engine that quantizes whichever activation it is told to."""

from __future__ import annotations

import numpy as np
import pytest

from quantkit.core.qparams import QParams
from quantkit.core.ranges import Range
from quantkit.core.scheme import UINT8
from quantkit.graph.choosable import NOTHING, choosable
from tests.onnx_models import random, results, written
from tests.quantization import ready

MODEL = written("g (float[n, 4] x) => (float[n, 4] y) { h = Relu(x) y = Mul(h, w) }", w=random(4))
WIDE = QParams.of(Range(-3.0, 3.0), UINT8)


def test_nothing_chosen_computes_what_the_model_does() -> None:
    model, fed = ready(MODEL), random(5, 4)
    changed, chosen = choosable(model, {"x": WIDE, "h": WIDE, "y": WIDE})
    found = results(changed, {"x": fed, chosen: np.array([NOTHING])})
    np.testing.assert_array_equal(found["y"], results(model, {"x": fed})["y"])


@pytest.mark.parametrize("number", [0, 1, 2], ids=["input", "inner tensor", "output"])
def test_the_chosen_activation_alone_is_quantized(number: int) -> None:
    model, fed = ready(MODEL), random(5, 4)
    changed, chosen = choosable(model, {"x": WIDE, "h": WIDE, "y": WIDE})
    weight = random(4)

    def through(values: np.ndarray, place: int) -> np.ndarray:
        return WIDE.dequantize(WIDE.quantize(values)) if place == number else values

    expected = through(through(np.maximum(through(fed, 0), 0), 1) * weight, 2)
    found = results(changed, {"x": fed, chosen: np.array([number])})["y"]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)

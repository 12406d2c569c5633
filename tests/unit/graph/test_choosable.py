"""One engine that quantizes whatever it is told to."""

from __future__ import annotations

import numpy as np
import pytest

from quantkit.core.arrays import Array
from quantkit.core.qparams import QParams
from quantkit.core.ranges import Range
from quantkit.core.scheme import INT8, UINT8
from quantkit.graph.choosable import Choice, choosable
from quantkit.graph.codes.weights import quantized_weight
from quantkit.graph.editing.wiring import Slot
from tests.onnx_models import random, results, written
from tests.quantization import ready

MODEL = written("g (float[n, 4] x) => (float[n, 4] y) { h = Relu(x) y = Mul(h, w) }", w=random(4))
WIDE = QParams.of(Range(-3.0, 3.0), UINT8)
CODES = quantized_weight(random(4), INT8)
CHOICES = [Choice("x", WIDE), Choice("h", WIDE), Choice("y", WIDE), Choice("w", CODES, (Slot(1, 1),))]


def rounded(values: Array) -> Array:
    return WIDE.dequantize(WIDE.quantize(values))


def test_nothing_chosen_computes_what_the_model_does() -> None:
    model, fed = ready(MODEL), {"x": random(5, 4)}
    changed = choosable(model, CHOICES)
    found = results(changed.model, changed.with_choices(fed, ()))
    np.testing.assert_array_equal(found["y"], results(model, fed)["y"])


@pytest.mark.parametrize("chosen", [{0}, {1}, {2}, {3}, {0, 3}, {1, 2}, {0, 1, 2, 3}], ids=str)
def test_what_is_chosen_is_quantized_and_nothing_else(chosen: set[int]) -> None:
    model, fed = ready(MODEL), random(5, 4)
    changed = choosable(model, CHOICES)
    weight = CODES.codes.astype(np.float32) * CODES.scale if 3 in chosen else random(4)
    values = rounded(fed) if 0 in chosen else fed
    values = np.maximum(values, 0)
    values = (rounded(values) if 1 in chosen else values) * weight
    expected = rounded(values) if 2 in chosen else values
    found = results(changed.model, changed.with_choices({"x": fed}, chosen))["y"]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("tensor", ["x", "h"], ids=["input", "inner tensor"])
def test_readers_of_one_tensor_are_told_apart(tensor: str) -> None:
    model = ready(written("g (float[n, 4] x) => (float[n, 4] y) { h = Relu(x) a = Neg(h) b = Abs(h) y = Sub(a, b) }"))
    readers = (Slot(0, 0),) if tensor == "x" else (Slot(2, 0),)
    changed = choosable(model, [Choice(tensor, WIDE, readers)])
    fed = random(5, 4)
    positive = np.maximum(fed, 0)
    expected = -2 * np.maximum(rounded(fed), 0) if tensor == "x" else -positive - rounded(positive)
    found = results(changed.model, changed.with_choices({"x": fed}, (0,)))["y"]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_some_readers_and_everyone_are_choices_beside_each_other() -> None:
    model = ready(written("g (float[n, 4] x) => (float[n, 4] h, float[n, 4] a) { h = Relu(x) a = Neg(h) }"))
    changed = choosable(model, [Choice("h", WIDE, (Slot(1, 0),)), Choice("h", WIDE)])
    positive = np.maximum(random(5, 4), 0)
    reader = results(changed.model, changed.with_choices({"x": random(5, 4)}, (0,)))
    np.testing.assert_array_equal(reader["h"], positive)
    np.testing.assert_allclose(reader["a"], -rounded(positive), atol=1e-6)
    everyone = results(changed.model, changed.with_choices({"x": random(5, 4)}, (1,)))
    np.testing.assert_allclose(everyone["h"], rounded(positive), atol=1e-6)

"""Weights that do not have the factors' channels are left alone, and so is what comes out as no number."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from quantkit.graph.passes.channels import Affine, normalization, scaled_bias, scaled_weight
from tests.onnx_models import random

THREE = Affine(np.array([1.0, 2.0, 3.0]), np.zeros(3))


@pytest.mark.parametrize(
    ("operator", "shape", "options"),
    [
        ("Conv", (2, 3, 1, 1), {}),
        ("Gemm", (3, 4), {}),
        ("Gemm", (4, 3), {"transB": 1}),
        ("ConvTranspose", (4, 2, 1, 1), {}),
        ("ConvTranspose", (4, 1, 1, 1), {"group": 3}),
        ("ConvTranspose", (4, 3, 1, 1), {"group": 0}),
        ("ConvTranspose", (3,), {}),
        ("Conv", (), {}),
        ("Gemm", (3,), {}),
    ],
)
def test_other_channel_counts_are_not_scaled(operator: str, shape: tuple[int, ...], options: dict[str, int]) -> None:
    node = onnx.helper.make_node(operator, ["x", "w"], ["y"])
    node.attribute.extend(onnx.helper.make_attribute(*option) for option in options.items())
    assert scaled_weight(node, random(*shape), THREE) is None


def test_only_a_row_of_biases_is_scaled() -> None:
    node = onnx.helper.make_node("Gemm", ["x", "w", "b"], ["y"])
    assert scaled_bias(node, random(3, 1), THREE) is None
    assert scaled_bias(node, random(2, 3), THREE) is None
    np.testing.assert_array_equal(scaled_bias(node, np.ones((1, 1), np.float32), THREE), [1, 2, 3])


def test_overflow_is_not_stored() -> None:
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"])
    assert scaled_weight(node, np.full((3, 1, 1, 1), 2e38, np.float32), THREE) is None


@pytest.mark.parametrize("variance", [-1.0, -1e-5], ids=["no root", "no quotient"])
def test_a_normalization_without_a_number_is_none(variance: float) -> None:
    node = onnx.helper.make_node("BatchNormalization", ["x", "s", "o", "m", "v"], ["y"])
    ones = np.ones(2)
    assert normalization(node, ones, ones, ones, np.array([1.0, variance])) is None

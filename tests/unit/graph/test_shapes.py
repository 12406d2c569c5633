"""Free dimensions get sizes from users, who are told exactly what to type."""

from __future__ import annotations

import pytest

from quantkit.cli.options.values import shapes
from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import UsageError
from quantkit.graph.model import from_proto
from quantkit.graph.shapes import refuse_free, suggestion, with_shapes
from tests.onnx_models import random, results, written

NETWORK = from_proto(
    written(
        """g (float[N, 3, H, W] x, float[N, 3, H, W] z, float[?] s) => (float[N, 3, H, W] y) {
            t = Add(x, z) y = Add(t, s) }"""
    )
)


def test_a_size_reaches_every_dimension_of_its_name() -> None:
    fixed = with_shapes(NETWORK, {"x": (2, 3, 8, 9)})
    assert fixed.inputs == (
        TensorSpec("x", "float32", (2, 3, 8, 9)),
        TensorSpec("z", "float32", (2, 3, 8, 9)),
        TensorSpec("s", "float32", (None,)),
    )
    assert fixed.outputs[0].shape == (2, 3, 8, 9)
    assert fixed.digest == NETWORK.digest
    assert NETWORK.inputs[0].shape == ("N", 3, "H", "W")
    feeds = {"x": random(2, 3, 8, 9), "z": random(2, 3, 8, 9), "s": random(1)}
    assert results(fixed, feeds)["y"].shape == (2, 3, 8, 9)


def test_an_unknown_input_is_answered_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="the model has no input 'xx'") as refusal:
        with_shapes(NETWORK, {"xx": (1,)})
    assert refusal.value.hints == ("did you mean 'x'?", "the model's inputs: x:Nx3xHxW, z:Nx3xHxW, s:?")


@pytest.mark.parametrize("shape", [(2, 3, 8), (2, 4, 8, 9), (2, 3, 0, 9), (2, 3, 2**31, 9)])
def test_a_shape_that_the_model_contradicts_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="contradicts the model's x:Nx3xHxW") as refusal:
        with_shapes(NETWORK, {"x": shape})
    assert "--shapes x:1x3x224x224" in refusal.value.hints[0]


def test_one_dimension_cannot_have_two_sizes() -> None:
    with pytest.raises(UsageError, match="gives dimension 'H' two sizes: 8 and 7"):
        with_shapes(NETWORK, {"x": (2, 3, 8, 9), "z": (2, 3, 7, 9)})


def test_undecided_sizes_are_asked_for_with_the_option_to_add() -> None:
    with pytest.raises(UsageError, match="2 of the model's inputs have free dimensions") as refusal:
        refuse_free(NETWORK.inputs)
    assert refusal.value.hints == ("add --shapes x:1x3x224x224,z:1x3x224x224 with your own sizes",)
    refuse_free([TensorSpec("x", "float32", ("N", 3, 32, 32))])
    with pytest.raises(UsageError):
        refuse_free([TensorSpec("x", "float32", ("N", 3, 32, 32))], batch_axis=None)


def test_the_suggestion_can_be_typed() -> None:
    typed = shapes(suggestion(NETWORK.inputs).removeprefix("--shapes "))
    assert with_shapes(NETWORK, typed).inputs[2].shape == (1,)

"""Free dimensions get sizes from users, who are told exactly what to type."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import ExitCode, UsageError
from quantkit.graph.model import from_proto
from quantkit.graph.shapes import parse_shapes, refuse_free, suggestion, with_shapes
from tests.onnx_models import random, results, written

NETWORK = from_proto(
    written(
        """g (float[N, 3, H, W] x, float[N, 3, H, W] z, float[?] s) => (float[N, 3, H, W] y) {
            t = Add(x, z) y = Add(t, s) }"""
    )
)

NAMES = st.text(st.characters(exclude_characters=",", exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: name == name.strip()
)


@given(st.dictionaries(NAMES, st.lists(st.integers(1, 2**31 - 1), min_size=1, max_size=6).map(tuple), min_size=1))
def test_shapes_are_read_back_as_they_are_written(shapes: dict[str, tuple[int, ...]]) -> None:
    text = ",".join(f"{name}:{'x'.join(str(size) for size in sizes)}" for name, sizes in shapes.items())
    assert parse_shapes(text) == shapes


@given(st.text())
def test_any_text_is_shapes_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        assert parse_shapes(text)


@pytest.mark.parametrize(
    "text", ["", "x", "x:", ":1x3", "x:1x", "x:1x-3", "x:1x0", "x:1xN", "x:1x3,", "x:1x99999999999", "x:²"]
)
def test_bad_syntax_shows_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="is not a name, a colon and sizes") as refusal:
        parse_shapes(text)
    assert "--shapes input:1x3x224x224" in refusal.value.hints[0]
    assert refusal.value.exit_code is ExitCode.USAGE


def test_an_input_cannot_have_two_shapes() -> None:
    with pytest.raises(UsageError, match="input 'x' is named twice"):
        parse_shapes("x:1,x:2")


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
    assert with_shapes(NETWORK, parse_shapes(suggestion(NETWORK.inputs).removeprefix("--shapes "))).inputs[2].shape == (
        1,
    )

"""What of a model's inputs the data has to know."""

from __future__ import annotations

import pytest

from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import DataError
from quantkit.data.inputs import dtype_of, fixed_batch, has_batch_axis, hold_batches

Shape = tuple[int | str | None, ...]


def specs(*shapes: Shape) -> list[TensorSpec]:
    return [TensorSpec(f"x{number}", "float32", shape) for number, shape in enumerate(shapes)]


@pytest.mark.parametrize(
    ("shapes", "batch_axis", "batch"),
    [
        ([("N", 3, 224, 224)], True, None),
        ([(-1, 3, -1, -1)], True, None),
        ([(1, 3, 240, 320)], True, 1),
        ([(1, 1, 257), (1, 2, 128, 2)], True, 1),
        ([(1, 257, 1, 2), (2, 1, 16, 16, 33)], False, None),
        ([("batch", "sequence"), (), (2, "batch", 128)], False, None),
    ],
    ids=["free", "negative", "fixed", "fixed in all", "caches", "scalar"],
)
def test_axis_0_counts_samples_only_if_all_inputs_agree(
    shapes: list[Shape], batch_axis: bool, batch: int | None
) -> None:
    assert has_batch_axis(specs(*shapes)) is batch_axis
    assert fixed_batch(specs(*shapes)) == batch


@pytest.mark.parametrize("dtype", ["unknown", "sequence_type"])
def test_an_input_that_no_array_can_be_is_named(dtype: str) -> None:
    with pytest.raises(DataError, match=f"input 'x' takes {dtype}, not an array"):
        dtype_of(TensorSpec("x", dtype, ()))


def test_arrays_of_unknown_names_tell_nothing() -> None:
    two = specs(("N", 3), ("N", 4))
    assert hold_batches({"other": 2}, two) is None
    assert hold_batches({"x0": 2, "x1": 1}, two) is None
    assert hold_batches({"x0": 2, "x1": 2}, two) is True
    assert hold_batches({"x": 2}, []) is None


def test_without_a_batch_axis_a_whole_input_is_one_sample() -> None:
    streaming = specs((1, 257), (2, 16))
    assert hold_batches({"x0": 2, "x1": 2}, streaming) is False
    assert hold_batches({"x0": 3, "x1": 3}, streaming) is True

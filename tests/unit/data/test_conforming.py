"""Batches held against a model's inputs."""

from __future__ import annotations

import numpy as np
import pytest

from quantkit.core.arrays import Array
from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import DataError
from quantkit.core.ports import Samples
from quantkit.core.statistics import SampleId
from quantkit.data.conforming import conforming

IMAGE = TensorSpec("image", "float32", ("N", 3, 4, 5))


def samples(**inputs: Array) -> Samples:
    count = len(next(iter(inputs.values())))
    return Samples(inputs, tuple(SampleId(f"s{number}", str(number)) for number in range(count)))


def image(dtype: str = "float32", shape: tuple[int, ...] = (2, 3, 4, 5)) -> Array:
    return np.ones(shape, dtype)


def test_an_array_without_a_name_is_the_only_input() -> None:
    assert list(conforming(samples(**{"": image()}), [IMAGE]).inputs) == ["image"]


def test_a_fitting_batch_is_not_copied() -> None:
    given = image()
    assert conforming(samples(image=given), [IMAGE]).inputs["image"] is given


def test_inputs_come_in_the_models_order() -> None:
    two = [TensorSpec("b", "float32", ("N", 1)), TensorSpec("a", "float32", ("N", 1))]
    assert list(conforming(samples(a=np.ones((2, 1), "f4"), b=np.ones((2, 1), "f4")), two).inputs) == ["b", "a"]


@pytest.mark.parametrize(
    ("names", "words", "hint"),
    [
        (["imgae"], "'image' is missing; 'imgae' is not one of the model's", "did you mean 'image'?"),
        (["image", "mask"], "'mask' is not one of the model's", "the model's inputs: image:Nx3x4x5"),
        (["image", ""], "an array without a name is not one of the model's", "the model's inputs: image:Nx3x4x5"),
    ],
    ids=["misspelt", "extra", "without a name"],
)
def test_other_names_are_refused(names: list[str], words: str, hint: str) -> None:
    with pytest.raises(DataError, match=words) as refusal:
        conforming(samples(**{name: image() for name in names}), [IMAGE])
    assert refusal.value.code == "QK2106"
    assert hint in refusal.value.hints


def test_a_missing_input_is_named() -> None:
    with pytest.raises(DataError, match="'mask' is missing"):
        conforming(samples(image=image()), [IMAGE, TensorSpec("mask", "float32", ("N", 1))])


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("float64", "float32"), ("float16", "float32"), ("int32", "int64"), ("int64", "int32"), ("bool", "uint8")],
)
def test_types_are_changed_where_values_are_not(given: str, wanted: str) -> None:
    spec = TensorSpec("image", wanted, ("N", 3, 4, 5))
    assert conforming(samples(image=image(given)), [spec]).inputs["image"].dtype == np.dtype(wanted)


@pytest.mark.parametrize(
    ("given", "wanted"), [("uint8", "float32"), ("int64", "float32"), ("float32", "int64"), ("bool", "float32")]
)
def test_types_that_mean_something_else_are_refused(given: str, wanted: str) -> None:
    spec = TensorSpec("image", wanted, ("N", 3, 4, 5))
    with pytest.raises(DataError, match=f"input 'image' takes {wanted}, the data has {given}") as refusal:
        conforming(samples(image=image(given)), [spec])
    assert refusal.value.code == "QK2108"


def test_bytes_are_met_with_the_way_to_normalise() -> None:
    with pytest.raises(DataError) as refusal:
        conforming(samples(image=image("uint8")), [IMAGE])
    assert "normalise as in training" in refusal.value.hints[0]


def test_bytes_are_fine_for_a_model_that_takes_them() -> None:
    assert conforming(samples(image=image("uint8")), [TensorSpec("image", "uint8", ("N", 3, 4, 5))])


def test_whole_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="takes int32, the data has int64"):
        conforming(samples(x=np.array([2**40])), [TensorSpec("x", "int32", ("N",))])


@pytest.mark.parametrize(
    ("shape", "got", "hint"),
    [
        ((2, 4, 5, 3), "4x5x3", "channels last: --layout nhwc"),
        ((2, 3, 4, 6), "3x4x6", "prepare the data as in training"),
        ((3, 4, 5), "4x5", "axis 0 of the data counts samples"),
        ((2, 1, 3, 4, 5), "1x3x4x5", "one axis too many"),
        ((2,), "scalar", "prepare the data"),
    ],
    ids=["channels last", "size", "no batch axis", "two batch axes", "one number"],
)
def test_another_shape_is_refused_with_what_may_be_the_reason(shape: tuple[int, ...], got: str, hint: str) -> None:
    with pytest.raises(DataError, match=f"input 'image' takes 3x4x5 a sample, the data has {got}") as refusal:
        conforming(samples(image=image(shape=shape)), [IMAGE])
    assert refusal.value.code == "QK2107"
    assert hint in refusal.value.hints[0]


def test_a_model_that_takes_channels_last_is_named() -> None:
    with pytest.raises(DataError) as refusal:
        conforming(samples(image=image()), [TensorSpec("image", "float32", ("N", 4, 5, 3))])
    assert "--layout nchw" in refusal.value.hints[0]


def test_without_a_batch_axis_each_row_has_the_whole_shape() -> None:
    streaming = [TensorSpec("mix", "float32", (1, 5)), TensorSpec("cache", "float32", (2, "N"))]
    batch = samples(mix=image(shape=(3, 1, 5)), cache=image(shape=(3, 2, 7)))
    assert len(conforming(batch, streaming)) == 3
    with pytest.raises(DataError, match="input 'mix' takes 1x5 a sample, the data has 5"):
        conforming(samples(mix=image(shape=(1, 5)), cache=image(shape=(1, 2, 7))), streaming)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300], ids=str)
def test_values_that_are_not_finite_are_named_by_sample_and_index(value: float) -> None:
    given = image("float64")
    given[1, 2, 3, 4] = given[1, 2, 3, 3] = value
    with pytest.raises(DataError, match="input 'image' has 2 values that are NaN or infinite") as refusal:
        conforming(samples(image=given), [IMAGE])
    assert refusal.value.code == "QK2105"
    assert refusal.value.where == "s1"
    assert "sample 's1', index [2, 3, 3]" in str(refusal.value.cause)


def test_infinities_that_cancel_are_found() -> None:
    given = image()
    given[0, 0, 0, :2] = np.inf, -np.inf
    with pytest.raises(DataError, match="has 2 values that are NaN or infinite"):
        conforming(samples(image=given), [IMAGE])

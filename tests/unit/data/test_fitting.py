"""Declared preprocessing against a model's input."""

from __future__ import annotations

import pytest

from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import DataError
from quantkit.data.fitting import fitted
from quantkit.data.preprocessing import PRESETS, Preprocessing

IMAGENET = PRESETS["imagenet"]


def spec(*shape: int | str | None) -> TensorSpec:
    return TensorSpec("x", "float32", shape)


@pytest.mark.parametrize("shape", [("N", 3, 224, 224), (1, 3, None, None), (None, -1, -1, -1)], ids=str)
def test_a_preprocessing_that_fits_is_returned(shape: tuple[int | str | None, ...]) -> None:
    assert fitted(IMAGENET, spec(*shape)) is IMAGENET


def test_sizes_that_depend_on_the_image_are_left_to_the_images() -> None:
    assert fitted(Preprocessing(), spec(1, 3, 32, 32)).size is None


@pytest.mark.parametrize(
    ("shape", "recipe", "title", "hint"),
    [
        (("N", 3, 32, 32), IMAGENET, "takes 3x32x32, the preprocessing gives 3x224x224", "resize = [32, 32]"),
        (("N", 224, 224, 3), IMAGENET, "takes 224x224x3, the preprocessing gives 3x224x224", "--layout nhwc"),
        (("N", None, None, 3), PRESETS["none"], "takes [?]x[?]x3, the preprocessing gives 3x[?]x[?]", "--layout nhwc"),
        (("N", 1, 224, 224), IMAGENET, "takes 1x224x224", 'color = "gray"'),
        (("N", 299, 299, 3), IMAGENET, "takes 299x299x3", 'resize = [299, 299], layout = "nhwc"'),
        (("N", 3, 8, 8), Preprocessing(color="gray", resize=(8, 8)), "gives 1x8x8", 'color = "rgb"'),
    ],
    ids=["size", "layout", "layout of free size", "gray", "size and layout", "colour"],
)
def test_a_misfit_says_what_to_change(
    shape: tuple[int | str | None, ...], recipe: Preprocessing, title: str, hint: str
) -> None:
    with pytest.raises(DataError, match=title) as refusal:
        fitted(recipe, spec(*shape))
    assert refusal.value.code == "QK2113"
    assert hint in refusal.value.hints[0]


def test_a_model_that_takes_no_images_is_named() -> None:
    with pytest.raises(DataError, match="input x:Nx98x40 has 3 dimensions, images need 4"):
        fitted(IMAGENET, spec("N", 98, 40))

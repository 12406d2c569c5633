"""Colour, size and arithmetic of images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from quantkit.core.arrays import Floats
from quantkit.data.pixels import placed, write
from quantkit.data.preprocessing import PRESETS, Preprocessing
from quantkit.data.records import BadSampleError
from tests.pictures import pixels

MANY = 50_000_000


def prepared(image: Image.Image, recipe: Preprocessing) -> Floats:
    row = np.empty(recipe.shape(image.height, image.width), np.float32)
    write(placed(image, recipe, MANY), recipe, row)
    return row


def test_imagenet_is_what_every_torchvision_script_computes() -> None:
    image = Image.fromarray(pixels(0, 300, 280))
    small = image.resize((256, 274), Image.Resampling.BILINEAR)
    expected = np.asarray(small.crop((16, 25, 240, 249)), np.float32) * np.float32(1 / 255)
    mean, std = (np.array(figures, np.float32) for figures in (PRESETS["imagenet"].mean, PRESETS["imagenet"].std))
    expected = (expected - mean) / std
    assert np.array_equal(prepared(image, PRESETS["imagenet"]), expected.transpose(2, 0, 1))


def test_tensorflow_spans_minus_one_to_one() -> None:
    black, white = (Image.new("RGB", (256, 256), (value,) * 3) for value in (0, 255))
    assert np.all(prepared(black, PRESETS["tensorflow"]) == -1)
    assert np.allclose(prepared(white, PRESETS["tensorflow"]), 1, atol=np.finfo(np.float32).eps)


def test_caffe_is_blue_first_and_keeps_0_to_255() -> None:
    image = Image.new("RGB", (256, 256), (10, 20, 30))
    expected = np.array([30, 20, 10], np.float32) - np.array([103.939, 116.779, 123.68], np.float32)
    assert np.array_equal(prepared(image, PRESETS["caffe"])[:, 0, 0], expected)


def test_none_keeps_pixels_as_they_are() -> None:
    values = pixels(1)
    assert np.array_equal(prepared(Image.fromarray(values), PRESETS["none"]), values.transpose(2, 0, 1))


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from(["rgb", "bgr", "gray"]))
def test_channels_last_holds_the_same_numbers(height: int, width: int, color: str) -> None:
    image = Image.fromarray(pixels(2, height, width))
    first = prepared(image, Preprocessing(color=color, scale=0.1, mean=(0.3,)))
    last = prepared(image, Preprocessing(color=color, scale=0.1, mean=(0.3,), layout="nhwc"))
    assert np.array_equal(first, last.transpose(2, 0, 1))


def test_gray_weighs_colours_as_itu_601_does() -> None:
    image = Image.new("RGB", (1, 1), (255, 0, 0))
    assert prepared(image, Preprocessing(color="gray")).tolist() == [[[76.0]]]


def test_one_channel_of_high_precision_serves_every_colour() -> None:
    deep = Image.fromarray(np.full((2, 2), 100.5, np.float32))
    assert np.all(prepared(deep, Preprocessing()) == 100.5)
    assert prepared(deep, Preprocessing(color="gray")).shape == (1, 2, 2)


def test_a_crop_lies_in_the_middle_and_odd_rests_round_half_to_even() -> None:
    values = np.arange(25, dtype=np.uint8).reshape(5, 5)
    image = Image.fromarray(values)
    assert prepared(image, Preprocessing(color="gray", crop=(3, 2)))[0].tolist() == values[1:4, 2:4].tolist()


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1)], ids=str)
def test_extreme_images_can_be_resized_and_cropped(size: tuple[int, int]) -> None:
    image = Image.fromarray(pixels(3, *size))
    assert prepared(image, Preprocessing(resize_short=8, crop=(8, 8))).shape == (3, 8, 8)


def test_an_image_smaller_than_the_crop_is_refused() -> None:
    with pytest.raises(BadSampleError, match="the image is 8x8, smaller than the crop of 9x8") as refusal:
        prepared(Image.fromarray(pixels(4)), Preprocessing(crop=(9, 8)))
    assert refusal.value.code == "QK2204"


def test_a_resize_that_would_explode_is_refused_before_it_is_made() -> None:
    ribbon = Image.new("L", (60_000, 1))
    with pytest.raises(BadSampleError, match="resized to 256x15360000 the image would have") as refusal:
        placed(ribbon, PRESETS["imagenet"], MANY)
    assert refusal.value.code == "QK2203"

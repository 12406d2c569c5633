"""Pixels into a model's input: colour, size, and arithmetic written straight into its place."""

from __future__ import annotations

import numpy as np
from PIL import Image

from quantkit.core.arrays import Array, Floats
from quantkit.data.preprocessing import Preprocessing
from quantkit.data.records import BadSampleError

_FILTERS = {filter.name.lower(): filter for filter in Image.Resampling}
_BGR = (2, 1, 0)


def placed(image: Image.Image, preprocessing: Preprocessing, max_pixels: int) -> Image.Image:
    """`image` in the colour and size that `preprocessing` declares, before any arithmetic.

    Args:
        image: decoded; of mode ``"F"``, which holds one channel of any precision, or any mode of 8 bits.
        preprocessing: what to do.
        max_pixels: a resized image with more of them is refused before it is made.

    Raises:
        BadSampleError: too large after resizing, or smaller than the crop.
    """
    mode = "L" if preprocessing.color == "gray" else "RGB"
    if image.mode not in ("F", mode):
        image = image.convert(mode)
    height, width = preprocessing.resized(image.height, image.width)
    if height * width > max_pixels:
        raise BadSampleError(
            "QK2203",
            f"resized to {height}x{width} the image would have more than {max_pixels} pixels",
            cause=f"it is {image.height}x{image.width}",
            hints=["leave it out, or raise --max-image-pixels"],
        )
    if (height, width) != (image.height, image.width):
        image = image.resize((width, height), _FILTERS[preprocessing.interpolation])
    return _cropped(image, preprocessing.crop) if preprocessing.crop else image


def _cropped(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    height, width = size
    if height > image.height or width > image.width:
        raise BadSampleError(
            "QK2204",
            f"the image is {image.height}x{image.width}, smaller than the crop of {height}x{width}",
            hints=["resize before cropping: set resize_short or resize in the preprocessing"],
        )
    if size == (image.height, image.width):
        return image
    top, left = round((image.height - height) / 2), round((image.width - width) / 2)
    return image.crop((left, top, left + width, top + height))


def write(image: Image.Image, preprocessing: Preprocessing, row: Floats) -> None:
    """Writes ``(x·scale − mean) / std`` of every channel into `row`, float32 in the declared layout.

    >>> row = np.empty((3, 1, 1), np.float32)
    >>> write(Image.new("RGB", (1, 1), (0, 50, 255)), Preprocessing(color="bgr", scale=0.5, mean=(1.5,)), row)
    >>> row.ravel().tolist()
    [126.0, 23.5, -1.5]
    """
    pixels = np.asarray(image)
    planes = row if preprocessing.layout == "nchw" else np.moveaxis(row, -1, 0)
    mean = np.broadcast_to(np.asarray(preprocessing.mean or 0, np.float32), len(planes))
    std = np.broadcast_to(np.asarray(preprocessing.std or 1, np.float32), len(planes))
    for channel, plane in enumerate(planes):
        values = _channel(pixels, channel, preprocessing.color)
        # The type is said because NumPy 1 would compute uint8 times a small float32 in float16.
        np.multiply(values, np.float32(preprocessing.scale), out=plane, dtype=np.float32)
        if preprocessing.mean:
            np.subtract(plane, mean[channel], out=plane)
        if preprocessing.std:
            np.divide(plane, std[channel], out=plane)


def _channel(pixels: Array, channel: int, color: str) -> Array:
    """One channel, [h, w]; a single one serves for all."""
    if pixels.ndim == 2:
        return pixels
    values: Array = pixels[..., _BGR[channel] if color == "bgr" else channel]
    return values

"""What is odd about data that is otherwise fine."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from quantkit.core.arrays import Array
from quantkit.core.artifact import TensorSpec
from quantkit.data.arrays import from_arrays
from quantkit.data.checked import checked
from quantkit.data.reading import Reading
from quantkit.data.suspicion import looks_raw
from tests.pictures import pixels

IMAGE = [TensorSpec("x", "float32", ("N", 3, 8, 8))]


def images(count: int = 32) -> Array:
    return np.stack([pixels(seed).transpose(2, 0, 1) for seed in range(count)]).astype(np.float32, order="C")


def messages(array: Array, caplog: pytest.LogCaptureFixture, specs: list[TensorSpec] | None = None) -> list[str]:
    with caplog.at_level(logging.WARNING):
        list(checked(from_arrays(array, reading=Reading(batch_size=10)), specs or IMAGE))
    return [record.getMessage() for record in caplog.records]


def test_raw_pixels_are_warned_of_with_what_was_observed(caplog: pytest.LogCaptureFixture) -> None:
    (message,) = messages(images(), caplog)
    first = images()[:10]
    assert message.startswith(
        f"input x looks like raw pixels: 0 to 255, mean {first.mean():.4g}, std {first.std():.4g}; right only if"
    )


@pytest.mark.parametrize("scale", [1 / 255, 1 / 127.5], ids=["0 to 1", "-1 to 1"])
def test_normalised_pixels_are_not(caplog: pytest.LogCaptureFixture, scale: float) -> None:
    assert messages(images() * np.float32(scale) - np.float32(0.5), caplog) == []


def test_features_that_are_no_images_are_not() -> None:
    assert looks_raw(np.full((4, 200), 200, np.float32)) is None
    assert looks_raw(np.full((4, 3, 8, 8), 200, np.uint8)) is None
    assert looks_raw(np.full((4, 3, 8, 8), 1e6, np.float32)) is None


def test_equal_samples_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    scaled = images() / np.float32(255)
    scaled[[7, 20]] = scaled[3]
    assert messages(scaled, caplog) == ["2 of 32 samples are equal to an earlier one, such as 7 to 3"]


def test_rounded_values_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    (message,) = messages(images().astype(np.float64) / 255, caplog)
    assert message == "the data is float64; its values are rounded to the float32 that the model takes"


def test_float64_is_no_matter_for_a_model_that_takes_it(caplog: pytest.LogCaptureFixture) -> None:
    assert messages(images().astype(np.float64) / 255, caplog, [TensorSpec("x", "float64", ("N", 3, 8, 8))]) == []

"""Channels are moved to where the model has them, and only then."""

from __future__ import annotations

import numpy as np
import pytest

from quantkit.core.artifact import TensorSpec
from quantkit.core.ports import Samples
from quantkit.core.statistics import SampleId
from quantkit.data.iterables import wrapped
from quantkit.data.layouts import Relaid

FIRST, LAST = TensorSpec("x", "float32", ("N", 3, 4, 5)), TensorSpec("x", "float32", ("N", 4, 5, 3))
PICTURES = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
BACK = PICTURES.transpose(0, 2, 3, 1)


def relaid(values: np.ndarray[tuple[int, ...], np.dtype[np.float32]], spec: TensorSpec, layout: str) -> Samples:
    return next(iter(Relaid(wrapped([{"x": values}], inputs=(spec,)), (spec,), layout)))


@pytest.mark.parametrize(
    ("values", "spec", "layout", "expected"),
    [
        (BACK, FIRST, "nhwc", PICTURES),
        (PICTURES, LAST, "nchw", BACK),
        (PICTURES, FIRST, "nchw", PICTURES),
        (BACK, LAST, "nhwc", BACK),
        (PICTURES, FIRST, "nhwc", PICTURES),
        (PICTURES[:, :2], FIRST, "nhwc", PICTURES[:, :2]),
    ],
    ids=["last to first", "first to last", "first as it is", "last as it is", "a needless word", "a misfit"],
)
def test_an_input_gets_its_channels_where_it_takes_them(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    spec: TensorSpec,
    layout: str,
    expected: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> None:
    moved = relaid(values, spec, layout).inputs["x"]
    assert np.array_equal(moved, expected)


def test_samples_keep_their_names_and_the_record_says_the_layout() -> None:
    source = Relaid(wrapped([{"x": BACK}], inputs=(FIRST,)), (FIRST,), "nhwc")
    assert all(isinstance(sample, SampleId) for sample in next(iter(source)).ids)
    assert source.preprocessing["layout"] == "nhwc"
    assert "--layout nhwc" in str(source)

"""Digests of arrays."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quantkit.data.records import content_digest


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=8))
def test_equal_values_have_equal_digests_wherever_they_lie(values: list[int]) -> None:
    array = np.array(values, np.float32)
    strided = np.repeat(array, 2)[::2]
    assert content_digest({"x": array}) == content_digest({"x": strided})


def test_shape_and_type_count() -> None:
    zeros = np.zeros(4, np.float32)
    digests = {content_digest({"x": x}) for x in (zeros, zeros.reshape(2, 2), zeros.view(np.int32))}
    assert len(digests) == 3


def test_a_scalar_has_a_digest() -> None:
    assert content_digest({"sr": np.array(16000, np.int64)}) != content_digest({"sr": np.array(8000, np.int64)})

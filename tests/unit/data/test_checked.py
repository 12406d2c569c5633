"""Sources whose every batch fits the model."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import DataError
from quantkit.core.ports import BatchSource
from quantkit.data.arrays import from_arrays
from quantkit.data.checked import Checked, checked
from quantkit.data.iterables import wrapped
from quantkit.data.reading import Reading

FREE = (TensorSpec("x", "float32", ("N", 2)),)


def numbers(count: int, batch: int = 3) -> BatchSource:
    rows = np.repeat(np.arange(count, dtype=np.float32)[:, np.newaxis], 2, axis=1)
    return from_arrays(rows, np.arange(count), reading=Reading(batch_size=batch))


@given(st.integers(1, 20), st.integers(1, 9), st.integers(1, 6))
def test_a_fixed_batch_size_gets_the_same_samples_in_batches_of_it(count: int, batch: int, fixed: int) -> None:
    source = checked(numbers(count, batch), [TensorSpec("x", "float32", (fixed, 2))], allow_few=True)
    batches = list(source)
    whole = count - count % fixed
    assert source.size == whole
    assert {len(samples) for samples in batches} <= {fixed}
    assert [row[0] for samples in batches for row in samples.inputs["x"]] == list(range(whole))
    assert [sample.name for samples in batches for sample in samples.ids] == [str(n) for n in range(whole)]


def test_labels_follow_their_samples_into_other_batches() -> None:
    source = checked(numbers(9, 4), [TensorSpec("x", "float32", (3, 2))])
    labels = [samples.labels for samples in source]
    assert [part.tolist() for part in labels if part is not None] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_what_is_left_over_for_a_fixed_batch_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert sum(len(samples) for samples in checked(numbers(10), [TensorSpec("x", "float32", (4, 2))])) == 8
    assert "the last 2 samples are left out: the model takes exactly 4 at a time" in caplog.text


def test_a_ragged_last_batch_is_fine() -> None:
    assert [len(samples) for samples in checked(numbers(10, 4), FREE)] == [4, 4, 2]


def test_a_model_without_a_batch_axis_gets_sample_after_sample() -> None:
    streaming = [TensorSpec("mix", "float32", (1, 5)), TensorSpec("cache", "float32", (2, 1))]
    items = [{"mix": np.full((1, 5), n, np.float32), "cache": np.zeros((2, 1), np.float32)} for n in range(9)]
    batches = list(checked(wrapped(items, inputs=streaming), streaming))
    assert [samples.inputs["mix"].shape for samples in batches] == [(1, 5)] * 9
    assert [samples.inputs["cache"].shape for samples in batches] == [(2, 1)] * 9
    assert [sample.name for samples in batches for sample in samples.ids] == [str(n) for n in range(9)]


def test_no_sample_at_all_is_refused() -> None:
    with pytest.raises(DataError, match="0 calibration samples") as refusal:
        list(checked(wrapped([]), FREE, allow_few=True))
    assert refusal.value.code == "QK2101"


@pytest.mark.parametrize("source", [numbers(7), wrapped(lambda: numbers(7))], ids=["known", "unknown"])
def test_too_few_samples_are_refused_unless_that_is_wanted(source: BatchSource) -> None:
    with pytest.raises(DataError, match="7 samples are too few: at least 8, better 32 or more") as refusal:
        list(checked(source, FREE))
    assert refusal.value.code == "QK2102"
    assert sum(len(samples) for samples in checked(source, FREE, allow_few=True)) == 7


def test_few_samples_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        list(checked(numbers(31), FREE))
        assert "only 31 samples: ranges may be too narrow; give 32 or more" in caplog.text
        caplog.clear()
        list(checked(numbers(32), FREE))
    assert caplog.text == ""


def test_checking_twice_checks_once() -> None:
    once = checked(numbers(9), FREE)
    assert checked(once, FREE) is once
    assert isinstance(checked(once, [TensorSpec("x", "float32", (1, 2))]).source, Checked)


def test_what_the_source_declares_is_passed_on() -> None:
    source = checked(from_arrays(np.zeros((9, 2), np.float32), preprocessing={"a": 1}), FREE)
    assert (source.size, source.preprocessing) == (9, {"a": 1})

"""Samples that are arrays in memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core.arrays import Array
from quantkit.core.errors import DataError
from quantkit.data.arrays import ArrayRecords, Table, class_numbers, from_arrays
from quantkit.data.reading import Reading
from quantkit.data.selection import Selection


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 7))
def test_tables_behind_each_other_are_one_long_table(lengths: list[int], batch: int) -> None:
    whole = np.arange(sum(lengths) * 3, dtype=np.float32).reshape(-1, 3)
    parts = np.split(whole, np.cumsum(lengths)[:-1])
    records = ArrayRecords("parts", tuple(Table({"x": part}, name=f"{n}.npy") for n, part in enumerate(parts)))
    rows = []
    for position in range(len(whole)):
        row = np.empty(3, np.float32)
        records.fill(position, {"x": row})
        rows.append(row)
    assert np.array_equal(np.stack(rows), whole)
    assert len(set(records.names)) == len(whole) == len(records.names)


def test_half_floats_are_widened_exactly() -> None:
    half = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float16)
    (samples,) = from_arrays(half)
    assert samples.inputs[""].dtype == np.float32
    assert np.array_equal(samples.inputs[""], half.astype(np.float32))


def test_several_inputs_and_labels_stay_together() -> None:
    inputs: dict[str, Array] = {"a": np.arange(6, dtype=np.float32).reshape(6, 1), "b": np.arange(6)}
    source = from_arrays(inputs, np.arange(6) * 10, selection=Selection(shard=(2, 2)), reading=Reading(batch_size=9))
    (samples,) = source
    assert samples.labels is not None
    assert samples.inputs["a"][:, 0].tolist() == samples.inputs["b"].tolist() == [1, 3, 5]
    assert samples.labels.tolist() == [10, 30, 50]
    assert [sample.name for sample in samples.ids] == ["1", "3", "5"]


@pytest.mark.parametrize(
    "inputs",
    [{"a": np.zeros((3, 2)), "b": np.zeros((4, 2))}, {"a": np.zeros(())}, {}],
    ids=["other lengths", "scalar", "nothing"],
)
def test_arrays_that_do_not_stack_samples_are_refused(inputs: dict[str, Array]) -> None:
    with pytest.raises(DataError, match="do not stack equally many samples along axis 0") as refusal:
        from_arrays(inputs)
    assert refusal.value.code == "QK2112"


def test_objects_are_refused() -> None:
    with pytest.raises(DataError, match="holds pickled Python objects"):
        from_arrays(np.array([None, None], dtype=object))


@pytest.mark.parametrize(
    "labels",
    [np.zeros(3, np.float32), np.array([0, 1, -1]), np.eye(3, dtype=np.int64), np.array(1)],
    ids=["real", "negative", "one-hot", "scalar"],
)
def test_labels_that_are_no_class_numbers_are_refused(labels: Array) -> None:
    with pytest.raises(DataError, match="labels are") as refusal:
        class_numbers(labels)
    assert refusal.value.code == "QK2111"


def test_a_column_of_labels_is_flattened() -> None:
    assert class_numbers(np.array([[1], [2]], np.uint8)).tolist() == [1, 2]


def test_labels_of_another_length_are_refused() -> None:
    with pytest.raises(DataError, match="3 labels for 4 samples"):
        from_arrays(np.zeros((4, 2)), np.arange(3))


def test_tables_of_other_shapes_are_refused() -> None:
    with pytest.raises(DataError, match=r"b\.npz holds x float64\[3\], the first one holds x float64\[2\]"):
        ArrayRecords("d", (Table({"x": np.zeros((1, 2))}, name="a.npz"), Table({"x": np.zeros((1, 3))}, name="b.npz")))


def test_declared_preprocessing_is_kept() -> None:
    assert from_arrays(np.zeros((2, 2)), preprocessing={"mfcc": 40}).preprocessing == {"mfcc": 40}
    assert repr(from_arrays(np.zeros((2, 2))).records) == "ArrayRecords(arrays: 2 rows, no labels)"


def test_labels_are_raised_by_the_offset() -> None:
    source = from_arrays(np.zeros((3, 2), np.float32), np.array([0, 4, 9]), reading=Reading(label_offset=1))
    (samples,) = source
    assert samples.labels is not None
    assert samples.labels.tolist() == [1, 5, 10]

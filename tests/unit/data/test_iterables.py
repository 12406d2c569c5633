"""Anything that can be gone through again and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quantkit.core.arrays import Array
from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import DataError, UsageError
from quantkit.core.ports import Samples
from quantkit.core.statistics import SampleId
from quantkit.data.arrays import from_arrays
from quantkit.data.iterables import wrapped

IMAGE = TensorSpec("x", "float32", ("N", 3, 4, 4))
X = np.random.default_rng(0).standard_normal((6, 3, 4, 4)).astype(np.float32)


@dataclass
class Tensor:
    """What a tensor on a graph and on a device lets be seen: NumPy may have it only after both steps."""

    values: Array
    on_graph: bool = True
    on_device: bool = True

    def detach(self) -> Tensor:
        return Tensor(self.values, False, self.on_device)

    def cpu(self) -> Tensor:
        return Tensor(self.values, self.on_graph, False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if self.on_graph or self.on_device:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad")
        return self.values


def whole(data: Any, *inputs: TensorSpec) -> list[Samples]:
    return list(wrapped(data, inputs=inputs))


def test_a_loader_of_pairs_gives_inputs_and_labels() -> None:
    loader = [[Tensor(X[:4]), Tensor(np.arange(4))], [Tensor(X[4:]), Tensor(np.arange(2))]]
    first, second = whole(loader, IMAGE)
    assert np.array_equal(first.inputs["x"], X[:4])
    assert second.labels is not None
    assert second.labels.tolist() == [0, 1]
    assert [sample.name for sample in first.ids + second.ids] == list("012345")


@pytest.mark.parametrize("key", ["label", "labels", "y"])
def test_labels_may_stand_among_named_inputs(key: str) -> None:
    (samples,) = whole([{"x": X, key: np.arange(6)}], IMAGE)
    assert list(samples.inputs) == ["x"]
    assert samples.labels is not None


def test_a_name_that_the_model_takes_is_no_label() -> None:
    (samples,) = whole([{"x": X, "y": X}], IMAGE, TensorSpec("y", "float32", ("N", 3, 4, 4)))
    assert sorted(samples.inputs) == ["x", "y"]


def test_an_array_alone_has_the_only_inputs_name_or_none() -> None:
    assert list(whole([X], IMAGE)[0].inputs) == ["x"]
    assert list(whole([X])[0].inputs) == [""]
    assert list(whole([[X]])[0].inputs) == [""]


def test_single_samples_get_a_batch_axis() -> None:
    by_label = whole([(row, number) for number, row in enumerate(X)])
    by_rank = whole(list(X), IMAGE)
    assert [samples.inputs[""].shape for samples in by_label] == [(1, 3, 4, 4)] * 6
    assert [samples.inputs["x"].shape for samples in by_rank] == [(1, 3, 4, 4)] * 6


def test_a_frame_with_a_models_caches_is_one_sample() -> None:
    (samples,) = whole([{"mix": np.zeros((1, 5)), "cache": np.zeros((2, 1)), "rate": np.int64(16000)}])
    assert len(samples) == 1
    assert samples.inputs["cache"].shape == (1, 2, 1)
    assert samples.inputs["rate"].shape == (1,)


def test_arrays_in_memory_are_rows() -> None:
    assert sum(len(samples) for samples in wrapped(X)) == 6
    assert all(samples.labels is not None for samples in wrapped({"x": X, "label": np.arange(6)}))


def test_a_source_is_left_as_it_is() -> None:
    source = from_arrays(X)
    assert wrapped(source) is source


def test_batches_that_are_samples_already_keep_their_names() -> None:
    given = Samples({"x": X[:1]}, (SampleId("cat.png", "00"),))
    assert whole([given]) == [given]


def test_equal_rows_have_equal_digests_in_memory_and_in_batches() -> None:
    in_memory, in_batches = list(wrapped(X)), whole([X[:5], X[5:]])
    assert [sample for samples in in_memory for sample in samples.ids] == [
        sample for samples in in_batches for sample in samples.ids
    ]


class Numbered:
    """A data set as PyTorch has them: a length and an index, and no word about where it ends."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[Array, int]:
        return X[index % len(X)], index


def test_a_data_set_with_a_length_is_gone_through_by_index() -> None:
    assert [sample.name for samples in whole(Numbered()) for sample in samples.ids] == ["0", "1", "2"]


def test_a_batch_stays_as_it_was_when_its_memory_is_used_for_the_next() -> None:
    def refilled() -> Iterator[Array]:
        memory = np.empty((1, 3, 4, 4), np.float32)
        for row in X:
            memory[...] = row
            yield memory

    kept = whole(refilled)
    assert np.array_equal(np.concatenate([samples.inputs[""] for samples in kept]), X)


def generated() -> Iterator[Array]:
    yield X[:4]
    yield X[4:]


def test_a_function_that_makes_a_generator_can_be_gone_through_again() -> None:
    source = wrapped(generated)
    assert [len(samples) for samples in source] == [len(samples) for samples in source] == [4, 2]
    assert source.size is None
    assert repr(source) == "Iterated(function)"


@pytest.mark.parametrize("single", [generated(), iter([X]), map(np.abs, [X]), zip([X], strict=True)], ids=repr)
def test_what_can_be_gone_through_only_once_is_refused_with_the_way_out(single: object) -> None:
    with pytest.raises(DataError, match="can be gone through only once") as refusal:
        wrapped(single)
    assert refusal.value.code == "QK2103"
    assert "give the function that makes it, without calling it" in refusal.value.hints[0]
    assert not any("wrapped" in hint for hint in refusal.value.hints)


@pytest.mark.parametrize("path", ["calib/", Path("calib")], ids=repr)
def test_a_path_is_not_data(path: object) -> None:
    with pytest.raises(UsageError, match="is a path, not data") as refusal:
        wrapped(path)
    assert refusal.value.code == "QK1035"


def test_what_cannot_be_gone_through_is_refused() -> None:
    with pytest.raises(UsageError, match="a int cannot be gone through"):
        wrapped(3)


@pytest.mark.parametrize(
    ("item", "code", "words"),
    [
        ((X, X, X), "QK2110", "an item that is no batch: a tuple of 3"),
        ((), "QK2110", "an item that is no batch: a tuple of 0"),
        (["a", "b"], "QK2214", "has the type <U1"),
        ([{"x": X}, X], "QK2111", "labels are float32"),
        (object(), "QK2211", "holds pickled Python objects"),
        ([[1.0], [1.0, 2.0]], "QK2111", "labels are float64"),
        ([[[1.0], [1.0, 2.0]]], "QK2110", "the input: a list"),
        (np.float32(1), "QK2110", "an array without a batch axis"),
        (np.zeros((0, 3)), "QK2109", "a batch without samples"),
        ({}, "QK2109", "a batch without samples"),
        ((X, np.arange(5)), "QK2111", "5 labels for 6 samples"),
        ((X[0], np.arange(5)), "QK2111", "5 labels for"),
    ],
    ids=[
        "three",
        "none",
        "text",
        "two inputs",
        "object",
        "two lists",
        "ragged",
        "number",
        "empty",
        "{}",
        "labels",
        "labels of one",
    ],
)
def test_an_item_that_is_no_batch_is_refused_and_counted(item: object, code: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as refusal:
        whole([X, item])
    assert refusal.value.code == code
    assert refusal.value.where == "the item with sample 6"


def test_declared_preprocessing_is_kept() -> None:
    assert wrapped([X], preprocessing={"resize": 32}).preprocessing == {"resize": 32}


def test_a_real_loader_is_read_without_our_importing_torch() -> None:
    torch = pytest.importorskip("torch")
    dataset = torch.utils.data.TensorDataset(torch.from_numpy(X).requires_grad_(), torch.arange(6))
    batches = whole(torch.utils.data.DataLoader(dataset, batch_size=4), IMAGE)
    assert [len(samples) for samples in batches] == [4, 2]
    assert np.array_equal(batches[0].inputs["x"], X[:4])

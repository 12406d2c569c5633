"""Whatever can be gone through again and again, such as a PyTorch DataLoader, as a source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quantkit.core.arrays import Array, Counts
from quantkit.core.artifact import TensorSpec, shape_text
from quantkit.core.errors import DataError, UsageError
from quantkit.core.ports import BatchSource, Samples
from quantkit.core.statistics import SampleId
from quantkit.core.text import printable
from quantkit.data.array_files import LABEL_MEMBERS
from quantkit.data.arrays import class_numbers, fed, from_arrays
from quantkit.data.inputs import hold_batches
from quantkit.data.npz import refuse_type
from quantkit.data.records import UNNAMED, content_digest


def wrapped(
    data: Any, *, inputs: Sequence[TensorSpec] = (), preprocessing: Mapping[str, Any] | None = None
) -> BatchSource:
    """`data` as a source of batches.

    Args:
        data: a source, which is returned as it is; an array [n, …] or a mapping of input name → [n, …]; or anything
            that starts anew each time it is gone through, a data set with a length and an index, or a function
            without arguments that returns something to go through. Its items are batches: an array, a mapping of
            input name → array (labels under label, labels or y), or a pair of one of these and labels. Items without
            a batch axis are single samples; they are told by a label without one, or by the ranks of `inputs`.
        inputs: the model's inputs, where known.
        preprocessing: what was done to the arrays, to be stored with the results.

    Raises:
        UsageError: nothing of that kind.
        DataError: an iterator, which could be gone through only once. Even where that is enough, what is left of one
            that was begun elsewhere would pass for all of the data.

    >>> [len(samples) for samples in wrapped([np.zeros((2, 3)), np.zeros((1, 3))])]
    [2, 1]
    """
    if hasattr(data, "size") and hasattr(data, "preprocessing") and hasattr(data, "__iter__"):
        source: BatchSource = data
        return source
    if isinstance(data, np.ndarray):
        return from_arrays(data, preprocessing=preprocessing)
    if isinstance(data, Mapping):
        arrays, labels = _told_apart({str(name): _array(value, str(name)) for name, value in data.items()}, inputs)
        return from_arrays(arrays, labels, preprocessing=preprocessing)
    _refuse_single_use(data)
    return Iterated(data, tuple(inputs), dict(preprocessing or {}))


def _refuse_single_use(data: Any) -> None:
    if isinstance(data, (str, bytes)) or hasattr(data, "__fspath__"):
        raise UsageError("QK1035", f"{data!r} is a path, not data", hints=["open it: quantkit.open_source(path, …)"])
    if not hasattr(data, "__iter__"):
        if callable(data) or _is_indexed(data):
            return
        raise UsageError(
            "QK1035",
            f"a {type(data).__name__} cannot be gone through",
            hints=["give a list, a DataLoader, arrays, or a function that returns a generator"],
        )
    if iter(data) is data:
        raise DataError(
            "QK2103",
            f"a {type(data).__name__} can be gone through only once, and data has to start anew whenever it is read",
            cause="another pass, as compare and sensitivity make, would find nothing left",
            hints=[
                "give the function that makes it, without calling it: batches, not batches()",
                "or lambda: (… for … in …) for a generator expression",
                "or keep the batches in a list: list(batches())",
            ],
        )


def _is_indexed(data: Any) -> bool:
    """Whether `data` is a data set whose samples have numbers, as PyTorch's have."""
    return hasattr(data, "__getitem__") and hasattr(data, "__len__")


@dataclass(frozen=True, slots=True, eq=False)
class Iterated:
    """Batches from `items`, gone through anew in each pass; samples are called by their number."""

    items: Any
    inputs: tuple[TensorSpec, ...] = ()
    preprocessing: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> None:
        """Known only after a pass."""
        return

    def __iter__(self) -> Iterator[Samples]:
        number = 0
        for item in self._begun():
            samples = item if isinstance(item, Samples) else self._samples(item, number)
            number += len(samples)
            yield samples

    def _begun(self) -> Iterable[Any]:
        if isinstance(self.items, Iterable):
            return self.items
        if _is_indexed(self.items):
            return (self.items[index] for index in range(len(self.items)))
        items: Iterable[Any] = self.items()
        return items

    def _samples(self, item: Any, number: int) -> Samples:
        try:
            arrays, labels = _arrays_and_labels(item, self.inputs)
            if self._is_single(arrays, labels):
                arrays = {name: array[np.newaxis] for name, array in arrays.items()}
                labels = None if labels is None else labels.reshape(-1)
            return _counted(arrays, None if labels is None else class_numbers(labels), number)
        except DataError as refusal:
            raise refusal.located(f"the item with sample {number}") from refusal.__cause__

    def _is_single(self, arrays: Mapping[str, Array], labels: Array | None) -> bool:
        if labels is not None and labels.ndim == 0:
            return True
        stacked = hold_batches({name: array.ndim for name, array in arrays.items()}, self.inputs)
        # Inputs that agree on no number of samples, such as a frame and a model's caches, are one sample.
        return len({array.shape[:1] for array in arrays.values()}) != 1 if stacked is None else not stacked

    def __repr__(self) -> str:
        return f"Iterated({type(self.items).__name__})"


def _counted(arrays: Mapping[str, Array], labels: Counts | None, number: int) -> Samples:
    if any(array.ndim == 0 for array in arrays.values()):
        raise DataError("QK2110", "an array without a batch axis", hints=["give arrays of the shape [n, …]"])
    lengths = {len(array) for array in arrays.values()}
    if len(lengths) != 1 or 0 in lengths:
        shapes = ", ".join(f"{printable(name)!r} {shape_text(array.shape)}" for name, array in arrays.items())
        raise DataError("QK2109", f"a batch without samples: {shapes}", hints=["leave empty batches out"])
    count = lengths.pop()
    if labels is not None and len(labels) != count:
        raise DataError("QK2111", f"{len(labels)} labels for {count} samples", hints=["give one label for each sample"])
    rows = ({name: array[row] for name, array in arrays.items()} for row in range(count))
    ids = (SampleId(str(number + index), content_digest(row)) for index, row in enumerate(rows))
    return Samples(arrays, tuple(ids), labels)


def _arrays_and_labels(item: Any, specs: Sequence[TensorSpec]) -> tuple[dict[str, Array], Array | None]:
    labels: Array | None = None
    if isinstance(item, (tuple, list)):
        if not 1 <= len(item) <= 2:
            raise _not_understood(f"a {type(item).__name__} of {len(item)}")
        labels = _array(item[1], "the labels") if len(item) == 2 else None
        item = item[0]
    if isinstance(item, Mapping):
        named = {str(name): _array(value, str(name)) for name, value in item.items()}
        arrays, own_labels = _told_apart(named, specs)
        return arrays, own_labels if labels is None else labels
    return {specs[0].name if len(specs) == 1 else UNNAMED: _array(item, "the input")}, labels


def _told_apart(arrays: dict[str, Array], specs: Sequence[TensorSpec]) -> tuple[dict[str, Array], Array | None]:
    """Inputs, and the labels among them under a usual name that is not an input's."""
    needed = {spec.name for spec in specs}
    name = next((name for name in LABEL_MEMBERS if name in arrays and name not in needed and len(arrays) > 1), None)
    labels = None if name is None else arrays[name]
    return {key: array for key, array in arrays.items() if key != name}, labels


def _array(value: Any, name: str) -> Array:
    """`value` as NumPy has it; a tensor of another library is taken off its graph and its device first."""
    value = value.detach() if hasattr(value, "detach") else value
    value = value.cpu() if hasattr(value, "cpu") else value
    value = value.numpy() if hasattr(value, "numpy") else value
    try:
        # A copy, since whoever makes batches may write the next one into the same memory while this one is in use.
        array = np.array(value)
    except (TypeError, ValueError, RuntimeError) as reason:
        raise _not_understood(f"{printable(name)}: a {type(value).__name__}", str(reason)) from reason
    refuse_type(array.dtype, name)
    return array.astype(fed(array.dtype), copy=False)


def _not_understood(what: str, cause: str | None = None) -> DataError:
    return DataError(
        "QK2110",
        f"an item that is no batch: {what}",
        cause=cause,
        hints=["give an array, a dict of input name → array, or a pair of one of these and class numbers"],
    )

"""Samples that are arrays already, stacked along axis 0: in memory, or in .npy and .npz files."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np

from quantkit.core.arrays import Array, Counts
from quantkit.core.artifact import shape_text
from quantkit.core.errors import DataError
from quantkit.core.text import printable
from quantkit.data.batches import Batches
from quantkit.data.npz import Column, loaded, refuse_type
from quantkit.data.reading import Reading
from quantkit.data.records import Filled, Slot, content_digest
from quantkit.data.selection import Selection


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns of equally many rows: the inputs, by name, and int64 labels where there are any.

    Raises:
        DataError: no column, columns of different length, or labels that do not fit.
    """

    columns: Mapping[str, Column]
    labels: Counts | None = None
    name: str = ""

    def __post_init__(self) -> None:
        """Refuses columns that do not belong together."""
        lengths = {name: column.shape[0] if column.shape else None for name, column in self.columns.items()}
        if len(set(lengths.values())) != 1 or None in lengths.values():
            shapes = ", ".join(f"{printable(name)!r} {shape_text(c.shape)}" for name, c in self.columns.items())
            raise DataError(
                "QK2112",
                f"the arrays do not stack equally many samples along axis 0: {shapes or 'there is none'}",
                where=self.name or None,
                hints=["save one row for each sample in every array"],
            )
        if self.labels is not None and len(self.labels) != self.rows:
            raise DataError(
                "QK2111",
                f"{len(self.labels)} labels for {self.rows} samples",
                where=self.name or None,
                hints=["give one label for each sample"],
            )

    @property
    def rows(self) -> int:
        """How many samples."""
        return next(int(column.shape[0]) for column in self.columns.values())

    def outline(self) -> dict[str, Slot]:
        """What each row puts into which input."""
        return {name: Slot(tuple(column.shape[1:]), fed(column.dtype)) for name, column in self.columns.items()}


@dataclass(frozen=True, slots=True, eq=False)
class ArrayRecords:
    """The rows of one table, or of several after each other.

    Args:
        origin: where they are from, for messages.
        tables: with the same columns, whose rows have the same shapes and types.
        preprocessing: what was done to the arrays beforehand, where that was declared.
    """

    origin: str
    tables: tuple[Table, ...]
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    _ends: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuses tables of different layout."""
        object.__setattr__(self, "_ends", tuple(accumulate(table.rows for table in self.tables)))
        for table in self.tables[1:]:
            refuse_other_outline(table.outline(), self.outline(), table.name)

    @property
    def names(self) -> Sequence[str]:
        """The row's number, behind the table's name where there are several tables."""
        if len(self.tables) == 1:
            return [str(row) for row in range(self.tables[0].rows)]
        return [f"{table.name}#{row}" for table in self.tables for row in range(table.rows)]

    def outline(self) -> Mapping[str, Slot]:
        """The columns' shapes; float16 becomes float32, which holds it exactly."""
        return self.tables[0].outline()

    def fill(self, position: int, rows: Mapping[str, Array]) -> Filled:
        """Copies a row of every column; the digest is that of the copied values."""
        index = bisect_right(self._ends, position)
        table = self.tables[index]
        row = position - (self._ends[index - 1] if index else 0)
        for name, column in table.columns.items():
            rows[name][...] = column[row]
        return Filled(content_digest(rows), None if table.labels is None else int(table.labels[row]))

    def __str__(self) -> str:
        labelled = "labelled" if self.tables and self.tables[0].labels is not None else "no labels"
        return f"{self.origin}: {self._ends[-1]} rows, {labelled}"

    def __repr__(self) -> str:
        return f"ArrayRecords({self})"


def from_arrays(
    inputs: Array | Mapping[str, Array],
    labels: Array | None = None,
    *,
    selection: Selection | None = None,
    reading: Reading | None = None,
    preprocessing: Mapping[str, Any] | None = None,
) -> Batches:
    """A source of arrays in memory.

    Args:
        inputs: [n, …], or input name → [n, …], as the model takes them.
        labels: integers [n].
        selection: which samples.
        reading: batch size and threads; `Reading.input_name` names an array that has no name.
        preprocessing: what was done to the arrays, to be stored with the results.

    >>> source = from_arrays(np.zeros((5, 3), np.float32), reading=Reading(batch_size=2))
    >>> [len(samples) for samples in source]
    [2, 2, 1]
    """
    reading = reading or Reading()
    named = dict(inputs) if isinstance(inputs, Mapping) else {reading.input_name: inputs}
    for name, array in named.items():
        refuse_type(array.dtype, name)
    table = Table(named, None if labels is None else class_numbers(labels))
    return Batches(ArrayRecords("arrays", (table,), preprocessing or {}), selection or Selection(), reading)


def class_numbers(column: Column) -> Counts:
    """Labels as int64[n].

    Raises:
        DataError: not one whole number, 0 or more, for each sample.
    """
    labels = loaded(column)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or bool(np.any(labels < 0)):
        raise DataError(
            "QK2111",
            f"labels are {labels.dtype}[{shape_text(labels.shape)}]",
            cause="a label is one class number, 0 or more, for each sample",
            hints=["one-hot labels: take .argmax(axis=1) of them"],
        )
    return labels.astype(np.int64)


def fed(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type in which values are handed on: this machine's byte order, and float32 for float16.

    >>> fed(np.dtype(">f2"))
    dtype('float32')
    """
    return np.dtype(np.float32) if dtype.kind == "f" and dtype.itemsize == 2 else dtype.newbyteorder("=")


def refuse_other_outline(outline: Mapping[str, Slot], first: Mapping[str, Slot], name: str) -> None:
    """Refuses arrays that have not the shapes and types of the first ones."""
    if outline != first:
        raise DataError(
            "QK2112",
            f"{printable(name)} holds {_text(outline)}, the first one holds {_text(first)}",
            where=printable(name),
            hints=["keep other arrays elsewhere, or put the inputs of a sample into one .npz"],
        )


def _text(outline: Mapping[str, Slot]) -> str:
    return ", ".join(
        f"{printable(name) + ' ' if name else ''}{slot.dtype}[{shape_text(slot.shape)}]"
        for name, slot in outline.items()
    )

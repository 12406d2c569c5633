"""Which arrays in .npy and .npz files are inputs, which are labels, and what a file stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from quantkit.core.arrays import Array
from quantkit.core.errors import DataError, UsageError
from quantkit.core.plugins import did_you_mean
from quantkit.core.text import printable
from quantkit.data.arrays import ArrayRecords, Table, class_numbers, fed, refuse_other_outline
from quantkit.data.inputs import hold_batches
from quantkit.data.labels import from_pattern, from_table
from quantkit.data.listing import Found
from quantkit.data.npz import Column, loaded, opened, refuse_too_large
from quantkit.data.reading import Labelling, Reading
from quantkit.data.records import BadSampleError, Filled, Records, Slot, content_digest

LABEL_MEMBERS = ("label", "labels", "y")

# numpy.savez gives this name to an array that was given none.
_UNTITLED = "arr_0"

# A ZIP member's name cannot be this.
_NO_MEMBER = "\0"


class Content(NamedTuple):
    """A file's arrays, told apart."""

    inputs: Mapping[str, Column]
    labels: Column | None


@dataclass(frozen=True, slots=True)
class ArrayFileRecords:
    """One sample in each file, as its arrays are.

    Args:
        origin: where they are from, for messages.
        files: in the order of reading.
        first: what the first readable file holds; the others have to hold the same.
        member: name of the labels, if not the usual one.
        reading: input name, inputs and limits.
        classes: file name → class, where a table or a pattern gave them.
    """

    origin: str
    files: tuple[Found, ...]
    first: Mapping[str, Slot]
    member: str | None
    reading: Reading
    classes: Mapping[str, int] = field(default_factory=dict)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> Sequence[str]:
        """The files' names."""
        return [found.name for found in self.files]

    def outline(self) -> Mapping[str, Slot]:
        """The shapes in the first file."""
        return self.first

    def fill(self, position: int, rows: Mapping[str, Array]) -> Filled:
        """Copies a file's arrays; the digest is that of the copied values."""
        found = self.files[position]
        parts = content(found, self.member, self.reading)
        refuse_other_outline(_outline(parts.inputs), self.first, str(found.path))
        for name, column in parts.inputs.items():
            rows[name][...] = loaded(column)
        label = self.classes[found.name] if self.classes else _own_class(found, parts)
        return Filled(content_digest(rows), label)

    def __str__(self) -> str:
        return f"{self.origin}: {len(self.files)} files"

    def __repr__(self) -> str:
        return f"ArrayFileRecords({self})"


def from_files(origin: str, files: Sequence[Found], *, labelling: Labelling, reading: Reading) -> Records:
    """The samples in .npy and .npz files.

    A single file stacks its samples along axis 0 and each of several files holds one sample, unless the ranks of the
    model's inputs, which `reading` may hold, say otherwise. Labels are the member label, labels or y, or the one that
    `labelling` names; files that hold one sample may have them from a table or a pattern too.

    Raises:
        DataError: what `npz.opened` refuses; other members, shapes or types than in the first file; labels that do
            not fit.
    """
    first = _first(files, labelling.member, reading)
    stacked = hold_batches({name: len(column.shape) for name, column in first.items()}, reading.inputs)
    if stacked is None:
        stacked = len(files) == 1
    if not stacked:
        classes = _classes([found.name for found in files], labelling)
        return ArrayFileRecords(origin, tuple(files), _outline(first), labelling.member, reading, classes)
    if labelling.table or labelling.pattern:
        raise UsageError(
            "QK1036",
            "a label table or pattern names files, and these hold many samples each",
            hints=["put the labels into the files, as the member label"],
        )
    return ArrayRecords(origin, tuple(_tables(files, labelling.member, reading)))


def _first(files: Sequence[Found], member: str | None, reading: Reading) -> Mapping[str, Column]:
    """The inputs in the first file that can be read."""
    refusal: BadSampleError | None = None
    for found in files:
        try:
            return content(found, member, reading).inputs
        except BadSampleError as bad:
            refusal = refusal or bad
    raise refusal or DataError("QK2101", "0 calibration samples", hints=["give arrays with at least one row"])


def _classes(names: Sequence[str], labelling: Labelling) -> Mapping[str, int]:
    if labelling.table is not None:
        return from_table(labelling.table, names)
    return {} if labelling.pattern is None else from_pattern(labelling.pattern, names)


def _tables(files: Sequence[Found], member: str | None, reading: Reading) -> Iterator[Table]:
    held = 0
    for found in files:
        parts = content(found, member, reading)
        held += sum(column.nbytes for column in parts.inputs.values() if isinstance(column, np.ndarray))
        refuse_too_large(held, reading.max_array_bytes)
        _refuse_foreign(parts.inputs, found, reading)
        yield Table(parts.inputs, None if parts.labels is None else class_numbers(parts.labels), found.name)


def _refuse_foreign(inputs: Mapping[str, Column], found: Found, reading: Reading) -> None:
    """A member that is no input has as many rows as it likes: it is named for what it is, and not for those."""
    needed = {spec.name for spec in reading.inputs}
    foreign = [name for name in inputs if name not in needed]
    if foreign and needed and needed <= inputs.keys():
        raise DataError(
            "QK2106",
            f"{printable(foreign[0])!r} is not one of the model's inputs",
            where=printable(str(found.path)),
            hints=[
                "leave it out of the file; labels are called label, labels or y",
                f"the model's inputs: {', '.join(printable(str(spec)) for spec in reading.inputs)}",
            ],
        )


def content(found: Found, member: str | None, reading: Reading) -> Content:
    """The arrays of a file: inputs under the model's names as far as they can be known, and labels.

    Raises:
        DataError: no array that could be an input, or no member called `member`.
    """
    inputs = dict(opened(found.path, found.stamp, reading.max_array_bytes))
    labels = inputs.pop(_label_member(found, inputs, member, reading), None)
    if not inputs:
        raise DataError(
            "QK2111",
            "the file holds no array that could be an input",
            where=printable(str(found.path)),
            hints=["labels are members called label, labels or y, one for each sample"],
        )
    if len(inputs) == 1:
        ((name, column),) = inputs.items()
        if reading.input_name or name == _UNTITLED:
            inputs = {reading.input_name: column}
    return Content(inputs, labels)


def _label_member(found: Found, members: Mapping[str, Column], member: str | None, reading: Reading) -> str:
    """The name of the labels; one that no member has where there are none."""
    if member is not None and member not in members:
        raise DataError(
            "QK2111",
            f"there is no member {printable(member)!r}",
            where=printable(str(found.path)),
            hints=[*did_you_mean(member, list(members)), f"there are: {', '.join(map(printable, members))}"],
        )
    needed = {spec.name for spec in reading.inputs}
    usual = (name for name in LABEL_MEMBERS if name in members and name not in needed)
    return member or next(usual, _NO_MEMBER)


def _outline(inputs: Mapping[str, Column]) -> dict[str, Slot]:
    return {name: Slot(column.shape, fed(column.dtype)) for name, column in inputs.items()}


def _own_class(found: Found, parts: Content) -> int | None:
    if parts.labels is None:
        return None
    classes = class_numbers(loaded(parts.labels).reshape(-1))
    if len(classes) != 1:
        raise DataError(
            "QK2111",
            f"{len(classes)} labels for 1 sample",
            where=printable(str(found.path)),
            hints=["labels are members called label, labels or y, one for each sample"],
        )
    return int(classes[0])

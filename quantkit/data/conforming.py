"""Arrays held against a model's inputs: names, types, shapes, finite values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from quantkit.core.arrays import Array, Batch
from quantkit.core.artifact import TensorSpec, shape_text
from quantkit.core.errors import DataError
from quantkit.core.plugins import did_you_mean
from quantkit.core.ports import Samples
from quantkit.core.text import printable
from quantkit.data.inputs import dtype_of, has_batch_axis, takes
from quantkit.data.records import UNNAMED


def conforming(samples: Samples, specs: Sequence[TensorSpec]) -> Samples:
    """The batch with the inputs' names and types, in their order.

    float64 becomes float32 and integers change their width where no value changes; nothing else is converted. A
    batch axis of a size that the model fixes is left as it is, for the batches to be cut anew.

    Raises:
        DataError: a name too many or too few, another shape, a type that would change values, NaN or infinity.
    """
    named = _named(samples.inputs, specs)
    inputs = {spec.name: _typed(named[spec.name], spec) for spec in specs}
    # Axis 0 of the data counts samples, whether the model has an axis for that or not.
    skipped = 1 if has_batch_axis(specs) else 0
    for spec in specs:
        _refuse_other_shape(inputs[spec.name].shape[1:], spec.shape[skipped:], spec)
        _refuse_nonfinite(inputs[spec.name], samples, spec)
    return Samples(inputs, samples.ids, samples.labels)


def _named(inputs: Batch, specs: Sequence[TensorSpec]) -> Batch:
    wanted = [spec.name for spec in specs]
    if list(inputs) == [UNNAMED] and len(wanted) == 1:
        return {wanted[0]: inputs[UNNAMED]}
    missing = [name for name in wanted if name not in inputs]
    extra = [name for name in inputs if name not in wanted]
    if not missing and not extra:
        return inputs
    parts = [("is missing", missing), ("is not one of the model's", extra)]
    title = "; ".join(f"{', '.join(_quoted(name) for name in names)} {what}" for what, names in parts if names)
    near = [hint for name in extra for hint in did_you_mean(name, missing or wanted)]
    raise DataError(
        "QK2106",
        f"input names do not match: {title}",
        hints=[*near, f"the model's inputs: {', '.join(printable(str(spec)) for spec in specs)}"],
    )


def _quoted(name: str) -> str:
    return repr(printable(name)) if name else "an array without a name"


def _typed(array: Array, spec: TensorSpec) -> Array:
    wanted = dtype_of(spec)
    if array.dtype == wanted:
        return array
    both_floating = array.dtype.kind == wanted.kind == "f"
    both_whole = array.dtype.kind in "iub" and wanted.kind in "iu"
    if both_floating or (both_whole and _fits(array, wanted)):
        with np.errstate(over="ignore"):  # what becomes infinite is refused by name afterwards
            return array.astype(wanted)
    raise DataError(
        "QK2108",
        f"input {printable(spec.name)!r} takes {wanted}, the data has {array.dtype}",
        hints=_type_hints(array.dtype, wanted),
    )


def _fits(array: Array, wanted: np.dtype[Any]) -> bool:
    limits = np.iinfo(wanted)
    return array.size == 0 or (limits.min <= int(array.min()) and int(array.max()) <= limits.max)


def _type_hints(found: np.dtype[Any], wanted: np.dtype[Any]) -> list[str]:
    if found == np.uint8 and wanted.kind == "f":
        return [
            "normalise as in training, such as ((x / 255 - mean) / std).astype(np.float32)",
            "or give the images as a folder, with --preprocess",
        ]
    return [f"if the values are meant so: x.astype(np.{wanted})"]


def _refuse_other_shape(found: tuple[int, ...], wanted: tuple[int | str | None, ...], spec: TensorSpec) -> None:
    if not takes(wanted, found):
        raise DataError(
            "QK2107",
            f"input {printable(spec.name)!r} takes {shape_text(wanted)} a sample, the data has {shape_text(found)}",
            hints=_shape_hints(found, wanted),
        )


def _shape_hints(found: tuple[int, ...], wanted: tuple[int | str | None, ...]) -> list[str]:
    if len(found) == len(wanted) == 3:
        if takes(wanted, (found[1], found[2], found[0])):
            return ["the data has channels first: --layout nchw says so, or np.transpose(x, (0, 2, 3, 1))"]
        if takes(wanted, (found[2], found[0], found[1])):
            return ["the data has channels last: --layout nhwc says so, or np.transpose(x, (0, 3, 1, 2))"]
    if len(found) == len(wanted) - 1:
        return ["axis 0 of the data counts samples: add it with x[np.newaxis], or give a batch"]
    if len(found) == len(wanted) + 1:
        return ["the data has one axis too many; axis 0 alone counts samples"]
    return ["prepare the data as in training; for images set resize or crop in --preprocess"]


def _refuse_nonfinite(array: Array, samples: Samples, spec: TensorSpec) -> None:
    if array.dtype.kind != "f" or (finite := np.isfinite(array)).all():
        return
    row, *index = (int(axis) for axis in np.unravel_index(int(finite.argmin()), array.shape))
    raise DataError(
        "QK2105",
        f"input {printable(spec.name)!r} has {int((~finite[row]).sum())} values that are NaN or infinite",
        where=printable(samples.ids[row].name),
        cause=f"sample {printable(samples.ids[row].name)!r}, index {index}: {array[row][tuple(index)]}",
        hints=["look at the sample and at what prepared it, or leave it out"],
    )

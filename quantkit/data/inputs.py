"""A model's inputs as the data sees them: what is free, what counts samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import DataError
from quantkit.core.text import printable


def fixed(size: int | str | None) -> int | None:
    """A dimension's size where the model fixes it.

    >>> fixed(224), fixed("N"), fixed(-1)
    (224, None, None)
    """
    return size if isinstance(size, int) and size > 0 else None


def takes(wanted: Sequence[int | str | None], shape: Sequence[int]) -> bool:
    """Whether dimensions that the model states as `wanted` agree with those of an array.

    >>> takes(("N", 3, 224), (8, 3, 224)), takes(("N", 3, 224), (8, 1, 224)), takes((3,), (8, 3))
    (True, False, False)
    """
    sizes = map(fixed, wanted)
    return len(wanted) == len(shape) and all(size in (None, mine) for size, mine in zip(sizes, shape, strict=True))


def dtype_of(spec: TensorSpec) -> np.dtype[Any]:
    """An input's NumPy type.

    Raises:
        DataError: it takes a sequence, or something that no array holds.
    """
    try:
        return np.dtype(spec.dtype)
    except TypeError as reason:
        raise DataError(
            "QK2108",
            f"input {printable(spec.name)!r} takes {spec.dtype}, not an array",
            hints=["export the model with arrays as inputs"],
        ) from reason


def has_batch_axis(specs: Sequence[TensorSpec]) -> bool:
    """Whether axis 0 counts samples: every input has it, and it is free in all or the same size in all.

    A streaming model with caches as inputs often has none: one run is one sample there.

    >>> has_batch_axis([TensorSpec("x", "float32", ("N", 3)), TensorSpec("state", "float32", (2, "N", 8))])
    False
    """
    return all(spec.shape for spec in specs) and len({fixed(spec.shape[0]) for spec in specs}) == 1


def fixed_batch(specs: Sequence[TensorSpec]) -> int | None:
    """How many samples the model takes at a time, where it insists on a number."""
    return fixed(specs[0].shape[0]) if specs and has_batch_axis(specs) else None


def hold_batches(ranks: Mapping[str, int], specs: Sequence[TensorSpec]) -> bool | None:
    """Whether arrays of these ranks are stacks of samples, judged by the inputs of the same names.

    An only array is held against an only input whatever it is called. ``None`` where that does not tell.

    >>> image = [TensorSpec("x", "float32", ("N", 3, 32, 32))]
    >>> hold_batches({"": 4}, image), hold_batches({"x": 3}, image), hold_batches({"x": 2}, image)
    (True, False, None)
    """
    own_axis = 1 if has_batch_axis(specs) else 0
    wanted = {spec.name: len(spec.shape) - own_axis for spec in specs}
    if len(wanted) == len(ranks) == 1:
        wanted = dict.fromkeys(ranks, next(iter(wanted.values())))
    extra = {rank - wanted[name] for name, rank in ranks.items() if name in wanted}
    return extra == {1} if extra in ({0}, {1}) else None

"""The array types that every stage speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Floats: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]

Batch: TypeAlias = Mapping[str, Array]
"""Input or output name → array; axis 0 counts samples wherever the model has a batch axis."""


def same_values(mine: Array | None, theirs: Array | None) -> bool:
    """Equal values, with NaN equal to itself; `None` equals `None` only."""
    if mine is None or theirs is None:
        return mine is theirs
    return mine.dtype == theirs.dtype and np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f")

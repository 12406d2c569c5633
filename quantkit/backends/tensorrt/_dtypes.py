"""TensorRT's types as NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np

from quantkit.core.arrays import Array
from quantkit.core.errors import DataError, ModelError

# By name, as not every version knows each of them.
_NUMPY: dict[str, type[np.generic]] = {
    "FLOAT": np.float32,
    "HALF": np.float16,
    "INT8": np.int8,
    "INT32": np.int32,
    "INT64": np.int64,
    "BOOL": np.bool_,
    "UINT8": np.uint8,
}


def numpy_type(dtype: Any, tensor: str) -> np.dtype[Any]:
    """NumPy's type for a `tensorrt.DataType`.

    Raises:
        ModelError: NumPy has none, as for bfloat16.
    """
    if dtype.name not in _NUMPY:
        raise ModelError(
            "QK3046",
            f"{tensor!r} is {dtype.name}, which NumPy does not have",
            where=tensor,
            hints=["export the model with float32 inputs and outputs"],
        )
    return np.dtype(_NUMPY[dtype.name])


def as_fed(values: Array, dtype: np.dtype[Any], name: str) -> Array:
    """`values` in the engine's own type: TensorRT 8 and 9 take int32 where the model says int64.

    >>> as_fed(np.array([1, 2]), np.dtype(np.int32), "x").dtype
    dtype('int32')
    >>> as_fed(np.array([2**40]), np.dtype(np.int32), "x")
    Traceback (most recent call last):
    quantkit.core.errors.DataError: error[QK2155]: input 'x' holds 1099511627776, which int32 does not
      --> x
    hint:  give values that fit the type, or build the engine from a model with a wider one
    >>> as_fed(np.array([1.5]), np.dtype(np.int32), "x")
    Traceback (most recent call last):
    quantkit.core.errors.DataError: error[QK2156]: input 'x' is float64, the engine takes int32
      --> x
    hint:  give arrays of the type that the engine takes

    Raises:
        DataError: the values cannot be had in that type.
    """
    if values.dtype == dtype:
        return values
    if not np.can_cast(values.dtype, dtype, "same_kind"):
        raise DataError(
            "QK2156",
            f"input {name!r} is {values.dtype}, the engine takes {dtype}",
            where=name,
            hints=["give arrays of the type that the engine takes"],
        )
    if dtype.kind in "iu" and values.size:
        limits = np.iinfo(dtype)
        furthest = max(values.max(), values.min(), key=abs)
        if not limits.min <= furthest <= limits.max:
            raise DataError(
                "QK2155",
                f"input {name!r} holds {furthest}, which {dtype} does not",
                where=name,
                hints=["give values that fit the type, or build the engine from a model with a wider one"],
            )
    return values.astype(dtype)

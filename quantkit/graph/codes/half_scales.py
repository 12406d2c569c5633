"""Constant codes with a scale in float16."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantkit.core.arrays import Array, Floats
from quantkit.graph.codes.weights import QuantizedConstant

# Smaller numbers have fewer than 10 bits.
SMALLEST = 2.0**-15
_LARGEST = float(np.finfo(np.float16).max)

# What is lost on the way is a hundredth of what the codes themselves have lost.
_LEAST_SQNR = 60.0


class HalfScaled(NamedTuple):
    """Codes, and their scale in float16."""

    codes: Array
    scale: NDArray[np.float16]


def with_half_scales(constant: QuantizedConstant) -> HalfScaled | None:
    """The codes of `constant`, and scales that float16 holds to 10 bits or more.

    A scale below 3·10⁻⁵, as channels that hardly matter have, would lose bits or become 0. It is replaced by that
    number, and the codes get smaller in proportion.

    Args:
        constant: any codes.

    Returns:
        ``None`` if the values would change by more than −60 dB of all.
    """
    if constant.scale.max(initial=0) > _LARGEST:
        return None
    scale = np.maximum(constant.scale, SMALLEST).astype(np.float16)
    before, after = (
        _along(values, constant) for values in (constant.scale.astype(np.float64), scale.astype(np.float64))
    )
    zero_point = _along(constant.zero_point, constant)
    wanted = (constant.codes.astype(np.float64) - zero_point) * before
    limits = np.iinfo(constant.codes.dtype)
    codes = np.clip(np.rint(wanted / after) + zero_point, limits.min, limits.max)
    noise = np.square((codes - zero_point) * after - wanted).sum()
    if noise > np.square(wanted).sum() / 10 ** (_LEAST_SQNR / 10):
        return None
    return HalfScaled(codes.astype(constant.codes.dtype), scale)


def _along(values: Array | Floats, constant: QuantizedConstant) -> Array:
    """One value, or one for each index along the axis, in a shape that goes with the codes."""
    if values.ndim == 0 or constant.axis is None:
        return values.reshape(())
    shape = [1] * constant.codes.ndim
    shape[constant.axis] = values.size
    return values.reshape(shape)

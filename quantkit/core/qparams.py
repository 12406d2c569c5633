"""Scale and zero point: how real values become codes and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantkit.core.arrays import Array, Floats
from quantkit.core.ranges import Range
from quantkit.core.scheme import Scheme

# The product of two scales (a Conv's bias scale) has to stay a normal float32: 2**-63 · 2**-63 = 2**-126.
SMALLEST_SCALE = 2.0**-63


@dataclass(frozen=True, slots=True, eq=False)
class QParams:
    """Scale (float32, > 0) and zero point (the scheme's integer type), 0-d or one for each channel.

    real ≈ scale · (code − zero_point), with code = clip(round_half_even(real / scale) + zero_point).

    >>> from quantkit.core.scheme import INT8, UINT8
    >>> q = QParams.of(Range(-1.0, 2.54), INT8)
    >>> bool(q.scale == np.float32(2.54 / 127)), int(q.zero_point)
    (True, 0)
    >>> q = QParams.of(Range(0.0, 2.55), UINT8)
    >>> q.quantize(np.array([0.0, 1.0, 9.0], np.float32)).tolist()
    [0, 100, 255]
    """

    scheme: Scheme
    scale: Floats
    zero_point: Array

    @classmethod
    def of(cls, interval: Range, scheme: Scheme) -> QParams:
        """The parameters that lay `interval`, widened to hold 0, over the scheme's codes.

        A tensor that is always 0 has no width; any scale is exact for it, and 1 is the plainest. A range narrower
        than `SMALLEST_SCALE` allows gets that scale.
        """
        kept = interval.with_zero()
        if scheme.symmetric:
            wanted = kept.limit / scheme.highest
        else:
            wanted = (kept.high - kept.low) / (scheme.highest - scheme.lowest)
        scale = np.where(wanted > 0, np.maximum(wanted, SMALLEST_SCALE), 1.0).astype(np.float32)
        zero = np.zeros_like(scale) if scheme.symmetric else np.rint(scheme.lowest - kept.low / scale)
        zero_point = np.clip(zero, scheme.lowest, scheme.highest).astype(scheme.dtype)
        return cls(scheme, np.asarray(scale), np.asarray(zero_point))

    def quantize(self, values: Array) -> Array:
        """Codes of `values`, any shape; half-way cases go to the even code, values outside saturate."""
        scale, zero_point = self._aligned(values.ndim)
        with np.errstate(over="ignore"):  # a quotient beyond float32 is beyond the codes as well
            codes = np.rint(np.asarray(values, np.float32) / scale) + zero_point
        return np.asarray(np.clip(codes, self.scheme.lowest, self.scheme.highest).astype(self.scheme.dtype))

    def dequantize(self, codes: Array) -> Floats:
        """The real values that `codes` stand for."""
        scale, zero_point = self._aligned(codes.ndim)
        return (codes.astype(np.float32) - zero_point) * scale

    def _aligned(self, ndim: int) -> tuple[Floats, Floats]:
        """Scale and zero point shaped so that they broadcast along the scheme's axis."""
        zero_point = self.zero_point.astype(np.float32)
        if self.scheme.axis is None:
            return self.scale, zero_point
        shape = [1] * ndim
        shape[self.scheme.axis] = -1
        return self.scale.reshape(shape), zero_point.reshape(shape)

    def __repr__(self) -> str:
        if self.scale.ndim == 0:
            return f"QParams(scale={self.scale:.6g}, zero_point={self.zero_point})"
        return f"QParams({self.scale.size} channels, scale {self.scale.min():.6g} to {self.scale.max():.6g})"

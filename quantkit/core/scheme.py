"""Which integer codes a tensor may use, and how a range is laid over them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from quantkit.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Scheme:
    """A mapping between real values and 8-bit codes.

    Symmetric schemes put 0 at code 0 and use ``scale = limit / highest``; affine ones spread ``[low, high]`` over
    all codes with a zero point. ``axis`` counts channels that have a scale each; ``None`` means one for the tensor.

    >>> INT8
    Scheme(symmetric=True, lowest=-127, highest=127, axis=None)
    >>> INT8.dtype, UINT8.dtype
    (dtype('int8'), dtype('uint8'))
    """

    symmetric: bool
    lowest: int
    highest: int
    axis: int | None = None

    def __post_init__(self) -> None:
        """Refuses codes that no 8-bit type holds."""
        signed = -128 <= self.lowest < 0 < self.highest <= 127
        unsigned = self.lowest == 0 < self.highest <= 255
        if not signed and not unsigned:
            raise UsageError(
                "QK1010",
                f"codes {self.lowest} to {self.highest} fit neither int8 nor uint8",
                hints=["use -127 to 127 for signed codes, 0 to 255 for unsigned ones"],
            )

    @property
    def dtype(self) -> np.dtype[np.int8] | np.dtype[np.uint8]:
        """The storage type of the codes."""
        return np.dtype(np.int8) if self.lowest < 0 else np.dtype(np.uint8)

    def per_channel(self, axis: int) -> Scheme:
        """The same codes with one scale for each index along `axis`."""
        return replace(self, axis=axis)


INT8 = Scheme(symmetric=True, lowest=-127, highest=127)
UINT8 = Scheme(symmetric=False, lowest=0, highest=255)
# Without VNNI, x86 adds pairs of products in 16 bits: 255·64·2 fits where 255·127·2 saturates.
INT7 = Scheme(symmetric=True, lowest=-64, highest=64)

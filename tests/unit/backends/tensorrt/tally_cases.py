"""Values that a counter may get wrong, and what the processor counts of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quantkit.core.arrays import Floats
from quantkit.core.histogram import Histogram
from quantkit.core.tally import Tally

RANDOM = np.random.default_rng(7)


def on_the_processor(batches: Sequence[Floats]) -> Histogram:
    tally = Tally()
    for values in batches:
        tally.fold(values)
    return tally.histogram()


def normal(size: int, scale: float = 1.0) -> Floats:
    return (RANDOM.normal(size=size) * scale).astype(np.float32)


SPECIAL = [0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, -np.inf]
TINY_AND_HUGE = [1e-45, -1e-45, 1.1754944e-38, 3.4028235e38, 2.0**-68, -(2.0**-57)]
AWKWARD = np.array(SPECIAL + TINY_AND_HUGE, np.float32)

CASES: dict[str, list[Floats]] = {
    "gaussian": [normal(5000)],
    "not a multiple of a load": [normal(4099)],
    "more than one block": [normal(70_001)],
    "behind a relu": [np.maximum(normal(9000), 0)],
    "widened batch by batch": [normal(300, scale) for scale in (1e-30, 1e-3, 1.0, 500.0, 3e30)],
    "shrinking batches": [normal(300, scale) for scale in (500.0, 1.0, 1e-3)],
    "denormals only": [np.array([1e-45, -1e-44, 1e-40], np.float32)],
    "zeros only": [np.zeros(37, np.float32), np.full(3, -0.0, np.float32)],
    "nothing finite": [np.array([np.nan, np.inf], np.float32)],
    "awkward": [AWKWARD, AWKWARD[::-1].copy()],
    "nothing at all": [np.zeros(0, np.float32)],
    "a constant": [np.full(3000, 0.3, np.float32)],
    "all bits": [RANDOM.integers(0, 2**32, 20_000, np.uint32).view(np.float32)],
    "powers of two": [np.float32(2.0) ** np.arange(-20, 20, dtype=np.float32)],
}

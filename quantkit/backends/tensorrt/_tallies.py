"""The counters of native/counting.cu as NumPy sees them, and the kernels as a driver takes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quantkit.core.arrays import Array
from quantkit.core.histogram import BINS, LOWEST_EXPONENT, Histogram

NATIVE = Path(__file__).parent / "native"

THREADS = 256
"""Threads of a block, as the kernels are compiled."""

# Values for one block: enough to pay for clearing and adding up its 8192 counters, few enough that a batch of a small
# network keeps every multiprocessor busy. A multiple of what one load takes.
_CHUNK_VALUES = 1 << 16

_VALUE_BYTES = 4

CHUNK = np.dtype([("values", np.uint64), ("count", np.uint32), ("tensor", np.uint32)])

TALLY = np.dtype(
    [
        ("bins", np.int64, 2 * BINS),
        ("zeros", np.int64),
        ("nans", np.int64),
        ("positive_infinities", np.int64),
        ("negative_infinities", np.int64),
        ("seen", np.int32, 2),
        ("fresh", np.int32, 2),
        ("exponent", np.int32),
        ("padding", np.int32),
    ]
)

# Keys of an extent that holds nothing: its low end is the largest key there is, its high end the smallest.
_NOTHING = (2**31 - 1, -(2**31))
_MAGNITUDE = 0x7FFFFFFF


def ptx() -> bytes:
    """The kernels in the GPU's portable assembly, ended by a zero as the driver wants it."""
    return (NATIVE / "counting.ptx").read_bytes() + b"\0"


def empty_tallies(number: int) -> Array:
    """Counters that have counted nothing: `TALLY`[number]."""
    tallies = np.zeros(number, TALLY)
    tallies["seen"] = tallies["fresh"] = _NOTHING
    tallies["exponent"] = LOWEST_EXPONENT
    return tallies


def chunk_table(places: Sequence[tuple[int, int]]) -> Array:
    """Which block counts what: `CHUNK`[blocks], from the address and the number of values of each tensor.

    >>> chunk_table([(0x1000, 3), (0x2000, 0), (0x3000, 65537)])[["count", "tensor"]].tolist()
    [(3, 0), (65536, 2), (1, 2)]
    """
    rows = [
        (address + start * _VALUE_BYTES, min(_CHUNK_VALUES, size - start), tensor)
        for tensor, (address, size) in enumerate(places)
        for start in range(0, size, _CHUNK_VALUES)
    ]
    return np.array(rows, CHUNK)


def histogram_of(tally: Any) -> Histogram:
    """What one counter has counted, in the form that the processor's own counting has."""
    bins = np.asarray(tally["bins"], np.int64)
    low, high = (int(key) for key in tally["seen"])
    return Histogram(
        exponent=int(tally["exponent"]),
        positive=bins[BINS:].copy(),
        negative=bins[BINS - 1 :: -1].copy(),
        zeros=int(tally["zeros"]),
        nans=int(tally["nans"]),
        positive_infinities=int(tally["positive_infinities"]),
        negative_infinities=int(tally["negative_infinities"]),
        low=_value_of(low) if low <= high else float("inf"),
        high=_value_of(high) if low <= high else float("-inf"),
    )


def _value_of(key: int) -> float:
    """The float32 that a key stands for; +0 for both zeros.

    >>> _value_of(0x3F800000), _value_of(~0x3F800000), _value_of(-1)
    (1.0, -1.0, 0.0)
    """
    bits = key ^ _MAGNITUDE if key < 0 else key
    return float(np.int32(bits).view(np.float32)) + 0.0

"""Per-sample outcomes as text: a bit or a double a sample, packed, compressed and with a hash.

50,000 samples that are right or wrong are 6,250 bytes, which a repository does not mind.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from quantkit.core.arrays import Array
from quantkit.core.json_values import text

BITS = "bitset+zlib+b64"
DOUBLES = "float64+zlib+b64"

# The best that zlib does; files are written once and read often.
_LEVEL = 9


def packed(values: Array) -> bytes:
    """bool[n] as n / 8 bytes, the first sample in the lowest bit; float64[n] as little-endian doubles."""
    if values.dtype.kind == "b":
        return np.packbits(values, bitorder="little").tobytes()
    return values.astype("<f8").tobytes()


def unpacked(raw: bytes, kind: str, count: int) -> Array:
    """The other way round. Raises ValueError for another number of bytes."""
    if len(raw) != size(kind, count):
        raise ValueError(f"{len(raw)} bytes of outcomes for {count} samples")
    if kind == BITS:
        return np.unpackbits(np.frombuffer(raw, np.uint8), count=count, bitorder="little").astype(bool)
    return np.frombuffer(raw, "<f8").astype(np.float64)


def size(kind: str, count: int) -> int:
    """Bytes of `count` outcomes, unpacked. Raises ValueError for another kind."""
    if kind not in (BITS, DOUBLES):
        raise ValueError(f"outcomes are stored as {kind!r}")
    return (count + 7) // 8 if kind == BITS else 8 * count


def written(values: Array) -> dict[str, Any]:
    """The JSON object.

    >>> written(np.array([True, False, True]))["enc"]
    'bitset+zlib+b64'
    """
    raw = packed(values)
    return {
        "enc": BITS if values.dtype.kind == "b" else DOUBLES,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "data": base64.b64encode(zlib.compress(raw, _LEVEL)).decode("ascii"),
    }


def read(entry: Mapping[str, Any], count: int) -> Array:
    """The outcomes of `count` samples. Raises ValueError, KeyError or TypeError on damage; never inflates a bomb."""
    kind = text(entry["enc"])
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(base64.b64decode(text(entry["data"]), validate=True), size(kind, count) + 1)
    except zlib.error as reason:
        raise ValueError(str(reason)) from reason
    if hashlib.sha256(raw).hexdigest() != text(entry["sha256"]):
        raise ValueError("the SHA-256 of stored outcomes does not match")
    return unpacked(raw, kind, count)

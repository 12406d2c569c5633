"""The scans of handwritten digits that scikit-learn bundles, split into parts and written as PNG files."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CALIB_IMAGES = 256
EVAL_IMAGES = 900
BRIGHTEST_LEVEL = 16  # each scan pixel counts the inked pixels of a 4x4 block


@dataclass(frozen=True, slots=True)
class Scan:
    """One digit: its place in scikit-learn's order, its class, and its pixels, uint8 (8, 8), 0..255."""

    number: int
    digit: int
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Parts:
    """Three disjoint parts of the scans; `train` is used by train.py alone and is not stored."""

    train: tuple[Scan, ...]
    calib: tuple[Scan, ...]
    eval: tuple[Scan, ...]


def split() -> Parts:
    """Cut the bundled scans into consecutive parts, the last ones for evaluation.

    The order is kept because neighbours were often written by one person: a scan's nearest neighbour in
    pixels is 85 places away at the median, and would be 541 away in a random order. Shuffled parts would
    share their writers, and the accuracy would flatter.
    """
    scans = distinct(bundled_scans())
    calib, evaluation = len(scans) - EVAL_IMAGES - CALIB_IMAGES, len(scans) - EVAL_IMAGES
    return Parts(train=scans[:calib], calib=scans[calib:evaluation], eval=scans[evaluation:])


def bundled_scans() -> tuple[Scan, ...]:
    """Every scan in scikit-learn's order, its 17 grey levels spread over 0..255."""
    from sklearn.datasets import load_digits

    bundle = load_digits()
    levels = np.rint(bundle.images * (255 / BRIGHTEST_LEVEL)).astype(np.uint8)
    return tuple(
        Scan(number, int(digit), pixels)
        for number, (digit, pixels) in enumerate(zip(bundle.target, levels, strict=True))
    )


def distinct(scans: Iterable[Scan]) -> tuple[Scan, ...]:
    """The scans without exact repetitions, so that no image can be in two parts."""
    first_with: dict[bytes, Scan] = {}
    for scan in scans:
        first_with.setdefault(scan.pixels.tobytes(), scan)
    return tuple(first_with.values())


def write_folder(scans: Iterable[Scan], folder: Path) -> None:
    """Write each scan to `folder/<class>/<number>.png`."""
    for scan in scans:
        path = folder / str(scan.digit) / f"{scan.number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(scan.pixels))


def png(pixels: NDArray[np.uint8]) -> bytes:
    """An 8-bit grey PNG file of `pixels`, (height, width).

    The pixels are stored, not compressed: a compressor's bytes change with its version, and at 8x8 pixels
    there is nothing to gain (PNG specification, sections 5 and 11; RFC 1950; RFC 1951, section 3.2.4).
    """
    height, width = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)  # each row starts with its filter: 0, none
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", _stored(rows)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _stored(data: bytes) -> bytes:
    block = struct.pack("<BHH", 1, len(data), len(data) ^ 0xFFFF) + data
    return b"\x78\x01" + block + struct.pack(">I", zlib.adler32(data))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

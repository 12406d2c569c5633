"""From the bytes of a calibration cache to the record, or to everything that is wrong with them."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from quantkit.core.errors import ArtifactError
from quantkit.core.plugins import did_you_mean
from quantkit.core.text import shortened
from quantkit.core.trt_cache import ALGORITHMS, Header, LegacyHeader, TensorrtCache, unusable

MOST_BYTES = 16 << 20
"""A line takes some 50 bytes, so this is a network of 300,000 tensors."""

LONGEST_LINE = 1 << 16

MOST_FLAWS = 100
"""Whoever wants to know of more has to repair these first."""

_VERSIONED = re.compile(r"TRT-([0-9A-Za-z]{4}|[0-9]{5,6})-(\w+)", re.ASCII)
_LEGACY = re.compile(r"([0-9]{1,9}) ([0-9a-fA-F]{1,16}) ([0-9a-fA-F]{1,16})")
_SCALE = re.compile(r"[0-9a-fA-F]{1,8}")
_DIGITS = 8

# Nearly every scale of every network lies here: enough to recognize one whose bytes are in the wrong order.
_COMMON = 2.0**-24, 2.0**16


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong: in which line, counted from 1, under which code, and what to do about it."""

    line: int
    code: str
    title: str
    hints: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"line {self.line}: {self.title}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read, and up to `MOST_FLAWS` things that are wrong; without any, the rest is a `TensorrtCache`."""

    header: Header | LegacyHeader | None = None
    scales: dict[str, np.float32] = field(default_factory=dict)
    flaws: tuple[Flaw, ...] = ()


def parsed(content: bytes, name: str = "cache") -> TensorrtCache:
    """The cache that `content` holds; `name` says in an error where the content comes from.

    Lines may end in CRLF, blank ones may follow the last, and a scale may lack leading zeros.

    Raises:
        ArtifactError: whatever else TensorRT does not write, with the line where it stands.

    >>> parsed(b"TRT-8503-EntropyCalibration2\\r\\ndata:0: 3caa54fc\\r\\n").to_bytes()
    b'TRT-8503-EntropyCalibration2\\ndata:0: 3caa54fc\\n'
    """
    reading = read(content)
    if reading.flaws or reading.header is None:
        first, *others = reading.flaws
        more = [f"{len(others)} more: quantkit cache lint {name}"] if others else []
        raise ArtifactError(first.code, first.title, where=f"{name}:{first.line}", hints=[*first.hints, *more])
    return TensorrtCache(reading.header, reading.scales)


def read(content: bytes) -> Reading:
    """Reads as much as can be made sense of, however damaged."""
    if len(content) > MOST_BYTES:
        return Reading(flaws=(_foreign(f"{len(content)} bytes are too many for a calibration cache"),))
    lines = _lines(content)
    header = _header(next(lines, b""))
    scales: dict[str, np.float32] = {}
    places: dict[str, int] = {}
    flaws = [header] if isinstance(header, Flaw) else []
    for number, line in enumerate(lines, start=2):
        name, found = _entry(number, line)
        if name in places:
            found = Flaw(number, "QK3265", f"tensor {_shown(name)} has a scale in line {places[name]} already")
        if isinstance(found, Flaw):
            flaws.append(found)
        else:
            scales[name], places[name] = found, number
        if len(flaws) >= MOST_FLAWS:
            break
    if not scales and not flaws:
        flaws.append(_foreign("the calibration cache holds no scale"))
    return Reading(None if isinstance(header, Flaw) else header, scales, tuple(flaws))


def _lines(content: bytes) -> Iterator[bytes]:
    """The lines with their ends, without the blank ones behind the last; only a line that was cut off lacks its end."""
    text = content.rstrip(b"\r\n\t ")
    return iter(io.BytesIO(text + b"\n" if b"\n" in content[len(text) :] else text))


def _header(line: bytes) -> Header | LegacyHeader | Flaw:
    text = line[:LONGEST_LINE].decode("utf-8", "backslashreplace").rstrip("\r\n")
    if found := _VERSIONED.fullmatch(text):
        if found[2] in ALGORITHMS:
            return Header(found[1], found[2])
        hints = (*did_you_mean(found[2], list(ALGORITHMS)), f"there are: {', '.join(ALGORITHMS)}")
        return Flaw(1, "QK3262", f"TensorRT has no algorithm {_shown(found[2])}: it would calibrate again", hints)
    if found := _LEGACY.fullmatch(text):
        cutoff, quantile = (struct.unpack(">d", bytes.fromhex(word.zfill(16)))[0] for word in found.groups()[1:])
        if 0 <= cutoff <= 1 and 0 <= quantile <= 1:
            return LegacyHeader(quantile, cutoff, int(found[1]))
        return _foreign(f"the legacy header's cutoff {cutoff:.6g} and quantile {quantile:.6g} are no shares")
    hint = "the first line of one is like TRT-8503-EntropyCalibration2"
    return _foreign(f"not a calibration cache: the first line is {_shown(text)}" if text else "the file is empty", hint)


def _foreign(title: str, *hints: str) -> Flaw:
    return Flaw(1, "QK3262", title, hints)


def _entry(number: int, line: bytes) -> tuple[str, np.float32 | Flaw]:
    """The tensor of one line and its scale; no name where a name cannot be told."""
    if len(line) > LONGEST_LINE:
        return "", _malformed(number, f"{len(line)} bytes are too many for a tensor and its scale")
    try:
        text = line.rstrip(b"\r\n").decode()
    except UnicodeDecodeError:
        return "", _malformed(number, f"not text: {_shown(line[:40].decode('ascii', 'backslashreplace'))}")
    name, colon, digits = text.rpartition(":")
    digits = digits.strip(" \t")
    if not line.endswith(b"\n") and (not colon or len(digits) < _DIGITS):
        return "", _malformed(number, f"the file breaks off in {_shown(text)}", "get the whole file again")
    if not (name and _SCALE.fullmatch(digits)):
        return "", _malformed(number, f"{_shown(text)} is not a tensor's name, a colon and a float32 in hex")
    return name, _scale(number, name, bytes.fromhex(digits.zfill(_DIGITS)))


def _malformed(number: int, title: str, *hints: str) -> Flaw:
    return Flaw(number, "QK3263", title, hints)


def _scale(number: int, name: str, content: bytes) -> np.float32 | Flaw:
    value, reverse = (float(struct.unpack(order, content)[0]) for order in (">f", "<f"))
    reason = unusable(value)
    if reason is None or value == 0:
        scale: np.float32 = np.float32(value)
        return scale
    hints = [f"without line {number} the tensor is left in FP16 or FP32: sed -i {number}d FILE"]
    if _COMMON[0] <= reverse <= _COMMON[1]:
        hints.insert(0, f"read backwards it is {reverse:.6g}: whoever wrote it confused the order of the bytes")
    return Flaw(number, "QK3264", f"tensor {_shown(name)}: a scale of {value:.6g}: {reason}", tuple(hints))


def _shown(text: str) -> str:
    return repr(shortened(text, 100))

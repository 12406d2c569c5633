"""TensorRT's calibration cache: a scale for each tensor, and what the file says about itself.

TensorRT writes ``amax / 127`` as float32, where amax is the largest magnitude that keeps a code of its own. It checks
a cache's first line against the calibrator that offers it, and neither network nor weights nor data.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quantkit.core.calibration import Calibration, Provenance, TensorCalibration
from quantkit.core.errors import ArtifactError, UsageError
from quantkit.core.qparams import SMALLEST_SCALE, QParams
from quantkit.core.ranges import Range
from quantkit.core.scheme import INT8
from quantkit.core.text import shortened

LARGEST_SCALE = 1 / SMALLEST_SCALE
"""The product of two scales must stay a finite, normal float32 at this end too."""

ENTROPY_2 = "EntropyCalibration2"
LEGACY = "LegacyCalibration"
ALGORITHMS = ("MinMaxCalibration", "EntropyCalibration", ENTROPY_2)
"""What the first line calls the calibrators MinMax, Entropy and Entropy2."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: which TensorRT wrote the cache, and for which calibrator.

    Args:
        version: as it is spelled there: four characters up to TensorRT 9, six digits from 10 on.
        algorithm: one of `ALGORITHMS`.

    >>> str(Header()), Header().tensorrt
    ('TRT-8503-EntropyCalibration2', '8.5.3')
    """

    version: str = "8503"
    algorithm: str = ENTROPY_2

    @classmethod
    def of(cls, tensorrt: str, algorithm: str = ENTROPY_2) -> Header:
        """The header that TensorRT `tensorrt`, such as ``"8.5.3"`` or ``"10.3.0.26"``, writes and looks for.

        TensorRT 8.5.3 was seen to take any version of four characters, and none of six.

        Raises:
            UsageError: no version number, or one of a TensorRT without calibration caches.

        >>> str(Header.of("10.3"))
        'TRT-100300-EntropyCalibration2'
        """
        found = re.fullmatch(r"(\d{1,2})\.(\d{1,2})(?:\.(\d{1,2}))?(?:\.\d+)?", tensorrt, re.ASCII)
        major, minor, patch = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
        if not 5 <= major <= 10 or (major < 10 and minor > 9):
            title = f"{tensorrt!r} is no version of TensorRT that reads calibration caches"
            hints = [
                "write it as 8.5.3 or 10.3.0",
                "TensorRT 11 takes scales from the model alone: quantkit cache convert CACHE INT8.onnx --model MODEL",
            ]
            raise UsageError("QK1092", title, hints=hints)
        factor = 10000 if major >= 10 else 1000
        return cls(str(major * factor + minor * 100 + patch), algorithm)

    @property
    def tensorrt(self) -> str | None:
        """The version as people write it; ``None`` for a placeholder such as ``8XXX``."""
        if not self.version.isdecimal():
            return None
        major, rest = divmod(int(self.version), 10000 if len(self.version) > 4 else 1000)
        return f"{major}.{rest // 100}.{rest % 100}"

    @property
    def meaning(self) -> str:
        """In words."""
        return f"TensorRT {self.tensorrt or self.version}, {self.algorithm}"

    def __str__(self) -> str:
        return f"TRT-{self.version}-{self.algorithm}"


@dataclass(frozen=True, slots=True)
class LegacyHeader:
    """The first line that the legacy calibrator writes: no version, but its two options as doubles.

    Args:
        quantile: share of the values that is kept.
        cutoff: its regression cutoff, in [0, 1].
        format: the number in front, which is 0 in every cache seen.

    >>> str(LegacyHeader(quantile=0.9999, cutoff=1.0))
    '0 3ff0000000000000 3fefff2e48e8a71e'
    """

    quantile: float
    cutoff: float
    format: int = 0

    @property
    def algorithm(self) -> str:
        """A name for it, in the manner of the others."""
        return LEGACY

    @property
    def tensorrt(self) -> str | None:
        """Not known."""
        return None

    @property
    def meaning(self) -> str:
        """In words."""
        return f"TensorRT's legacy calibrator, quantile {self.quantile:g}, regression cutoff {self.cutoff:g}"

    def __str__(self) -> str:
        return f"{self.format} {struct.pack('>d', self.cutoff).hex()} {struct.pack('>d', self.quantile).hex()}"


@dataclass(frozen=True, slots=True)
class TensorrtCache:
    """Tensor → scale, float32 and > 0, in the order of the file.

    A scale of 0 is what TensorRT itself writes for a tensor that was always 0, such as a constant in a Clip.

    Raises:
        ArtifactError: no tensor at all, a name that no line can hold, or a scale that nothing can be quantized with.
    """

    header: Header | LegacyHeader
    scales: Mapping[str, np.float32]

    def __post_init__(self) -> None:
        """Refuses what could not be written and read back."""
        if not self.scales:
            raise ArtifactError("QK3262", "a calibration cache without a single scale", hints=["calibrate again"])
        for name, scale in self.scales.items():
            if reason := unwritable(name):
                raise ArtifactError(
                    "QK3266",
                    f"no calibration cache can hold a tensor called {name!r}",
                    cause=reason,
                    hints=["rename the tensor in the model"],
                )
            if scale != 0 and (reason := unusable(scale)):
                title = f"tensor {shortened(name, 120)!r}: {scale:.6g} is no scale to quantize with"
                hints = ["calibrate again, with a rule that does not let one huge value set the scale"]
                raise ArtifactError("QK3264", title, cause=reason, hints=hints)

    @classmethod
    def of(cls, calibration: Calibration, header: Header) -> TensorrtCache:
        """The scales of a calibration, bit for bit those of its symmetric Q/DQ model."""
        return cls(header, scales_of({name: _kept(tensor) for name, tensor in calibration.tensors.items()}))

    def calibration(self, provenance: Provenance, rule: str | None = None) -> Calibration:
        """Ranges of ±127 · scale, so that quantizing with them gives these very scales.

        Args:
            provenance: what the scales belong to, since the cache itself does not say.
            rule: what chose them; by default what the header says.
        """
        return stated(ranges_of(self.scales), rule or self.rule, provenance)

    def merged(self, other: TensorrtCache) -> TensorrtCache:
        """The scales of both, these first; the first line is that of this cache.

        Raises:
            ArtifactError: caches of different calibrators, or for versions that do not read each other's; or a tensor
                with a scale in each that is not the same.
        """
        if _readers(self.header) != _readers(other.header):
            raise ArtifactError(
                "QK3276",
                f"a cache of {self.header} and one of {other.header} are not merged",
                cause="no calibrator takes them both",
                hints=["calibrate with the same one", "for another version: quantkit cache convert --trt-version"],
            )
        apart = [name for name in self.scales.keys() & other.scales.keys() if self.scales[name] != other.scales[name]]
        if apart:
            first = min(apart)
            raise ArtifactError(
                "QK3277",
                f"{len(apart)} {'tensor has' if len(apart) == 1 else 'tensors have'} another scale in each cache, "
                f"such as {shortened(first, 120)!r}",
                where=first,
                cause=f"{self.scales[first]:.9g} in the one, {other.scales[first]:.9g} in the other",
                hints=["quantkit cache diff shows them all", "remove the lines of one that are not wanted"],
            )
        return TensorrtCache(self.header, {**self.scales, **other.scales})

    @property
    def rule(self) -> str:
        """What chose the scales, as far as the header tells: quantkit's own go under a name of TensorRT's as well."""
        return f"tensorrt cache: {self.header.algorithm}"

    def to_bytes(self) -> bytes:
        """The file as TensorRT writes it: big-endian hex without leading zeros, lines that end in one newline.

        >>> TensorrtCache(Header(), {"data": np.float32(2.64 / 127)}).to_bytes()
        b'TRT-8503-EntropyCalibration2\\ndata: 3caa4a57\\n'
        """
        lines = [f"{name}: {_bits(scale):x}\n" for name, scale in self.scales.items()]
        return f"{self.header}\n{''.join(lines)}".encode()

    def __repr__(self) -> str:
        return f"TensorrtCache({self.header}: {len(self.scales)} tensors)"


def _readers(header: Header | LegacyHeader) -> Header | LegacyHeader:
    """What stands for all calibrators that take the cache: versions 8 and 9, of four characters, read each other's."""
    if isinstance(header, LegacyHeader) or len(header.version) > len(Header().version):
        return header
    return Header(algorithm=header.algorithm)


def _bits(scale: np.float32) -> int:
    return int.from_bytes(struct.pack(">f", scale), "big")


def ranges_of(scales: Mapping[str, np.float32]) -> dict[str, Range]:
    """±127 · scale, exact in float64, so that `scales_of` gives the same scales back.

    >>> ranges_of({"data": np.float32(0.5)})
    {'data': Range(-63.5, 63.5)}
    """
    return {name: Range.symmetric(float(scale) * INT8.highest) for name, scale in scales.items()}


def scales_of(ranges: Mapping[str, Range]) -> dict[str, np.float32]:
    """The scale of the symmetric int8 codes that cover each range.

    scale = limit / 127 rounded to float32. That is TensorRT's own float32 division for every limit that is a float32:
    rounding a quotient first to 53 and then to 24 bits changes nothing, since 53 ≥ 2 · 24 + 2. A range of nothing but 0
    gets scale 1, since any scale is exact for it; TensorRT itself writes 0.

    >>> {name: float(scale) for name, scale in scales_of({"relu": Range(0, 254), "dead": Range(0, 0)}).items()}
    {'relu': 2.0, 'dead': 1.0}
    """
    return {name: np.float32(QParams.of(interval, INT8).scale) for name, interval in ranges.items()}


def stated(ranges: Mapping[str, Range], rule: str, provenance: Provenance) -> Calibration:
    """A calibration of ranges that someone else chose: nothing is known of what was observed."""
    wide = {name: interval.with_zero() for name, interval in ranges.items()}
    return Calibration(
        rule,
        symmetric=all(np.all(interval.low == -interval.high) for interval in wide.values()),
        tensors={name: TensorCalibration(interval, observed=interval, rule=rule) for name, interval in wide.items()},
        provenance=provenance,
    )


def _kept(tensor: TensorCalibration) -> Range:
    """The range without what was never observed, as for a Q/DQ pair."""
    return tensor.range.with_zero().within(tensor.observed.with_zero())


def constants(calibration: Calibration) -> list[str]:
    """The tensors that were always 0, whose scale says nothing."""
    return [name for name, tensor in calibration.tensors.items() if tensor.observed.limit == 0]


def unwritable(name: str) -> str | None:
    """Why no line can hold such a name; ``None`` if one can.

    >>> unwritable("a: b"), unwritable("a\\nb")
    (None, 'a newline in it ends the line')
    """
    if not name:
        return "it is empty"
    if "\n" in name:
        return "a newline in it ends the line"
    try:
        name.encode()
    except UnicodeEncodeError as reason:
        return str(reason)
    return None


def unusable(scale: np.float32 | float) -> str | None:
    """Why nothing can be quantized with `scale`; ``None`` if something can.

    >>> unusable(np.float32(0.02)), unusable(np.float32(-1))
    (None, 'a scale is positive')
    """
    value = float(scale)
    if not math.isfinite(value):
        return "a scale is finite"
    if value == 0:
        return "nothing but 0 can be quantized with it"
    if value < 0:
        return "a scale is positive"
    if not SMALLEST_SCALE <= value <= LARGEST_SCALE:
        return f"beyond {SMALLEST_SCALE:.2g} to {LARGEST_SCALE:.2g} the product of two scales is no normal float32"
    return None

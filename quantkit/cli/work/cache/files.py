"""Scales from a file of any form that holds some: a cache, ranges, a calibration, a Q/DQ model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import ModelProto

from quantkit.core import trt_cache_file
from quantkit.core.calibration import SCHEMA as CALIBRATION
from quantkit.core.calibration import Calibration, Provenance
from quantkit.core.errors import UsageError
from quantkit.core.files import readable
from quantkit.core.json_values import MALFORMED, decoded
from quantkit.core.ranges import Range
from quantkit.core.trt_cache import Header, LegacyHeader, TensorrtCache, ranges_of, scales_of
from quantkit.core.trt_cache_file import Origin, StoredCache
from quantkit.export import _stored_ranges
from quantkit.graph.model import load
from quantkit.graph.provenance import facts, sample_hashes
from quantkit.graph.qdq_scales import activation_scales

_FORMS = {".json": "ranges", ".onnx": "onnx", ".cache": "cache", ".calib": "cache", ".table": "cache"}

WORDS = {"cache": "calibration cache", "ranges": "list of ranges", "calibration": "calibration", "onnx": "Q/DQ model"}
"""What a file of each form is called."""


@dataclass(frozen=True, slots=True)
class Scales:
    """What was read: tensor → scale, and what the file says beside.

    Args:
        path: the file.
        form: ``"cache"``, ``"ranges"``, ``"calibration"`` or ``"onnx"``.
        ranges: as the file has them; those of a cache and of a Q/DQ model are symmetric.
        scales: float32, in the file's order.
        origin: where the scales come from, if that is known.
        stored: the file as a cache, where it is one.
        calibration: the file as a calibration, where it is one.
    """

    path: Path
    form: str
    ranges: Mapping[str, Range]
    scales: Mapping[str, np.float32]
    origin: Origin | None = None
    stored: StoredCache | None = None
    calibration: Calibration | None = None

    @property
    def header(self) -> Header | LegacyHeader | None:
        """A cache's first line."""
        return self.stored.cache.header if self.stored else None

    @property
    def doubt(self) -> str:
        """Why the origin is not known, where it is not."""
        return self.stored.doubt if self.stored else f"the {WORDS[self.form]} does not say"

    @property
    def title(self) -> str:
        """One line about it."""
        rule = f" ({self.origin.rule})" if self.origin else ""
        return f"{self.path}: {self.header or WORDS[self.form]}{rule}, {len(self.scales)} tensors"


def opened(path: Path) -> Scales:
    """Reads the file as what its name and content say it is.

    Raises:
        ArtifactError: a cache, ranges or a calibration that cannot be used.
        ModelError: a model without quantized activations, or with ones that no cache can describe.
    """
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        model = load(path)
        scales = activation_scales(model)
        return Scales(path, "onnx", ranges_of(scales), scales, _stamped(model.proto))
    if suffix != ".json":
        stored = trt_cache_file.load(path)
        scales = dict(stored.cache.scales)
        return Scales(path, "cache", ranges_of(scales), scales, stored.origin, stored=stored)
    if _schema(path) == CALIBRATION:
        calibration = Calibration.load(path)
        cache = TensorrtCache.of(calibration, Header())
        origin = Origin(calibration.rule, calibration.provenance)
        return Scales(path, "calibration", calibration.ranges, cache.scales, origin, calibration=calibration)
    return _of_ranges(path)


def _of_ranges(path: Path) -> Scales:
    stored = _stored_ranges.load(path)
    cache = TensorrtCache(Header(), scales_of(stored.ranges))
    origin = Origin(stored.rule or path.name, Provenance(stored.model, 0, "")) if stored.model else None
    return Scales(path, "ranges", stored.ranges, cache.scales, origin)


def _schema(path: Path) -> object:
    """What a JSON file claims to be, where it is one; whoever reads it next says what is wrong."""
    with readable(path):
        content = path.read_bytes()
    try:
        return decoded(content)["schema"]
    except MALFORMED:
        return None


def _stamped(proto: ModelProto) -> Origin | None:
    """The origin that a Q/DQ model of quantkit's own carries."""
    said = facts(proto)
    if not said.get("model"):
        return None
    samples = said.get("samples", "")
    provenance = Provenance(
        model=said["model"],
        samples=int(samples) if samples.isdecimal() and len(samples) < 19 else 0,
        samples_digest=said.get("samples_digest", ""),
        preprocessing=said.get("preprocessing", "{}"),
        synthetic=said.get("synthetic") == "true",
        sample_hashes=sample_hashes(proto),
    )
    return Origin(said.get("rule", "unknown"), provenance)


def form_of(path: Path) -> str:
    """The form that a file to be written has by its name.

    Raises:
        UsageError: the name does not tell.

    >>> form_of(Path("net.qcal.json")), form_of(Path("net.json")), form_of(Path("net.calib"))
    ('calibration', 'ranges', 'cache')
    """
    if path.name.lower().endswith(".qcal.json"):
        return "calibration"
    if path.suffix.lower() not in _FORMS:
        hints = ["--to cache, ranges, calibration or onnx says it", f"or a name that ends in {', '.join(_FORMS)}"]
        raise UsageError("QK1091", f"the name {path.name!r} does not tell which form to write", hints=hints)
    return _FORMS[path.suffix.lower()]


def ends_of(form: str) -> list[str]:
    """What the name of a file of that form may end in.

    >>> ends_of("cache"), ends_of("calibration")
    (['.cache', '.calib', '.table'], ['.json'])
    """
    return [suffix for suffix, other in _FORMS.items() if other == form] or [".json"]

"""Scales from beside the model, for the engines that TensorRT up to 10 makes of models without Q/DQ nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, Protocol, TypeAlias

from quantkit.core import plugins
from quantkit.core.calibration import Calibration
from quantkit.core.trt_cache import Header, LegacyHeader, TensorrtCache
from quantkit.graph.model import Model
from quantkit.graph.scales import completed

Injection: TypeAlias = Literal["cache", "ranges"]
"""How TensorRT is given scales: in a calibration cache, or as the dynamic range of each tensor."""

# The first line of a cache → the calibrator that has to offer it.
_OFFERED_BY = {
    "MinMaxCalibration": "max",
    "EntropyCalibration2": "entropy",
    "EntropyCalibration": "entropy-1",
    "LegacyCalibration": "percentile",
}


class Scales(Protocol):
    """Where an engine without Q/DQ nodes has its scales from."""

    @property
    def failure(self) -> Any:
        """What went wrong so far."""

    def attach(self, parsed: Any, config: Any) -> None:
        """Makes the scales known to TensorRT."""

    def finish(self) -> None:
        """Raises what went wrong."""


def cache_of(model: Model, calibration: Calibration, tensorrt: str) -> TensorrtCache:
    """The scales of a calibration, and those that follow from them, as this version of TensorRT reads them."""
    own = TensorrtCache.of(calibration, Header.of(tensorrt))
    return TensorrtCache(own.header, completed(model, own.scales))


def readdressed(cache: TensorrtCache, tensorrt: str) -> TensorrtCache:
    """A cache of another version as one of this: the scales mean the same."""
    if isinstance(cache.header, LegacyHeader):
        return cache
    return replace(cache, header=Header.of(tensorrt, cache.header.algorithm))


def given(cache: TensorrtCache, way: Injection = "cache") -> Scales:
    """The scales of a cache as something that a build takes; needs TensorRT."""
    injection = plugins.optional("quantkit.backends.tensorrt.injection")
    scales: Scales = (
        injection.FromCache(cache.to_bytes(), _OFFERED_BY[cache.header.algorithm])
        if way == "cache"
        else injection.FromRanges({name: float(scale) for name, scale in cache.scales.items()})
    )
    return scales

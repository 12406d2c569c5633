"""From an FP32 model and its calibrations to TensorRT engines, and a comparison of what they make of the same samples.

Needs TensorRT and a GPU when it is asked to build or run something, and neither to be imported.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from quantkit.backends.tensorrt.options import BuildOptions, Precision
from quantkit.comparison.metrics import by_name
from quantkit.core import plugins, trt_cache_file
from quantkit.core.artifact import Artifact
from quantkit.core.calibration import Calibration
from quantkit.core.comparison import Comparison
from quantkit.core.ports import BatchSource
from quantkit.core.trt_cache import Header, LegacyHeader, TensorrtCache
from quantkit.core.trt_cache_file import Origin
from quantkit.core.trt_cache_text import parsed
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model, load
from quantkit.graph.scales import completed, coverage
from quantkit.pipeline.engine_comparison import EngineComparison, EngineFile
from quantkit.pipeline.speed import ExcludeBy, Placing

if TYPE_CHECKING:
    from quantkit.backends.tensorrt.backend import TensorRtBackend

_log = logging.getLogger(__name__)

_MOST_LISTED = 5

BuildProgress: TypeAlias = Callable[[str], None]
"""Told what a build is doing, in a few words; called from any thread."""

# The first line of a cache → the calibrator that has to offer it.
_OFFERED_BY = {
    "MinMaxCalibration": "max",
    "EntropyCalibration2": "entropy",
    "EntropyCalibration": "entropy-1",
    "LegacyCalibration": "percentile",
}


class Scales(Protocol):
    """Where an engine without Q/DQ nodes has its scales from."""

    def attach(self, parsed: Any, config: Any) -> None:
        """Makes the scales known to TensorRT."""

    def finish(self) -> None:
        """Raises what went wrong."""


@dataclass(frozen=True, slots=True)
class Engines:
    """Builds and compares the engines of one FP32 model.

    Args:
        model: the FP32 model, prepared.
        options: how engines are built; the precision is that of each engine.
        threads: host threads of a build; ``None`` leaves TensorRT's default.
        progress: told what a build is doing.

    Raises:
        SetupError: TensorRT or PyCUDA is not installed, or there is no GPU.
    """

    model: Model
    options: BuildOptions = field(default_factory=BuildOptions)
    threads: int | None = None
    progress: BuildProgress | None = None

    def __post_init__(self) -> None:
        """Asks for the GPU before any work is done."""
        self._backend().machine()

    @property
    def has_calibrators(self) -> bool:
        """Whether this TensorRT (up to 10) makes INT8 engines of plain models, by calibrators and ranges."""
        return self._backend().has_calibrators

    def require_calibrators(self) -> None:
        """Raises SetupError where this TensorRT has none; says how to do without."""
        self._backend().require_calibrators()

    def exclusion(
        self, calibration: Calibration, asked: Exclusion | None = None, *, by: ExcludeBy = "auto"
    ) -> Exclusion:
        """What is to stay in floats: what is `asked` for, and where integers are no faster on this GPU.

        Where that would leave nothing in integers, the placement that loses least is taken.

        Args:
            calibration: ranges of every floating tensor.
            asked: what stays in floats in any case.
            by: ``"inspector"`` leaves out what TensorRT (up to 10) leaves in floats in an implicit engine;
                ``"profile"`` what takes no less time in an INT8 than in an FP16 engine; ``"auto"`` what the inspector
                says, as far as there is one, and then what profiles say if the engine is slower than it could be;
                ``"none"`` nothing more.

        Raises:
            SetupError: the inspector is asked for, and this version has no implicit engines.
        """
        asked = asked or Exclusion()
        if by == "inspector":
            self.require_calibrators()
        if by == "none":
            return asked
        placing = Placing(self.model, calibration, self._backend)
        if by == "profile" or not self.has_calibrators:
            return placing.fastest(asked)
        cache = self._injected(calibration)
        if missing := coverage(self.model, cache.scales).blocking:
            # It is for want of scales then that TensorRT stays in floats.
            listed = ", ".join(missing[:_MOST_LISTED])
            _log.warning("no ranges for %s: what is slower in INT8 cannot be found out, and becomes INT8", listed)
            return asked
        find = placing.fastest if by == "auto" else placing.kept_in_floats
        return find(asked, self._from_cache(cache))

    def reference(self, to: Path) -> EngineFile:
        """The FP32 engine, with TF32 off."""
        return self.built(to, self.model, precision="fp32")

    def half(self, to: Path) -> EngineFile:
        """The FP16 engine: by a flag, or by Casts in the model where there is none."""
        return self.built(to, self.model, precision="fp16")

    def explicit(self, int8: Artifact, to: Path) -> EngineFile:
        """The engine of a Q/DQ model."""
        return self.built(to, load(int8.path))

    def calibrated(self, source: BatchSource, algorithm: str, calibration: Calibration, to: Path) -> EngineFile:
        """The engine that one of TensorRT's own calibrators makes; its cache is kept beside it.

        Args:
            source: representative samples, those that `calibration` was made from.
            algorithm: ``"max"``, ``"entropy"``, ``"entropy-1"`` or ``"percentile"``.
            calibration: any rule's, for what it says about model and data.
            to: the plan to write.
        """
        scales = plugins.optional("quantkit.backends.tensorrt.calibrators").Calibrated(source, algorithm)
        made = self.built(to, self.model, scales=scales, facts={"calibrator": algorithm})
        origin = Origin(f"tensorrt {algorithm}", calibration.provenance, self._backend().machine().tensorrt)
        cache = parsed(scales.cache)
        trt_cache_file.save(cache, cache_beside(to), origin)
        return replace(made, scaled=frozenset(cache.scales))

    def injected(self, scales: Calibration | TensorrtCache, to: Path, facts: Mapping[str, Any]) -> EngineFile:
        """The INT8 engine of the plain model with these scales (TensorRT up to 10); `facts` go into its record."""
        cache = self._injected(scales) if isinstance(scales, Calibration) else self._readdressed(scales)
        made = self.built(to, self.model, scales=self._from_cache(cache), facts=facts)
        return replace(made, scaled=frozenset(cache.scales))

    def built(
        self,
        to: Path,
        model: Model,
        *,
        precision: Precision = "auto",
        scales: Scales | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> EngineFile:
        """Builds `model` and writes the plan with its record.

        Args:
            to: the plan to write.
            model: with Q/DQ nodes or without.
            precision: as in `BuildOptions`.
            scales: what makes an INT8 engine of a plain model.
            facts: where the scales come from, as JSON values.

        Raises:
            ModelError: TensorRT does not take the model.
            SetupError: it cannot do that in this version, or the plan cannot be written.
        """
        backend, serialized = self._backend(precision), model.serialized()
        content = backend.plan(serialized, scales)
        artifact = backend.save(content, to, serialized, facts)
        _log.info("engine: %s, %d bytes", to, len(content))
        return EngineFile(artifact, model)

    def compared(
        self,
        reference: EngineFile,
        candidates: Mapping[str, EngineFile],
        source: BatchSource,
        *,
        metrics: tuple[str, ...] | None = None,
        self_check: bool = False,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> Comparison:
        """Runs all engines on the same samples, as `EngineComparison.of` does.

        Args:
            reference: the FP32 engine.
            candidates: name → engine.
            source: held-out samples.
            metrics, self_check: as for `Comparing`.
            progress: told (samples done, samples in all or None).
        """
        how = EngineComparison(
            self._backend(),
            self.model,
            None if metrics is None else by_name(metrics),
            self_check=self_check,
            progress=progress,
        )
        return how.of(reference, candidates, source)

    def _injected(self, calibration: Calibration) -> TensorrtCache:
        own = TensorrtCache.of(calibration, Header.of(self._backend().machine().tensorrt))
        return TensorrtCache(own.header, completed(self.model, own.scales))

    def _readdressed(self, cache: TensorrtCache) -> TensorrtCache:
        """A cache of another version as one of this: the scales mean the same."""
        if isinstance(cache.header, LegacyHeader):
            return cache
        return replace(cache, header=Header.of(self._backend().machine().tensorrt, cache.header.algorithm))

    def _from_cache(self, cache: TensorrtCache) -> Scales:
        injection = plugins.optional("quantkit.backends.tensorrt.injection")
        scales: Scales = injection.FromCache(cache.to_bytes(), _OFFERED_BY[cache.header.algorithm])
        return scales

    def _backend(self, precision: Precision = "auto") -> TensorRtBackend:
        options = replace(self.options, precision=precision)
        made: TensorRtBackend = plugins.load("quantkit.backends", "tensorrt")(
            threads=self.threads, options=options, progress=self.progress
        )
        return made


def cache_beside(plan: Path) -> Path:
    """Where the calibration cache of an engine lies.

    >>> cache_beside(Path("out/net.trt-max.plan")).name
    'net.trt-max.cache'
    """
    return plan.with_suffix(".cache")

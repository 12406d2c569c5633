"""From an FP32 model and its calibrations to TensorRT engines, and a comparison of what they make of the same samples.

Needs TensorRT and a GPU when it is asked to build or run something, and neither to be imported.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quantkit.backends.tensorrt import inspection
from quantkit.backends.tensorrt.options import BuildOptions, Precision
from quantkit.comparison.metrics import by_name
from quantkit.core import plugins, trt_cache_file
from quantkit.core.artifact import Artifact
from quantkit.core.calibration import Calibration
from quantkit.core.comparison import Comparison
from quantkit.core.errors import InternalError
from quantkit.core.ports import BatchSource
from quantkit.core.sample_hashes import SampleHashes
from quantkit.core.text import enumerated
from quantkit.core.trt_cache import TensorrtCache
from quantkit.core.trt_cache_file import Origin
from quantkit.core.trt_cache_text import parsed
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model, load
from quantkit.graph.scales import coverage
from quantkit.pipeline import injection
from quantkit.pipeline.build_progress import BuildProgress, titled
from quantkit.pipeline.engine_comparison import EngineComparison, EngineFile
from quantkit.pipeline.injection import Injection, Scales
from quantkit.pipeline.overlaps import calibrated_on
from quantkit.pipeline.speed import ExcludeBy, Placing

if TYPE_CHECKING:
    from quantkit.backends.tensorrt.backend import TensorRtBackend

_log = logging.getLogger(__name__)

_MOST_LISTED = 5

_NOT_FOUND_OUT = "what is slower in INT8 cannot be found out, and becomes INT8"


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
        scales = None
        if by != "profile" and self.has_calibrators:
            cache = self._injected(calibration)
            if missing := coverage(self.model, cache.scales).blocking:
                # It is for want of scales then that TensorRT stays in floats.
                _log.warning("no ranges for %s: %s", enumerated(missing, _MOST_LISTED), _NOT_FOUND_OUT)
                return asked
            scales = injection.given(cache)
        placing = Placing(self.model, calibration, self._titled)
        try:
            return (
                placing.kept_in_floats(asked, scales)
                if scales and by == "inspector"
                else placing.fastest(asked, scales)
            )
        except InternalError as unknown:
            if unknown.code != inspection.UNKNOWN_FORM:
                raise
            _log.warning("%s: %s", unknown.title, _NOT_FOUND_OUT)
            return asked

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
        hashes = calibration.provenance.sample_hashes
        made = self.built(to, self.model, scales=scales, facts={"calibrator": algorithm}, calibrated=hashes)
        # The scales were measured here, wherever the statistics of the calibration were.
        here = {name: value for name, value in self._backend().environment().items() if name != "precision"}
        provenance = replace(calibration.provenance, environment=here)
        origin = Origin(f"tensorrt {algorithm}", provenance, here["tensorrt"])
        cache = parsed(scales.cache)
        trt_cache_file.save(cache, cache_beside(to), origin)
        return replace(made, scaled=frozenset(cache.scales))

    def injected(
        self,
        scales: Calibration | TensorrtCache,
        to: Path,
        facts: Mapping[str, Any],
        calibrated: SampleHashes | None = None,
        way: Injection = "cache",
    ) -> EngineFile:
        """The INT8 engine of the plain model with these scales (TensorRT up to 10).

        Args:
            scales: a calibration, or a cache.
            to: the plan to write.
            facts: go into its record.
            calibrated: what the samples are known by that a cache comes from; a calibration says it itself.
            way: how TensorRT is given them.
        """
        if isinstance(scales, Calibration):
            cache, calibrated = self._injected(scales), scales.provenance.sample_hashes
            if doubt := scales.chosen_otherwise(symmetric=True):
                _log.warning("%s", doubt)
                facts = {**facts, "chosen_for": "affine codes"}
        else:
            cache = injection.readdressed(scales, self._backend().machine().tensorrt)
        if missing := coverage(self.model, cache.scales).blocking:
            named = enumerated(missing, _MOST_LISTED)
            _log.warning("no scale for %s: what computes with them stays in FP16 or FP32", named)
        given, facts = injection.given(cache, way), {**facts, "given_as": way}
        made = self.built(to, self.model, scales=given, facts=facts, calibrated=calibrated)
        return replace(made, scaled=frozenset(cache.scales))

    def ours(self, calibration: Calibration, to: Path, way: Injection = "cache") -> EngineFile:
        """The same with the ranges of a calibration; where TensorRT gets them in a cache, that is kept beside it."""
        made = self.injected(calibration, to, {"rule": calibration.rule}, way=way)
        if way == "cache":
            origin = Origin(calibration.rule, calibration.provenance)
            trt_cache_file.save(self._injected(calibration), cache_beside(to), origin)
        return made

    def built(
        self,
        to: Path,
        model: Model,
        *,
        precision: Precision = "auto",
        scales: Scales | None = None,
        facts: Mapping[str, Any] | None = None,
        calibrated: SampleHashes | None = None,
    ) -> EngineFile:
        """Builds `model` and writes the plan with its record.

        Args:
            to: the plan to write.
            model: with Q/DQ nodes or without.
            precision: as in `BuildOptions`.
            scales: what makes an INT8 engine of a plain model.
            facts: where the scales come from, as JSON values.
            calibrated: what the samples are known by that these come from; a model with Q/DQ nodes says it itself.

        Raises:
            ModelError: TensorRT does not take the model.
            ArtifactError: what it says of the samples that it was calibrated on is damaged.
            SetupError: it cannot do that in this version, or the plan cannot be written.
        """
        calibrated = calibrated or calibrated_on(model)
        backend, serialized = self._backend(precision), model.serialized()
        content = backend.plan(serialized, scales)
        artifact = backend.save(content, to, serialized, facts, calibrated=calibrated)
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
        return injection.cache_of(self.model, calibration, self._backend().machine().tensorrt)

    def _backend(self, precision: Precision = "auto") -> TensorRtBackend:
        options = replace(self.options, precision=precision)
        made: TensorRtBackend = plugins.load("quantkit.backends", "tensorrt")(
            threads=self.threads, options=options, progress=self.progress
        )
        return made

    def _titled(self, precision: Precision, title: str) -> TensorRtBackend:
        return replace(self._backend(precision), progress=titled(self.progress, title))


def cache_beside(plan: Path) -> Path:
    """Where the calibration cache of an engine lies.

    >>> cache_beside(Path("out/net.trt-max.plan")).name
    'net.trt-max.cache'
    """
    return plan.with_suffix(".cache")

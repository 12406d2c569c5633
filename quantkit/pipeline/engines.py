"""From an FP32 model and its calibrations to TensorRT engines, and a comparison of what they make of the same samples.

Needs TensorRT and a GPU when it is asked to build or run something, and neither to be imported.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from quantkit.backends.tensorrt import inspection
from quantkit.backends.tensorrt.options import BuildOptions, Precision
from quantkit.comparison.evaluation import compared
from quantkit.comparison.metrics import by_name
from quantkit.core import plugins, trt_cache_file
from quantkit.core.artifact import Artifact
from quantkit.core.calibration import Calibration
from quantkit.core.comparison import Comparison, Latency, Subject
from quantkit.core.ports import BatchSource
from quantkit.core.trt_cache import Header, LegacyHeader, TensorrtCache
from quantkit.core.trt_cache_file import Origin
from quantkit.core.trt_cache_text import parsed
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model, load
from quantkit.graph.placement import place
from quantkit.graph.scales import completed, coverage
from quantkit.pipeline.comparing import REFERENCE, described

if TYPE_CHECKING:
    from quantkit.backends.tensorrt.backend import TensorRtBackend
    from quantkit.backends.tensorrt.runtime import TensorRtEngine

_log = logging.getLogger(__name__)

FP16, TARGET = "FP16", "tensorrt"

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
class EngineFile:
    """A plan on disk, and the model that it was built from."""

    plan: Artifact
    model: Model


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

    def exclusion(self, calibration: Calibration, asked: Exclusion | None = None) -> Exclusion:
        """What is to stay in floats: what is `asked` for, and what TensorRT leaves there although it has scales.

        Q/DQ pairs force integers where TensorRT timed them and found them no faster; without such pairs the engine is
        faster, and more accurate. Version 11 cannot be asked; nor can one for which scales are missing, since it is
        for want of them then that TensorRT stays in floats. Where that would leave nothing in integers, all stays.

        Args:
            calibration: ranges of every floating tensor.
            asked: what stays in floats in any case.
        """
        asked = asked or Exclusion()
        if not self.has_calibrators:
            return asked
        cache = self._injected(calibration)
        if missing := coverage(self.model, cache.scales).blocking:
            listed = ", ".join(missing[:_MOST_LISTED])
            _log.warning("no ranges for %s: what is slower in INT8 cannot be found out, and becomes INT8", listed)
            return asked
        kept = self._kept_in_floats(cache)
        both = replace(asked, nodes=(*asked.nodes, *kept))
        if not place(self.model, TARGET, both).nodes:
            _log.warning("nothing is faster in INT8 on this GPU; it is built nevertheless, for the comparison")
            return asked
        _log.info("no faster in INT8 on this GPU: %s", ", ".join(kept) or "nothing")
        return both

    def _kept_in_floats(self, cache: TensorrtCache) -> tuple[str, ...]:
        backend, plain = self._backend(), self.model.serialized()
        with backend.build(plain, self._from_cache(cache)) as engine:
            return inspection.kept_out_of_int8(backend.layers(engine, plain), self.model.proto.graph).nodes

    def reference(self, to: Path) -> EngineFile:
        """The FP32 engine, with TF32 off."""
        return self.built(to, self.model, precision="fp32")

    def half(self, to: Path) -> EngineFile | None:
        """The FP16 engine; ``None`` in version 11, which takes types from the model alone."""
        if not self.has_calibrators:
            _log.warning("no FP16 engine: this version of TensorRT makes none of a float32 model")
            return None
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
        trt_cache_file.save(parsed(scales.cache), cache_beside(to), origin)
        return made

    def injected(self, scales: Calibration | TensorrtCache, to: Path, facts: Mapping[str, Any]) -> EngineFile:
        """The INT8 engine of the plain model with these scales (TensorRT up to 10); `facts` go into its record."""
        cache = self._injected(scales) if isinstance(scales, Calibration) else self._readdressed(scales)
        return self.built(to, self.model, scales=self._from_cache(cache), facts=facts)

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
        progress: Callable[[int, int | None], None] | None = None,
    ) -> Comparison:
        """Loads all engines and runs them on the same samples, then on one batch by turns for their latency.

        Latency is the GPU's own time between two CUDA events, for a batch of the size in which `source` comes.

        Args:
            reference: the FP32 engine.
            candidates: name → engine.
            source: held-out samples.
            metrics: as for `Comparing`.
            progress: told (samples done, samples in all or None).
        """
        backend, asked = self._backend(), None if metrics is None else by_name(metrics)
        files = {REFERENCE: reference, **candidates}
        with ExitStack() as stack:
            engines = {name: stack.enter_context(backend.load(file.plan.path)) for name, file in files.items()}
            evaluation = compared(
                engines[REFERENCE],
                {name: engines[name] for name in candidates},
                source,
                asked,
                progress=(lambda done: progress(done, source.size)) if progress else None,
            )
            latencies = backend.latencies(engines, next(iter(source)))
            subjects = {name: self._subject(name, file, engines[name], latencies[name]) for name, file in files.items()}
        return Comparison(
            reference=replace(subjects[REFERENCE], coverage=None),
            candidates=tuple(evaluation.outcome(subjects[name]) for name in candidates),
            samples=tuple(sample.name for sample in evaluation.samples),
            labels=evaluation.labels,
            environment={name: value for name, value in sorted(backend.environment().items()) if name != "precision"},
            data=described(source, evaluation.samples),
            notes=evaluation.notes,
        )

    def _subject(self, name: str, file: EngineFile, engine: TensorRtEngine, latency: Latency) -> Subject:
        """An engine goes by the digest of its model: two builds of one model are never the same bytes."""
        layers = self._backend().layers(engine, file.model.serialized())
        return Subject(
            name=name,
            path=str(file.plan.path),
            digest=file.model.digest,
            size_bytes=engine.size_bytes,
            latency=latency,
            coverage=inspection.coverage(layers, self.model.proto.graph),
            provenance={"plan.sha256": file.plan.digest, "plan.layers": str(inspection.counts(layers))},
        )

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

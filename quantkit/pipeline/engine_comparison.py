"""Engines whose plans lie on disk, on the same samples: accuracy, the GPU's own latency, and what runs in INT8.

Needs TensorRT and a GPU when it compares, and neither to be imported.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from quantkit.backends.tensorrt import inspection
from quantkit.backends.tensorrt.inspection import Layer
from quantkit.comparison.evaluation import compared
from quantkit.comparison.leads import leads
from quantkit.comparison.noise import noise_of, notes_on_noise
from quantkit.core.artifact import Artifact
from quantkit.core.comparison import Comparison, Coverage, Latency, NodeCoverage, Subject
from quantkit.core.errors import InternalError
from quantkit.core.ports import BatchSource, Metric, Samples
from quantkit.core.sample_hashes import SampleHashes
from quantkit.graph.model import Model
from quantkit.graph.scales import coverage
from quantkit.pipeline.comparing import REFERENCE, described
from quantkit.pipeline.fidelity import notes_on_fidelity
from quantkit.pipeline.overlaps import Overlaps
from quantkit.pipeline.speed import notes_on_speed

if TYPE_CHECKING:
    from quantkit.backends.tensorrt.backend import TensorRtBackend
    from quantkit.backends.tensorrt.runtime import TensorRtEngine

_log = logging.getLogger(__name__)

_SWAPPED = "the reference itself computes in integers: were the plans swapped?"


@dataclass(frozen=True, slots=True)
class EngineFile:
    """A plan on disk, and what is known of it.

    Args:
        plan: the file.
        model: what it was built from; ``None`` for a plan that came without.
        scaled: the tensors whose scales came from beside the model.
        identity: what it goes by where there is no model to go by.
        shown: the file that it stands for, where the plan itself is gone afterwards.
        trusted: it is loaded without its record.
    """

    plan: Artifact
    model: Model | None = None
    scaled: frozenset[str] | None = None
    identity: str = ""
    shown: Path | None = None
    trusted: bool = False

    @property
    def digest(self) -> str:
        """What tells this engine's network from others: two builds of one model are never the same bytes."""
        return self.model.digest if self.model else self.identity


@dataclass(frozen=True, slots=True)
class EngineComparison:
    """How engines are compared.

    Args:
        backend: loads them.
        basis: the model whose matrix products coverage is told of; without one, the engine's own layers with weights.
        metrics: by name; ``None`` takes every one that applies and needs no options.
        latency: measure it, on one batch, engines taking turns.
        self_check: load every plan twice and say how far an engine differs from itself.
        progress: told (samples done, samples in all or None).
        calibrated: candidate → what the samples are known by that it was calibrated on; one that is not here is not
            asked.
    """

    backend: TensorRtBackend
    basis: Model | None
    metrics: Mapping[str, Metric] | None = None
    latency: bool = True
    self_check: bool = False
    progress: Callable[[int, int | None], None] | None = None
    calibrated: Mapping[str, SampleHashes | None] = field(default_factory=dict)

    def of(self, reference: EngineFile, candidates: Mapping[str, EngineFile], source: BatchSource) -> Comparison:
        """Loads all engines and runs them on the same samples, then on one batch by turns for their latency.

        Latency is the GPU's own time between two CUDA events, for a batch of the size in which `source` comes.

        Args:
            reference: the FP32 engine.
            candidates: name → engine.
            source: held-out samples.

        Raises:
            ArtifactError: a plan is not what its record says, or TensorRT does not take it.
            SetupError: it was built for another machine.
        """
        progress, files = self.progress, {REFERENCE: reference, **candidates}
        with ExitStack() as stack:
            engines = {name: stack.enter_context(self._loaded(file)) for name, file in files.items()}
            if progress:
                # Only now the pass begins.
                progress(0, source.size)
            evaluation = compared(
                engines[REFERENCE],
                {name: engines[name] for name in candidates},
                source,
                self.metrics,
                progress=(lambda done: progress(done, source.size)) if progress else None,
            )
            some = next(iter(source))
            latencies = self.backend.latencies(engines, _whole(some, engines)) if self.latency else {}
            held = {name: (engines[name], file.model) for name, file in candidates.items() if file.model}
            infidelities = notes_on_fidelity(engines[REFERENCE], held, some)
            noise = {}
            if self.self_check:
                noise = noise_of(engines, lambda name: self._loaded(files[name]), source, self.metrics)
            coverages = {name: self._coverage(file, engines[name]) for name, file in files.items()}
        subjects = {
            name: _subject(name, file, engines[name].size_bytes, latencies.get(name), coverages[name])
            for name, file in files.items()
        }
        first = subjects[REFERENCE]
        # Of a model it is said before it is built.
        suspicions = [_SWAPPED] if reference.model is None and _in_integers(first) else []
        suspicions += self._undescribed(coverages)
        for suspicion in suspicions:
            _log.warning("%s", suspicion)
        environment, shared = self.backend.environment(), Overlaps.of(self.calibrated, evaluation.samples)
        found = Comparison(
            # A reference has nothing in integers, unless they were swapped.
            reference=first if _in_integers(first) else replace(first, coverage=None),
            candidates=tuple(evaluation.outcome(shared.told(subjects[name])) for name in candidates),
            samples=tuple(sample.name for sample in evaluation.samples),
            labels=evaluation.labels,
            environment={name: value for name, value in sorted(environment.items()) if name != "precision"},
            data=described(source, evaluation.samples),
            notes=(
                *suspicions,
                *shared.notes,
                *evaluation.notes,
                *infidelities,
                *notes_on_noise(noise),
                *notes_on_speed({name: latencies[name] for name in candidates if name in latencies}),
            ),
            noise=noise,
        )
        return replace(found, leads=leads(found))

    def _loaded(self, file: EngineFile) -> TensorRtEngine:
        return self.backend.load(file.plan.path, trust=file.trusted)

    def _coverage(self, file: EngineFile, engine: TensorRtEngine) -> Coverage | None:
        """What runs in which precision; ``None`` where TensorRT says it in a form that is not known."""
        try:
            return self._described(file, engine)
        except InternalError as unknown:
            if unknown.code != inspection.UNKNOWN_FORM:
                raise
            return None

    def _undescribed(self, coverages: Mapping[str, Coverage | None]) -> list[str]:
        """That engines are there of which it is not known what they consist of."""
        unknown = [name for name, found in coverages.items() if found is None]
        if not unknown:
            return []
        described = f"TensorRT {self.backend.machine().tensorrt} describes its engine in an unknown way"
        return [f"{', '.join(unknown)}: {described}: nothing is known of what runs in INT8"]

    def _described(self, file: EngineFile, engine: TensorRtEngine) -> Coverage:
        model = file.model or self.basis
        if model is None or self.basis is None:
            return _of_layers(inspection.layers(engine.information(), ()))
        layers = self.backend.layers(engine, model.serialized())
        absent = None if file.scaled is None else coverage(self.basis, file.scaled).absent
        return inspection.coverage(layers, self.basis.proto.graph, absent, built_from=model.proto.graph)


def _subject(
    name: str, file: EngineFile, size_bytes: int, latency: Latency | None, covered: Coverage | None
) -> Subject:
    temporary = file.shown is not None
    return Subject(
        name=name,
        path=str(file.shown or file.plan.path),
        digest=file.digest,
        size_bytes=size_bytes,
        latency=latency,
        coverage=covered,
        provenance={} if temporary else {"plan.sha256": file.plan.digest},
    )


def _of_layers(layers: tuple[Layer, ...]) -> Coverage:
    """Where no model says which nodes there were: the steps of the engine that multiply by weights."""
    products = (layer for layer in layers if layer.has_weights and not layer.is_reformat)
    nodes = tuple(NodeCoverage(layer.name, layer.kind, layer.precision or "unknown") for layer in products)
    return Coverage(nodes, inspection.composition(layers))


def _in_integers(subject: Subject) -> bool:
    return subject.coverage is not None and subject.coverage.integer > 0


def _whole(samples: Samples, engines: Mapping[str, TensorRtEngine]) -> Samples:
    """`samples`, the last one repeated, where they are fewer than an engine takes."""
    inputs = samples.inputs
    for engine in engines.values():
        inputs = engine.filled(inputs)
    if inputs is samples.inputs:
        return samples
    missing = len(next(iter(inputs.values()))) - len(samples)
    return Samples(inputs, (*samples.ids, *samples.ids[-1:] * missing))

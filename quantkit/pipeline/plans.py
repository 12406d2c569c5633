"""Plans that are there already, and models beside them, as engines in one comparison.

Whether a plan may be loaded is found out without TensorRT; everything else here needs it, and a GPU.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from quantkit.backends.tensorrt import plan
from quantkit.backends.tensorrt.options import BuildOptions, Profile
from quantkit.comparison.metrics import by_name
from quantkit.core import plugins
from quantkit.core.artifact import Artifact, TensorSpec
from quantkit.core.comparison import Comparison
from quantkit.core.errors import ModelError, QuantkitError
from quantkit.core.files import digest_of
from quantkit.core.ports import BatchSource
from quantkit.core.sample_hashes import SampleHashes
from quantkit.data.inputs import fixed_batch
from quantkit.graph.model import Model, already_quantized
from quantkit.graph.prepare import prepared
from quantkit.pipeline import common_sizes
from quantkit.pipeline.build_progress import BuildProgress, titled
from quantkit.pipeline.common_sizes import Takes
from quantkit.pipeline.comparing import REFERENCE, refuse_other_inputs, suspicions, warn_of_doubts
from quantkit.pipeline.engine_comparison import EngineComparison, EngineFile
from quantkit.pipeline.engines import Engines
from quantkit.pipeline.overlaps import calibrated_on

if TYPE_CHECKING:
    from quantkit.backends.tensorrt.backend import TensorRtBackend

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that may be loaded.

    Args:
        path: the file.
        digest: SHA-256 of its content.
        model: SHA-256 of the model that it was built from, as its record says; empty where there is none.
        trusted: it is loaded without its record, on somebody's word.
        calibrated: what the samples are known by that it was calibrated on, as its record says.
    """

    path: Path
    digest: str
    model: str = ""
    trusted: bool = False
    calibrated: SampleHashes | None = None

    @property
    def file(self) -> EngineFile:
        """What a comparison loads."""
        artifact = Artifact(self.path, plan.KIND, self.digest)
        return EngineFile(artifact, identity=self.model or self.digest, trusted=self.trusted)


Entrant: TypeAlias = Model | Plan


def admitted(path: Path, *, trust: bool = False) -> Plan:
    """The plan at `path`, if it is what the record beside it describes; nothing of it is run.

    Args:
        path: the plan.
        trust: take it without a record, or with another's; a plan is code.

    Raises:
        ArtifactError: it has no record, is not the recorded plan, or one of the two cannot be read.
    """
    if not trust:
        record = plan.verified(path)
        return Plan(path, record.sha256, record.model, calibrated=record.sample_hashes)
    digest = digest_of(path)
    try:
        record = plan.verified(path)
        return Plan(path, digest, record.model, trusted=True, calibrated=record.sample_hashes)
    except QuantkitError:
        return Plan(path, digest, trusted=True)


@dataclass(frozen=True, slots=True)
class Contest:
    """Plans and models that are to be compared as engines.

    Args:
        entrants: name → plan or model; the reference is called ``"FP32"``.
        takes: what all of them take.
        options: how the models are built.
        progress: told what a build is doing.
    """

    entrants: Mapping[str, Entrant]
    takes: Takes
    options: BuildOptions = field(default_factory=BuildOptions)
    progress: BuildProgress | None = None

    @classmethod
    def opened(
        cls,
        entrants: Mapping[str, Entrant],
        options: BuildOptions,
        *,
        batch: int | None = None,
        progress: BuildProgress | None = None,
    ) -> Contest:
        """Looks for TensorRT and the GPU, and at what the plans were built for.

        Args:
            entrants, options, progress: as for `Contest`; without any plan, engines are built for `options.batch`.
            batch: how many samples the plans are to be fed with; ``None`` takes what they are fastest at.

        Raises:
            SetupError: either is missing, or a plan was built for another machine.
            ArtifactError: TensorRT does not take a plan.
            ModelError: the entrants take no batch in common.
            UsageError: they do not take `batch`.
        """
        backend = _backend(options, progress)
        backend.machine()
        plans = {name: entrant for name, entrant in entrants.items() if isinstance(entrant, Plan)}
        takes: dict[str, Takes] = {
            name: common_sizes.of_model(entrant) for name, entrant in entrants.items() if isinstance(entrant, Model)
        }
        for name, found in plans.items():
            with backend.load(found.path, trust=found.trusted) as engine:
                takes[name] = common_sizes.of_engine(engine)
        for name in entrants:
            refuse_other_inputs(name, takes[name], takes[REFERENCE])
        shared = common_sizes.common(takes)
        if not plans:
            return cls(entrants, shared, options, progress)
        shared = common_sizes.with_batch(shared, batch)
        profiles = {name: taken.shapes for name, taken in shared.items()}
        return cls(entrants, shared, replace(options, profiles=profiles), progress)

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What has to be fed."""
        insisting = any(fixed_batch(model.inputs) is not None for model in self.models.values())
        return common_sizes.specs(self.takes, fixed_batch=insisting)

    @property
    def batch(self) -> int:
        """Samples that every engine takes at a time."""
        if self.options.profiles and common_sizes.batched(self.takes):
            return next(iter(self.takes.values())).shapes.usual[0]
        return self.options.batch

    @property
    def models(self) -> dict[str, Model]:
        """The entrants that are no plans."""
        return {name: entrant for name, entrant in self.entrants.items() if isinstance(entrant, Model)}

    def compared(
        self,
        source: BatchSource,
        *,
        metrics: tuple[str, ...] | None = None,
        latency: bool = True,
        self_check: bool = False,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> Comparison:
        """Builds the models in a folder that is gone afterwards, and compares all engines on the same samples.

        Args:
            source: held-out samples.
            metrics, self_check: as for `Comparing`.
            latency: measure it.
            progress: told (samples done, samples in all or None).

        Raises:
            ModelError: TensorRT does not take a model.
            ArtifactError: what a model says of the samples that it was calibrated on is damaged.
        """
        how = EngineComparison(
            _backend(self.options, self.progress),
            self._basis,
            None if metrics is None else by_name(metrics),
            latency=latency,
            self_check=self_check,
            progress=progress,
            calibrated=self._calibrated,
        )
        notes = suspicions(self.models) if REFERENCE in self.models else []
        for name in self._trusted:
            notes.append(f"{name}: loaded without its record, on the word of --trust-engine")
            _log.warning("%s", notes[-1])
        with tempfile.TemporaryDirectory(prefix="quantkit-") as folder:
            options = replace(self.options, profiles=self.options.profiles or self._sizes(source))
            files = {name: self._file(name, Path(folder), options) for name in self.entrants}
            found = how.of(files.pop(REFERENCE), files, source)
        warn_of_doubts(found.notes)
        return replace(found, notes=(*notes, *found.notes))

    @property
    def _trusted(self) -> list[str]:
        return [name for name, entrant in self.entrants.items() if isinstance(entrant, Plan) and entrant.trusted]

    @property
    def _calibrated(self) -> dict[str, SampleHashes | None]:
        """Candidate → what the samples are known by that it was calibrated on."""
        return {
            name: entrant.calibrated if isinstance(entrant, Plan) else calibrated_on(entrant)
            for name, entrant in self.entrants.items()
            if name != REFERENCE
        }

    @property
    def _basis(self) -> Model | None:
        """The model that says which nodes there are, named as in the Q/DQ models that are made from it."""
        model = next(iter(self.models.values()), None)
        try:
            return prepared(model) if model else None
        except ModelError:
            # What can be run need not be what can be quantized.
            return model

    def _sizes(self, source: BatchSource) -> dict[str, Profile]:
        """Where no plan says how large inputs get that are free besides their batch: as in the first samples."""
        if not common_sizes.batched(self.takes) or not any(None in spec.shape[1:] for spec in self.inputs):
            return {}
        sizes = {name: values.shape[1:] for name, values in next(iter(source)).inputs.items()}
        most = self.options.batch
        return {name: Profile((1, *size), (most, *size), (most, *size)) for name, size in sizes.items()}

    def _file(self, name: str, folder: Path, options: BuildOptions) -> EngineFile:
        entrant = self.entrants[name]
        if isinstance(entrant, Plan):
            return entrant.file
        if options.timing_cache is None:
            options = replace(options, timing_cache=folder / "timing.cache")
        # A reference with Q/DQ nodes is told of, and built as what it is.
        floats = name == REFERENCE and not already_quantized(entrant)
        to = folder / f"{list(self.entrants).index(name)}.plan"
        which = f"engine {list(self.models).index(name) + 1} of {len(self.models)}"
        engines = Engines(entrant, options, progress=titled(self.progress, which))
        made = engines.built(to, entrant, precision="fp32" if floats else "auto")
        return replace(made, shown=entrant.path)


def _backend(options: BuildOptions, progress: BuildProgress | None) -> TensorRtBackend:
    made: TensorRtBackend = plugins.load("quantkit.backends", "tensorrt")(options=options, progress=progress)
    return made

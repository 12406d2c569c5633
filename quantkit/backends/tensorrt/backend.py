"""TensorRT as a backend: models become engines on the GPU, in the precision that they or their scales ask for."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import onnx
import pycuda.driver as cuda
import tensorrt as trt
from onnx import GraphProto

from quantkit.backends.tensorrt import inspection, plan
from quantkit.backends.tensorrt._cuda import gpu
from quantkit.backends.tensorrt._progress import BuildProgress
from quantkit.backends.tensorrt._versions import has_calibrators, require_calibrators
from quantkit.backends.tensorrt.build import Int8Scales, plan_of
from quantkit.backends.tensorrt.counting import TensorRtCounter
from quantkit.backends.tensorrt.options import BuildOptions
from quantkit.backends.tensorrt.plan import Machine, PlanRecord
from quantkit.backends.tensorrt.profiling import profiled, typical
from quantkit.backends.tensorrt.runtime import TensorRtEngine
from quantkit.backends.tensorrt.shares import Profiled
from quantkit.backends.tensorrt.timing import GpuStopwatch
from quantkit.core.artifact import Artifact, SerializedModel
from quantkit.core.comparison import Coverage, Latency
from quantkit.core.ports import Backend, CountingObserver, Samples
from quantkit.core.sample_hashes import SampleHashes
from quantkit.graph.editing.wiring import title


@dataclass(frozen=True, slots=True)
class TensorRtBackend:
    """Builds TensorRT engines.

    Args:
        threads: host threads that a build may use; ``None`` leaves TensorRT's default.
        options: how engines are built.
        progress: told what a build is doing.
    """

    threads: int | None = None
    options: BuildOptions = field(default_factory=BuildOptions)
    progress: BuildProgress | None = None
    # What engines that were built say of themselves, as a build takes minutes: SHA-256 of the model → JSON.
    _described: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def plan(self, model: SerializedModel, scales: Int8Scales | None = None) -> bytes:
        """A plan of `model`, which `save` keeps and `engine` runs.

        Args:
            model: with Q/DQ nodes, or without.
            scales: what makes an int8 engine of a plain model (TensorRT up to 10): `Calibrated`, `FromCache`,
                `FromRanges`.

        Raises:
            SetupError: no GPU, or this version of TensorRT cannot do that.
            ModelError: TensorRT refuses the model.
        """
        options = replace(self.options, threads=self.threads or self.options.threads)
        return plan_of(model, options, scales=scales, progress=self.progress)

    def engine(self, content: bytes) -> TensorRtEngine:
        """A plan, running."""
        return TensorRtEngine(content, gpu(), dla_core=self.options.dla_core)

    def build(self, model: SerializedModel, scales: Int8Scales | None = None) -> TensorRtEngine:
        """An engine that computes the model's outputs; raises as `plan` does."""
        engine = self.engine(self.plan(model, scales))
        if scales is None:
            self._described[_digest(model)] = engine.information()
        return engine

    def save(
        self,
        content: bytes,
        path: str | Path,
        model: SerializedModel,
        scales: Mapping[str, Any] | None = None,
        *,
        calibrated: SampleHashes | None = None,
    ) -> Artifact:
        """Keeps a plan at `path`, with a record beside it.

        Args:
            content: what `plan` returned.
            path: where to.
            model: what it was built from.
            scales: where it has its scales from, as JSON values.
            calibrated: what the samples are known by that the scales come from.
        """
        record = PlanRecord(
            sha256=hashlib.sha256(content).hexdigest(),
            machine=self.machine(),
            model=_digest(model),
            options=self.options.record(),
            scales=scales or {},
            sample_hashes=calibrated,
        )
        return plan.save(content, Path(path), record)

    def load(self, path: str | Path, *, trust: bool = False) -> TensorRtEngine:
        """The engine that `save` kept.

        Raises:
            ArtifactError: no record, another plan than the recorded one, or TensorRT refuses it.
            SetupError: built for another version of TensorRT or another kind of GPU.
        """
        path = Path(path)
        content = plan.load(path, self.machine(), trust=trust)
        core = None if trust else plan.record(path).options.get("dla_core")
        return TensorRtEngine(content, gpu(), dla_core=core if isinstance(core, int) else self.options.dla_core)

    def observers(
        self, model: SerializedModel, count: int, *, plain: Collection[str] = ()
    ) -> Sequence[CountingObserver]:
        """One observer, which counts on the GPU: there is one, however many threads are asked for."""
        del count, plain
        options = replace(self.options, precision="fp32")
        return [TensorRtCounter(replace(self, options=options).build(model))]

    def coverage(self, model: SerializedModel) -> Coverage:
        """In which precision each matrix product of `model` runs; builds it unless this backend did already."""
        if _digest(model) not in self._described:
            self.build(model).close()
        graph = _graph(model)
        return inspection.coverage(_layers(self._described[_digest(model)], graph), graph)

    def layers(self, engine: TensorRtEngine, model: SerializedModel) -> tuple[inspection.Layer, ...]:
        """The layers of an engine that was built from `model`, whichever scales it has."""
        return _layers(engine.information(), _graph(model))

    def latencies(self, engines: Mapping[str, TensorRtEngine], samples: Samples | None = None) -> dict[str, Latency]:
        """How long each engine takes for `samples`, or some of their usual size, on the GPU alone, taking turns."""
        return GpuStopwatch().measured(engines, samples or typical(next(iter(engines.values()))))

    def profile(self, engine: TensorRtEngine, model: SerializedModel) -> Profiled:
        """What the time of an engine that was built from `model` goes into, at its usual sizes."""
        return profiled(engine, typical(engine).inputs, _graph(model))

    @property
    def has_calibrators(self) -> bool:
        """Whether this version makes int8 engines of plain models: up to 10."""
        return has_calibrators()

    def require_calibrators(self) -> None:
        """Raises SetupError where this version has no calibrators; says what to do instead."""
        require_calibrators("calibrators")

    def machine(self) -> Machine:
        """What a plan is tied to."""
        return Machine(trt.__version__, gpu().compute_capability, gpu().name)

    def environment(self) -> Mapping[str, str]:
        """Versions and device: what may move a float in its last bit."""
        return {
            "tensorrt": trt.__version__,
            "device": gpu().name,
            "compute_capability": gpu().compute_capability,
            "cuda_driver": str(cuda.get_driver_version()),
            "precision": self.options.precision,
        }


def _digest(model: SerializedModel) -> str:
    return hashlib.sha256(model.proto).hexdigest()


def _graph(model: SerializedModel) -> GraphProto:
    return onnx.load_model_from_string(model.proto).graph


def _layers(information: str, graph: GraphProto) -> tuple[inspection.Layer, ...]:
    return inspection.layers(information, map(title, graph.node))


plugin: type[Backend] = TensorRtBackend

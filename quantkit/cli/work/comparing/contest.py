"""Who is compared, and in what: models in ONNX Runtime, or, with a plan among them, all as engines in TensorRT."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from quantkit.backends.tensorrt.options import BuildOptions
from quantkit.cli.options.data import DataOptions
from quantkit.cli.options.engine import workspace_bytes
from quantkit.cli.options.idle import refuse_idle, refuse_other_device
from quantkit.cli.process.progress import Progress
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.work.comparing.options import Compare
from quantkit.core.artifact import TensorSpec
from quantkit.core.comparison import Comparison
from quantkit.core.errors import UsageError
from quantkit.data.checked import Checked
from quantkit.graph.loading.reading import is_plan
from quantkit.graph.model import Model, load
from quantkit.pipeline.comparing import REFERENCE, Comparing, compare
from quantkit.pipeline.plans import Contest, admitted

_OF_ENGINES = ("workspace", "timing_cache", "timing_runs")


class Runs(Protocol):
    """A comparison that only lacks its data."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What has to be fed."""

    @property
    def models(self) -> Iterable[Model]:
        """The candidates that are ONNX models, which may say how their images were prepared."""

    @property
    def reading(self) -> DataOptions:
        """How data is read for them."""

    def compared(self, source: Checked, progress: Progress) -> Comparison:
        """Runs all of them on the samples of `source`."""


def opened(asked: Compare, reference: Path, terminal: Terminal) -> Runs:
    """Reads what is to be compared.

    Raises:
        UsageError: options of which one would silently do nothing.
        ModelError: a model cannot be used.
        ArtifactError: a plan has no record, or is not what it describes; found out before TensorRT is looked for.
        SetupError: TensorRT or a GPU is needed and missing, or a plan was built for another machine.
    """
    paths = {REFERENCE: reference, **asked.named}
    plans = {name: path for name, path in paths.items() if is_plan(path)}
    _refuse_contradictions(asked, plans=len(plans), models=len(paths) - len(plans))
    found = {name: admitted(path, trust=asked.trust_engine) for name, path in plans.items()}
    custom_ops = bool(asked.allow_custom_op_library)
    models = {name: load(path, allow_custom_ops=custom_ops) for name, path in paths.items() if name not in plans}
    if not plans and asked.backend == "ort":
        return _OnnxRuns(asked, models)
    contest = Contest.opened(
        {name: found[name] if name in found else models[name] for name in paths},
        BuildOptions(
            batch=asked.reading.samples_a_batch,
            workspace_bytes=workspace_bytes(asked.building.workspace),
            timing_cache=asked.building.timing_cache,
            timing_runs=asked.building.timing_runs,
            threads=asked.machine.threads,
        ),
        batch=asked.reading.batch_size if asked.given["batch_size"].is_asked else None,
        progress=terminal.telling,
    )
    return _EngineRuns(asked, contest)


def _refuse_contradictions(asked: Compare, *, plans: int, models: int) -> None:
    given = {name for name, found in asked.given.items() if found.is_asked}
    typed = {name for name, found in asked.given.items() if found.is_typed}
    if plans and "backend" in given and asked.backend != "tensorrt":
        hints = ["leave --backend out", "or give the ONNX model that the plan was built from"]
        raise UsageError("QK1087", f"--backend {asked.backend} runs no plans, which are TensorRT's", hints=hints)
    if not plans:
        refuse_idle(("trust_engine",), typed, "without a plan among the models")
    if not plans and asked.backend == "ort":
        refuse_idle(_OF_ENGINES, typed, "without --backend tensorrt")
        return
    if not models:
        refuse_idle(_OF_ENGINES, typed, "where every model is a plan, and nothing is built")
    refuse_other_device(asked.machine.device)
    refuse_idle(("allow_custom_op_library",), given, "to TensorRT")


@dataclass(frozen=True, slots=True)
class _OnnxRuns:
    asked: Compare
    given: dict[str, Model]

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self.given[REFERENCE].inputs

    @property
    def models(self) -> Iterable[Model]:
        return [model for name, model in self.given.items() if name != REFERENCE]

    @property
    def reading(self) -> DataOptions:
        return self.asked.reading

    def compared(self, source: Checked, progress: Progress) -> Comparison:
        candidates = {name: model for name, model in self.given.items() if name != REFERENCE}
        return compare(self.given[REFERENCE], candidates, source, how=self._how, progress=progress)

    @property
    def _how(self) -> Comparing:
        asked = self.asked
        how = Comparing(
            asked.metric,
            threads=asked.machine.threads,
            device=asked.machine.device,
            custom_ops=asked.allow_custom_op_library,
            self_check=asked.self_check,
        )
        return replace(how, stopwatch=None) if asked.no_latency else how


@dataclass(frozen=True, slots=True)
class _EngineRuns:
    asked: Compare
    contest: Contest

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self.contest.inputs

    @property
    def models(self) -> Iterable[Model]:
        return [model for name, model in self.contest.models.items() if name != REFERENCE]

    @property
    def reading(self) -> DataOptions:
        return replace(self.asked.reading, batch_size=self.contest.batch)

    def compared(self, source: Checked, progress: Progress) -> Comparison:
        return self.contest.compared(
            source,
            metrics=self.asked.metric,
            latency=not self.asked.no_latency,
            self_check=self.asked.self_check,
            progress=progress,
        )

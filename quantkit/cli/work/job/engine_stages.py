"""What the whole job does on a GPU besides: engines instead of models are built and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import cast

from quantkit.backends.tensorrt.options import BuildOptions
from quantkit.backends.tensorrt.plan import sidecar
from quantkit.cli.options.engine import workspace_bytes
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.work.job.options import Calibrate
from quantkit.core import trt_cache_file
from quantkit.core.artifact import Artifact
from quantkit.core.calibration import Calibration
from quantkit.core.comparison import Comparison
from quantkit.data.checked import Checked
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model
from quantkit.pipeline.build_progress import titled
from quantkit.pipeline.engine_comparison import EngineFile
from quantkit.pipeline.engines import Engines, cache_beside
from quantkit.pipeline.injection import Injection
from quantkit.pipeline.speed import FP16, ExcludeBy

_REFERENCE = "fp32"


@dataclass(frozen=True, slots=True)
class EngineStages:
    """A job on a GPU that is there.

    Args:
        asked: what the user wants.
        terminal: where progress is shown.
        engines: what builds them.
        folder: for the results.
        stem: what the plans' names begin with.
        data: what TensorRT's own calibrators are fed with.
    """

    asked: Calibrate
    terminal: Terminal
    engines: Engines
    folder: Path
    stem: str
    data: Checked | None

    @classmethod
    def opened(
        cls, asked: Calibrate, terminal: Terminal, model: Model, folder: Path, data: Checked | None
    ) -> EngineStages:
        """Looks for TensorRT and the GPU.

        Raises:
            SetupError: either is missing, or calibrators or injected ranges are asked of a version that takes none.
        """
        engines = Engines(model, building(asked, folder), threads=asked.running.threads, progress=terminal.telling)
        if asked.engine.trt_calibrator or asked.engine.inject:
            engines.require_calibrators()
        stem = model.path.stem if model.path else folder.name
        return cls(asked, terminal, engines, folder, stem, data)

    @property
    def paths(self) -> list[Path]:
        """Every file that the builds may write."""
        plans = [path for name in (_REFERENCE, FP16.lower(), *self._int8) for path in self._files(name)]
        return [*plans, *([] if self.asked.engine.timing_cache else [timing_cache(self.folder)])]

    @property
    def written(self) -> list[Path]:
        """Those of them that are there."""
        return [path for path in self.paths if path.exists()]

    @property
    def _int8(self) -> list[str]:
        rules, engine = self.asked.thresholds.method, self.asked.engine
        injected = map(_injected, rules) if engine.inject else ()
        return [*rules, *injected, *map(_own, engine.trt_calibrator)]

    @property
    def _cached(self) -> set[str]:
        """The engines that leave a calibration cache."""
        injected = map(_injected, self.asked.thresholds.method) if self.asked.engine.inject == "cache" else ()
        return {*injected, *map(_own, self.asked.engine.trt_calibrator)}

    def _files(self, name: str) -> Iterator[Path]:
        plan = self.plan_path(name)
        yield from (plan, sidecar(plan))
        if name in self._cached:
            yield from (cache_beside(plan), trt_cache_file.sidecar(cache_beside(plan)))

    def plan_path(self, name: str) -> Path:
        """Where the engine called `name` goes."""
        return self.folder / f"{self.stem}.{name}.plan"

    def exclusion(self, calibrations: Mapping[str, Calibration]) -> Exclusion:
        """What gets no Q/DQ pairs: what the user said, and what is no faster in INT8 on this GPU."""
        # How long a kernel takes does not depend on the rule that chose its scales.
        some, by = next(iter(calibrations.values())), cast(ExcludeBy, self.asked.engine.exclude_by)
        return self.engines.exclusion(some, self.asked.quantization.exclusion, by=by)

    def compared(
        self,
        models: Mapping[str, Artifact],
        calibrations: Mapping[str, Calibration],
        evaluation: Checked,
    ) -> Comparison:
        """Builds every engine, and compares them on the same samples."""
        numbered = map(self._at, count(1))
        reference = next(numbered).reference(self.plan_path(_REFERENCE))
        candidates = dict(self._built(numbered, models, calibrations))
        with self.terminal.progressing("comparing") as advance:
            return self.engines.compared(
                reference,
                candidates,
                evaluation,
                metrics=self.asked.metric,
                self_check=self.asked.running.self_check,
                progress=advance,
            )

    def _at(self, number: int) -> Engines:
        """What builds the engine of that number, and says so."""
        total = len(self._int8) + 2
        return replace(self.engines, progress=titled(self.engines.progress, f"engine {number} of {total}"))

    def _built(
        self, engines: Iterator[Engines], models: Mapping[str, Artifact], calibrations: Mapping[str, Calibration]
    ) -> Iterator[tuple[str, EngineFile]]:
        """Every candidate, each by the next of `engines`."""
        asked = self.asked.engine
        yield FP16, next(engines).half(self.plan_path(FP16.lower()))
        for rule, int8 in models.items():
            yield rule, next(engines).explicit(int8, self.plan_path(rule))
        for rule, calibration in calibrations.items() if asked.inject else ():
            name = _injected(rule)
            yield name, next(engines).ours(calibration, self.plan_path(name), cast(Injection, asked.inject))
        if self.data is None:
            return
        for algorithm in asked.trt_calibrator:
            name, some = _own(algorithm), next(iter(calibrations.values()))
            yield name, next(engines).calibrated(self.data, algorithm, some, self.plan_path(name))


def building(asked: Calibrate, folder: Path) -> BuildOptions:
    """How the engines of a job are built."""
    return BuildOptions(
        batch=asked.reading.samples_a_batch,
        workspace_bytes=workspace_bytes(asked.engine.workspace),
        timing_cache=asked.engine.timing_cache or timing_cache(folder),
        timing_runs=asked.engine.timing_runs,
    )


def timing_cache(folder: Path) -> Path:
    """Where kernel times go unless told otherwise: a run that is taken up again goes on with them."""
    return folder / "timing.cache"


def _own(algorithm: str) -> str:
    return f"trt-{algorithm}"


def _injected(rule: str) -> str:
    return f"injected-{rule}"

"""What each stage of the whole job asks of the library."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from quantkit.cli.inputs.watched import Watched, within_memory
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.results import pages
from quantkit.cli.results.layers import LAYERS
from quantkit.cli.work.job.account import Account
from quantkit.cli.work.job.destination import Destination
from quantkit.cli.work.job.engine_stages import EngineStages, building
from quantkit.cli.work.job.options import STAGES, Calibrate
from quantkit.core import plugins, run, statistics_file
from quantkit.core.artifact import Artifact
from quantkit.core.calibration import Calibration
from quantkit.core.comparison import DOUBTFUL, Comparison
from quantkit.core.evidence import Evidence
from quantkit.core.files import write_whole
from quantkit.core.ports import Calibrator
from quantkit.core.statistics import SampleId, Statistics, incomplete
from quantkit.core.verdict import Judgement
from quantkit.data.checked import Checked
from quantkit.data.overlap import Overlap, overlap
from quantkit.graph.model import Model
from quantkit.graph.placement import Placement
from quantkit.pipeline.collecting import Collecting, collect
from quantkit.pipeline.comparing import Comparing, compare, warn_of_doubts
from quantkit.pipeline.evidence import evidence, judged
from quantkit.pipeline.quantizing import quantize
from quantkit.pipeline.ranges import calibrate_ranges
from quantkit.pipeline.rendering import render

_log = logging.getLogger(__name__)

NO_EVALUATION = (
    "no --eval: compared on the calibration data itself, so accuracy is unknown and every figure is better than it "
    "will be on other data"
)


@dataclass(frozen=True, slots=True)
class Stages:
    """A job whose inputs are open and checked.

    Args:
        asked: what the user wants.
        terminal: where progress is shown.
        model: the FP32 model, ready for collecting.
        origin: the calibration data, or the file of statistics that were collected before.
        evaluation: what the models are compared on, where there is anything.
        placement: where the target wants Q/DQ pairs.
        destination: where the results go.
        stem: what the files of the INT8 models begin with.
        engines: builds and compares TensorRT engines, where these are what is compared.
    """

    asked: Calibrate
    terminal: Terminal
    model: Model
    origin: Checked | Path
    evaluation: Checked | None
    placement: Placement
    destination: Destination
    stem: str
    engines: EngineStages | None = None

    @property
    def folder(self) -> Path:
        """For the results."""
        return self.destination.folder

    def collected(self, checkpoint: Path) -> Statistics:
        """The statistics that were given, or those of one pass over the data."""
        if isinstance(self.origin, Path):
            return statistics_file.load(self.origin)
        running, engine = self.asked.running, self.asked.engine
        how = Collecting(
            backend="tensorrt" if engine.collect else "ort",
            building=replace(building(self.asked, self.folder), precision="fp32") if engine.collect else None,
            build_progress=self.terminal.telling,
            threads=running.threads,
            # With --backend tensorrt that is where the engines are.
            device=None if engine.are_built else running.device,
            custom_ops=self.asked.quantization.allow_custom_op_library,
            on_nonfinite=running.on_nonfinite,
            everything=engine.are_built,
        )
        with self.terminal.progressing("calibrating") as advance:
            found = within_memory(
                lambda data: collect(self.model, data, how=how, progress=advance, checkpoint=checkpoint),
                self.origin,
                may_halve=self.asked.reading.may_halve,
            )
        return found.as_part(*running.shard) if running.shard else found

    @property
    def summary(self) -> tuple[str, int, int]:
        """The target, and how many nodes it takes and leaves."""
        return self.placement.target, len(self.placement.nodes), len(self.placement.left_out)

    @property
    def statistics_path(self) -> Path:
        """Where the statistics go."""
        return self.folder / "statistics.safetensors"

    def calibrations(self, statistics: Statistics) -> dict[str, Calibration]:
        """Rule name → ranges, each saved."""
        overrides = {exception.glob: self._rule(exception.rule) for exception in self.asked.thresholds.override}
        found = {}
        if absent := statistics.absent:
            _log.warning("%s", incomplete(absent))
        for name in self.asked.thresholds.method:
            found[name] = calibrate_ranges(
                statistics, self._rule(name), symmetric=self._is_symmetric, overrides=overrides
            )
            found[name].save(self.calibration_path(name))
            _log.info("ranges by %s: %s", found[name].rule, self.calibration_path(name))
        return found

    @property
    def paths(self) -> list[Path]:
        """Every file that the stages asked for write, in order."""
        rules, until = self.asked.thresholds.method, self.asked.running.until
        stages = [
            [self.statistics_path],
            [self.calibration_path(rule) for rule in rules],
            [self.model_path(rule) for rule in rules],
            self.engines.paths if self.engines else [],
            [self.folder / name for name in ("run.json", "samples.jsonl", "report.md")],
            [self.folder / name for name in (LAYERS, pages.PAGE) if self.draws],
        ]
        last = STAGES.index(until) + 1 if until else len(stages)
        return [path for stage in stages[:last] for path in stage]

    @property
    def draws(self) -> bool:
        """Whether there is to be a page with plots: where one was asked for, or the library is installed."""
        return self.asked.running.html or pages.can_draw()

    def calibration_path(self, rule: str) -> Path:
        """Where the ranges of `rule` go."""
        return self.folder / f"{rule}.qcal.json"

    def _rule(self, name: str) -> str | Calibrator:
        asked = self.asked.thresholds
        options: Mapping[str, Mapping[str, float | None]] = {
            "percentile": {"keep": asked.percentile},
            "entropy": {"bins": asked.bins},
        }
        given = {option: value for option, value in options.get(name, {}).items() if value is not None}
        if not given:
            return name
        rule: Calibrator = plugins.load("quantkit.calibrators", name)(**given, symmetric=self._is_symmetric)
        return rule

    @property
    def _is_symmetric(self) -> bool:
        # TensorRT has no zero points; ONNX Runtime's CPU kernels are fastest with unsigned activations.
        return self.asked.quantization.target == "tensorrt"

    def models(self, calibrations: Mapping[str, Calibration]) -> dict[str, Artifact]:
        """Rule name → the INT8 model written with its ranges."""
        exclude = self.engines.exclusion(calibrations) if self.engines else self.asked.quantization.exclusion
        return {
            rule: quantize(
                self.model,
                calibration,
                to=self.model_path(rule),
                target=self.asked.quantization.target,
                exclude=exclude,
                per_channel=self.asked.quantization.per_channel,
            )
            for rule, calibration in calibrations.items()
        }

    def model_path(self, rule: str) -> Path:
        """Where the INT8 model with the ranges of `rule` goes."""
        return self.folder / f"{self.stem}.{rule}.int8.onnx"

    def compared(self, models: Mapping[str, Artifact], evaluation: Checked, account: Account) -> Comparison:
        """FP32 and every INT8 model on the same samples, with all that `account` knows to remark."""
        watched = Watched(evaluation.source)
        source = replace(evaluation, source=watched)
        comparison = (
            self.engines.compared(models, account.calibrations, source)
            if self.engines
            else self._models_compared(models, source)
        )
        notes = [*comparison.notes, *account.remarks, *self._notes(watched.ids, account.statistics)]
        shared = overlap(account.statistics.samples, watched.ids)
        # For the gate, which reads no sentences; first, as in the order in which run.json holds them.
        data = {"calibrated_on": str(len(shared)), **comparison.data} if shared else comparison.data
        return replace(comparison, notes=tuple(notes), data=data, command=account.command)

    def _models_compared(self, models: Mapping[str, Artifact], source: Checked) -> Comparison:
        asked = self.asked
        libraries = asked.quantization.allow_custom_op_library
        how = Comparing(asked.metric, threads=asked.running.threads, device=asked.running.device, custom_ops=libraries)
        # The job knows every sample of both sets, and says it itself.
        how = replace(how, self_check=asked.running.self_check, overlap=False)
        if self.asked.quantization.target != "ort-cpu":
            # Another runtime's latency says nothing about the target's.
            how = replace(how, stopwatch=None)
        with self.terminal.progressing("comparing") as advance:
            return within_memory(
                lambda data: compare(self.model, models, data, how=how, progress=advance),
                source,
                may_halve=asked.reading.may_halve,
            )

    def _notes(self, evaluated: Sequence[SampleId], statistics: Statistics) -> list[str]:
        notes = []
        if self.engines is None and not self.placement.nodes:
            notes.append(f"{DOUBTFUL}no node is quantized: what is compared is the FP32 model with itself")
        if self.asked.eval is None:
            notes.append(NO_EVALUATION)
        elif shared := overlap(statistics.samples, evaluated):
            notes.append(f"{DOUBTFUL}{Overlap(len(shared), len(evaluated), shared[0].second)}")
            warn_of_doubts(notes[-1:])
        if absent := statistics.absent:
            notes.append(incomplete(absent))
        return notes

    def reported(
        self, comparison: Comparison, models: Mapping[str, Artifact], data: Checked, account: Account
    ) -> list[Path]:
        """Writes run, rows and reports; their paths."""
        files = [artifact.path for artifact in run.save(comparison, self.folder / "run.json")]
        judgement = judged(comparison)
        shown = self._evidence(judgement, models, data, account) if self.draws else Evidence()
        report = self.folder / "report.md"
        write_whole(report, render(judgement, "markdown", evidence=shown).encode())
        pictured = pages.written(self.folder, comparison, shown) if self.draws else []
        return [*files, report, *pictured]

    def _evidence(
        self, judgement: Judgement, models: Mapping[str, Artifact], data: Checked, account: Account
    ) -> Evidence:
        """What the page shows beside the run."""
        return evidence(
            judgement.comparison,
            judgement=judgement,
            statistics=account.statistics,
            calibrations=account.calibrations,
            layers=pages.traced(self.model, models, data, threads=self.asked.running.threads, terminal=self.terminal),
            model=self.model,
            pictures_from=None if self.asked.running.no_thumbnails else data,
        )

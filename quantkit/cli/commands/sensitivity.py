"""``quantkit sensitivity``: which layers cost accuracy."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from quantkit.cli.command import Command, Result
from quantkit.cli.options import values
from quantkit.cli.options.common import Common
from quantkit.cli.options.data import DataOptions, SelectionOptions
from quantkit.cli.options.fields import DRY_RUN, Group, Option, a_file
from quantkit.cli.options.machine import MachineOptions
from quantkit.cli.options.metric import METRIC
from quantkit.cli.options.model import QuantizationOptions
from quantkit.cli.outputs import file_for_writing
from quantkit.cli.process.progress import duration
from quantkit.cli.process.terminal import Terminal
from quantkit.core.errors import UsageError
from quantkit.core.text import printable

if TYPE_CHECKING:
    from quantkit.core.calibration import Calibration
    from quantkit.core.sensitivity import Sensitivity
    from quantkit.data.checked import Checked
    from quantkit.graph.model import Model
    from quantkit.pipeline.sensitivity import Sensing

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RangeOptions:
    """Where the ranges come from: a file, statistics, or the samples themselves."""

    calib: Annotated[
        Path | None, a_file("ranges made before, a .qcal.json file (default: chosen from --data)", "FILE")
    ] = None
    statistics: Annotated[Path | None, a_file("choose the ranges from these statistics", "FILE")] = None
    method: Annotated[
        str | None,
        Option(
            "the rule that chooses them: max, entropy, percentile or mse (default: entropy)",
            parse=values.plugin("quantkit.calibrators"),
            metavar="RULE",
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class SensitivityCommand:
    """Say what each layer costs in INT8, by its weights and its activations, and which to leave in FP32.

    Every layer is measured twice: quantized alone in a network of floats ("only"), and left in FP32 in a network of
    integers ("all but"). The measure is the signal-to-noise ratio at the network's outputs, which needs no labels and
    few samples; --metric adds others. One engine serves all of this, by rounding in floating point. Then the worst
    layers are left out together, 1, 2, 4, 8 and so on, and these models are really quantized and compared.

    --data is read for 64 samples, chosen by --seed, unless --max-samples or --sample-fraction say otherwise. With
    --time-limit the measuring ends in time, the worst layers known best; the comparison still follows.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "resnet50.onnx --data val/ --preprocess imagenet --calib out/entropy.qcal.json",
        "model.onnx --data val/ --preprocess imagenet --labels val.csv --metric top1 --max-samples 256",
        "model.onnx --data val.npz --statistics out/statistics.safetensors --method mse --target tensorrt",
        "model.onnx --data val/ --preprocess imagenet --dry-run",
    )
    KEEPS_TIME: ClassVar[bool] = True

    model: Annotated[Path | None, a_file("the FP32 model, an ONNX file", "MODEL", positional=True, required=True)] = (
        None
    )
    data: Annotated[
        Path | None,
        a_file("samples: a folder of images, .npz or .npy, a .tar of images, or a glob", "PATH", required=True),
    ] = None
    metric: Annotated[
        tuple[str, ...] | None,
        replace(METRIC, help="measure these for every layer as well, such as top1, where there are labels"),
    ] = None
    output: Annotated[Path, a_file("the file to write", "FILE", short="-o")] = Path("sensitivity.json")
    html: Annotated[
        Path | None,
        a_file("the page with the heatmap (default: the output's name with .html, where Plotly is installed)", "FILE"),
    ] = None
    force: Annotated[bool, Option("replace the outputs", kind="switch")] = False
    dry_run: Annotated[bool, DRY_RUN] = False
    no_latency: Annotated[bool, Option("leave the measurement of latency out", kind="switch")] = False
    ranges: Annotated[RangeOptions, Group("ranges")] = field(default_factory=RangeOptions)
    quantization: Annotated[QuantizationOptions, Group("quantization")] = field(default_factory=QuantizationOptions)
    selection: Annotated[SelectionOptions, Group("choosing from --data")] = field(default_factory=SelectionOptions)
    reading: Annotated[DataOptions, Group("reading data")] = field(default_factory=DataOptions)
    machine: Annotated[MachineOptions, Group("running")] = field(default_factory=MachineOptions)
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)

    def run(self, terminal: Terminal) -> Result:
        """Measures, writes, shows."""
        from quantkit.pipeline import sensitivity as stage

        started = time.monotonic()
        self._refuse_contradictions()
        model = self.quantization.opened(cast(Path, self.model))
        how = self._how()
        stage.placement(model, how)
        source = self._source(model)
        if self.dry_run:
            return self._planned(stage.estimated(model, source, how=how))
        with self._held():
            calibration = self._calibration(model, source, terminal)
            if self.common.time_limit is not None:
                how = replace(how, limit_s=self.common.time_limit - (time.monotonic() - started))
            with terminal.progressing("measuring layers") as advance:
                found = stage.sensitivity(model, calibration, source, how=how, progress=advance)
            return self._written(self._remarked(found))

    def _refuse_contradictions(self) -> None:
        if self.html is not None:
            from quantkit.cli.job import pages

            pages.require_drawing()
        asked = self.ranges
        if asked.calib is not None and (asked.statistics or asked.method):
            other = "--statistics" if asked.statistics else "--method"
            title = f"{other} says nothing beside --calib, which has the ranges already"
            raise UsageError("QK1087", title, hints=["keep one"])

    def _how(self) -> Sensing:
        from quantkit.pipeline.sensitivity import Sensing

        asked, machine = self.quantization, self.machine
        how = Sensing(
            target=asked.target,
            exclude=asked.exclusion,
            metrics=self.metric or (),
            samples=None,
            per_channel=asked.per_channel,
            threads=machine.threads,
            device=machine.device,
            custom_ops=asked.allow_custom_op_library,
        )
        return replace(how, stopwatch=None) if self.no_latency else how

    def _source(self, model: Model) -> Checked:
        from quantkit.cli import sources
        from quantkit.pipeline.sensitivity import SAMPLES

        chosen = self.selection
        if chosen.max_samples is None and chosen.sample_fraction is None:
            chosen = replace(chosen, max_samples=SAMPLES)
        return sources.for_evaluation(cast(Path, self.data), model.inputs, self.reading, chosen)

    def _calibration(self, model: Model, source: Checked, terminal: Terminal) -> Calibration:
        from quantkit.core import statistics_file
        from quantkit.core.calibration import Calibration
        from quantkit.pipeline.collecting import Collecting, collect
        from quantkit.pipeline.ranges import calibrate_ranges

        asked = self.ranges
        if asked.calib is not None:
            return Calibration.load(asked.calib)
        if asked.statistics is not None:
            statistics = statistics_file.load(asked.statistics)
        else:
            machine = self.machine
            how = Collecting(
                threads=machine.threads,
                device=machine.device,
                custom_ops=self.quantization.allow_custom_op_library,
                allow_few=True,
            )
            with terminal.progressing("calibrating") as advance:
                statistics = collect(model, source, how=how, progress=advance)
        symmetric = self.quantization.target == "tensorrt"
        return calibrate_ranges(statistics, asked.method or "entropy", symmetric=symmetric)

    def _remarked(self, found: Sensitivity) -> Sensitivity:
        notes = []
        if self.ranges.calib is None and self.ranges.statistics is None:
            notes.append("the ranges were chosen from the same samples; --calib takes those of a calibration")
        if self.quantization.target != "ort-cpu":
            notes.append(f"ONNX Runtime ran everything: accuracy for {found.target}, but not its speed")
        return replace(found, notes=(*notes, *found.notes))

    @property
    def _page(self) -> Path | None:
        """Where the heatmap goes, if anywhere."""
        from quantkit.cli.job import pages

        return self.html or (self.output.with_suffix(".html") if pages.can_draw() else None)

    @contextmanager
    def _held(self) -> Iterator[None]:
        given = [self.model, self.data, self.ranges.calib, self.ranges.statistics]
        inputs = [path for path in given if path is not None]
        with file_for_writing(self.output, inputs=inputs, force=self.force):
            if self._page is None:
                yield
                return
            with file_for_writing(self._page, inputs=[*inputs, self.output], force=self.force):
                yield

    def _planned(self, found: Any) -> Result:
        document = {
            "command": "sensitivity",
            "dry_run": True,
            "output": str(self.output),
            "target": self.quantization.target,
            "layers": found.layers,
            "runs": found.subsets,
            "samples": found.samples,
            "seconds": found.seconds,
        }
        took = "" if found.seconds is None else f", about {duration(found.seconds)}"
        text = (
            f"would run {found.subsets} variants of {found.layers} layers on {found.samples} samples{took} "
            f"and write {printable(str(self.output))}"
        )
        return Result(text, document)

    def _written(self, found: Sensitivity) -> Result:
        from quantkit.cli.sensitivities import told
        from quantkit.core import sensitivity_file
        from quantkit.core.files import write_whole

        sensitivity_file.save(found, self.output)
        written = [self.output]
        if self._page is not None:
            from quantkit.report._sensitivity_page import page

            write_whole(self._page, page(found).encode())
            written.append(self._page)
        shown = ", ".join(printable(str(path)) for path in written)
        document = {
            "command": "sensitivity",
            "output": str(self.output),
            "files": [str(path) for path in written],
            "sensitivity": sensitivity_file.document(found),
        }
        return Result(f"{told(found)}\n\nwritten {shown}", document, tuple(written))


plugin: type[Command] = SensitivityCommand

"""``quantkit compare``: what INT8 cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, cast

from quantkit.cli.command import Command, Result
from quantkit.cli.options import values
from quantkit.cli.options.common import Common
from quantkit.cli.options.data import DataOptions, SelectionOptions
from quantkit.cli.options.engine import TRUST_ENGINE, BuildingOptions
from quantkit.cli.options.fields import DRY_RUN, Group, Option, a_file
from quantkit.cli.options.machine import CUSTOM_OPS, MachineOptions
from quantkit.cli.options.metric import METRIC, SELF_CHECK
from quantkit.cli.options.preset import preset as preset_option
from quantkit.cli.outputs import file_for_writing
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.settings import Given
from quantkit.core.text import printable

if TYPE_CHECKING:
    from quantkit.cli.contest import Runs
    from quantkit.data.checked import Checked


@dataclass(frozen=True, slots=True)
class Compare:
    """Run an FP32 model and INT8 models on the same samples and say what each of them lost.

    With a TensorRT plan among the models, or with --backend tensorrt, all of them run in TensorRT: ONNX models are
    built into engines first, the FP32 one without TF32. Plans are fed with batches of the size that they were built
    for, latency is the GPU's own, and the inspector says what really runs in INT8. A plan is code: one whose record
    (FILE.json) is missing or describes another plan is refused, unless --trust-engine is typed.

    Every figure comes with its number of samples and, where it can be had, a paired 95 % interval. run.json holds
    the figures; the file beside it holds a line for each sample.

    Some metrics go by the samples' file names: face-verification:pairs=CSV (columns a, b, same),
    detection-map:annotations=JSON (COCO's format), segmentation-miou:masks=FOLDER. psnr:peak=1 and ssim:peak=1 judge
    images, with truth=FOLDER against the true ones. A function of your own, package.module:function, is called with
    the reference's outputs, the candidate's outputs and the labels of each batch; it returns a score for each sample,
    or {"reference": ..., "candidate": ...} of such. Its module has to be importable, as through PYTHONPATH.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "resnet50.onnx resnet50.int8.onnx --data val/ --labels val.csv --preprocess imagenet",
        "model.onnx max.int8.onnx entropy.int8.onnx --data val.npz --metric top1,sqnr -o nightly.json",
        "faces.onnx faces.int8.onnx --data faces/ --preprocess faces.toml --metric face-verification:pairs=pairs.csv",
        "model.onnx max.plan entropy.plan --data val/ --preprocess imagenet",
    )

    reference: Annotated[
        Path | None,
        a_file("the FP32 model, or a plan of it", "REFERENCE", positional=True, required=True),
    ] = None
    candidates: Annotated[
        tuple[Path, ...],
        a_file("the INT8 models or plans", "CANDIDATE", kind="many", positional=True, required=True),
    ] = ()
    data: Annotated[
        Path | None,
        a_file("evaluation data: a folder of images, .npz or .npy, a .tar of images, or a glob", "PATH", required=True),
    ] = None
    metric: Annotated[
        tuple[str, ...] | None,
        METRIC,
    ] = None
    output: Annotated[
        Path,
        a_file("the file to write", "FILE", short="-o"),
    ] = Path("run.json")
    force: Annotated[bool, Option("replace the output", kind="switch")] = False
    dry_run: Annotated[bool, DRY_RUN] = False
    no_latency: Annotated[bool, Option("leave the measurement of latency out", kind="switch")] = False
    self_check: Annotated[bool, SELF_CHECK] = False
    preset: Annotated[str, preset_option(fast="--max-samples 128", accurate="every sample")] = "balanced"
    backend: Annotated[
        str,
        Option(
            "what runs the models: ONNX Runtime, or TensorRT engines, which plans are and other models become",
            parse=values.one_of("ort", "tensorrt"),
            metavar="ort|tensorrt",
        ),
    ] = "ort"
    trust_engine: Annotated[bool, TRUST_ENGINE] = False
    allow_custom_op_library: Annotated[tuple[Path, ...], CUSTOM_OPS] = ()
    selection: Annotated[SelectionOptions, Group("choosing from --data")] = field(default_factory=SelectionOptions)
    reading: Annotated[DataOptions, Group("reading data")] = field(default_factory=DataOptions)
    machine: Annotated[MachineOptions, Group("running")] = field(default_factory=MachineOptions)
    building: Annotated[BuildingOptions, Group("building engines")] = field(default_factory=BuildingOptions)
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)
    given: Mapping[str, Given] = field(default_factory=dict, repr=False)

    def run(self, terminal: Terminal) -> Result:
        """Compares, writes, shows."""
        from quantkit.cli import contest
        from quantkit.cli.watched import within_memory
        from quantkit.core import plugins, run, run_document

        path, data = cast(Path, self.reference), cast(Path, self.data)
        runs = contest.opened(self, path, terminal)
        source = self._source(runs, terminal)
        rows = run.rows_beside(self.output)
        if self.dry_run:
            return self._planned(runs, source)
        with file_for_writing(self.output, inputs=[path, *self.candidates, data], force=self.force, beside=rows):
            with terminal.progressing("comparing") as advance:
                comparison = within_memory(
                    lambda data: runs.compared(data, advance), source, may_halve=runs.reading.may_halve
                )
            run.save(comparison, self.output)
        table = plugins.load("quantkit.report", "table")(**terminal.table_options).render(comparison)
        return Result(
            f"{table.rstrip()}\n\nwritten {printable(str(self.output))} and {printable(str(rows))}",
            {"command": "compare", "output": str(self.output), "run": run_document.written(comparison)},
            (self.output, rows),
        )

    def _source(self, runs: Runs, terminal: Terminal) -> Checked:
        """Where nobody says how images are prepared, the INT8 models know how it was done for them."""
        from quantkit.cli import sources

        recorded = None if self.reading.preprocess else sources.recorded_preprocessing(runs.models)
        found = sources.for_evaluation(
            cast(Path, self.data), runs.inputs, runs.reading, self.selection, recorded=recorded
        )
        if recorded and "color" in found.preprocessing:
            terminal.note("note: images are prepared as they were for the calibration; --preprocess says otherwise")
        return found

    def _planned(self, runs: Runs, source: Checked) -> Result:
        names = list(self.named)
        document = {
            "command": "compare",
            "dry_run": True,
            "output": str(self.output),
            "inputs": [str(spec) for spec in runs.inputs],
            "candidates": names,
            "samples": source.size,
        }
        text = f"would compare {', '.join(map(printable, names))} with {printable(str(self.reference))}"
        return Result(f"{text} on {source.size} samples and write {printable(str(self.output))}", document)

    @property
    def named(self) -> Mapping[str, Path]:
        """Each model by the end of its name, or by its whole path where two ends are the same."""
        stems = [path.stem for path in self.candidates]
        return {
            path.stem if stems.count(path.stem) == 1 and path.stem != "FP32" else str(path): path
            for path in self.candidates
        }


plugin: type[Command] = Compare

"""``quantkit compare``: what INT8 cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, cast

from quantkit.cli.command import Command, Result
from quantkit.cli.options import values
from quantkit.cli.options.common import Common
from quantkit.cli.options.data import DataOptions
from quantkit.cli.options.fields import Group, Option, a_file
from quantkit.cli.options.metric import METRIC
from quantkit.cli.outputs import file_for_writing
from quantkit.cli.process.terminal import Terminal
from quantkit.core.text import printable


@dataclass(frozen=True, slots=True)
class Compare:
    """Run an FP32 model and INT8 models on the same samples and say what each of them lost.

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
    )

    reference: Annotated[
        Path | None,
        a_file("the FP32 model", "REFERENCE", positional=True, required=True),
    ] = None
    candidates: Annotated[
        tuple[Path, ...],
        a_file("the INT8 models", "CANDIDATE", kind="many", positional=True, required=True),
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
    no_latency: Annotated[bool, Option("leave the measurement of latency out", kind="switch")] = False
    threads: Annotated[
        int | None, Option("processor cores to use (default: all)", parse=values.at_least(1), metavar="N")
    ] = None
    reading: Annotated[DataOptions, Group("reading data")] = field(default_factory=DataOptions)
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)

    def run(self, terminal: Terminal) -> Result:
        """Compares, writes, shows."""
        from quantkit.cli import sources
        from quantkit.core import plugins, run, run_document
        from quantkit.graph.model import load
        from quantkit.pipeline.comparing import Comparing, compare

        path, data = cast(Path, self.reference), cast(Path, self.data)
        model = load(path)
        source = sources.for_evaluation(data, model.inputs, self.reading)
        how = Comparing(metrics=self.metric, threads=self.threads)
        if self.no_latency:
            how = Comparing(metrics=self.metric, threads=self.threads, stopwatch=None)
        rows = run.rows_beside(self.output)
        with file_for_writing(self.output, inputs=[path, *self.candidates, data], force=self.force):
            with terminal.progressing("comparing") as advance:
                comparison = compare(model, self._named(), source, how=how, progress=advance)
            run.save(comparison, self.output)
        table = plugins.load("quantkit.report", "table")(**terminal.table_options).render(comparison)
        return Result(
            f"{table}\nwritten {printable(str(self.output))} and {printable(str(rows))}",
            {"command": "compare", "output": str(self.output), "run": run_document.written(comparison)},
            (self.output, rows),
        )

    def _named(self) -> Mapping[str, Path]:
        """Each model by the end of its name, or by its whole path where two ends are the same."""
        stems = [path.stem for path in self.candidates]
        return {
            path.stem if stems.count(path.stem) == 1 and path.stem != "FP32" else str(path): path
            for path in self.candidates
        }


plugin: type[Command] = Compare

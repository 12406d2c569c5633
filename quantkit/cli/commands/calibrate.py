"""``quantkit calibrate``: the whole job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from quantkit.cli.command import Command, Result
from quantkit.cli.options import values
from quantkit.cli.options.common import Common
from quantkit.cli.options.data import DataOptions, SelectionOptions
from quantkit.cli.options.engine import EngineOptions
from quantkit.cli.options.fields import DRY_RUN, Group, Option, a_file
from quantkit.cli.options.machine import MachineOptions
from quantkit.cli.options.metric import METRIC, SELF_CHECK
from quantkit.cli.options.model import QuantizationOptions
from quantkit.cli.options.preset import preset as preset_option
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.settings import Given

STAGES = ("statistics", "thresholds", "model")


@dataclass(frozen=True, slots=True)
class ThresholdOptions:
    """Which ranges are kept."""

    method: Annotated[
        tuple[str, ...],
        Option(
            "threshold rules, side by side: max, entropy, percentile, mse",
            parse=values.several(values.plugin("quantkit.calibrators")),
            metavar="RULE,...",
            presets={"fast": "max", "accurate": "max,entropy,percentile,mse"},
        ),
    ] = ("max", "entropy")
    percentile: Annotated[
        float | None,
        Option(
            "share of the values, in percent, that the rule percentile keeps (default: 99.99)",
            parse=values.number_within(0, 100),
            metavar="PERCENT",
        ),
    ] = None
    bins: Annotated[
        int | None,
        Option(
            "the most bins that the rule entropy searches on: 256, 512, 1024, 2048 or 4096 (default: 2048)",
            parse=values.one_of_numbers(256, 512, 1024, 2048, 4096),
            metavar="N",
        ),
    ] = None
    override: Annotated[
        tuple[values.RuleFor, ...],
        Option(
            "another rule for the tensors whose names match; the first that matches holds",
            parse=values.rule_for,
            kind="many",
            metavar="'GLOB=RULE'",
        ),
    ] = ()


@dataclass(frozen=True, slots=True)
class RunOptions(MachineOptions):
    """How the work is done."""

    until: Annotated[
        str | None,
        Option(
            "stop after this stage",
            parse=values.one_of(*STAGES),
            metavar="|".join(STAGES),
        ),
    ] = None
    shard: Annotated[
        values.Shard | None,
        Option(
            "collect statistics of part I of N only; quantkit merge adds the parts up",
            parse=values.shard,
            metavar="I/N",
        ),
    ] = None
    on_nonfinite: Annotated[
        Literal["fail", "report"],
        Option(
            "refuse NaN and infinity in a tensor, or leave them out and count them",
            parse=values.one_of("fail", "report"),
            metavar="fail|report",
        ),
    ] = "fail"
    allow_few: Annotated[bool, Option("accept fewer than 8 samples", kind="switch")] = False
    self_check: Annotated[bool, SELF_CHECK] = False
    html: Annotated[
        bool, Option("write report.html, or refuse without Plotly (default: where it is installed)", kind="switch")
    ] = False
    no_thumbnails: Annotated[bool, Option("show no pictures of samples in report.html", kind="switch")] = False
    force: Annotated[bool, Option("replace what is in the output folder", kind="switch")] = False
    dry_run: Annotated[bool, DRY_RUN] = False


@dataclass(frozen=True, slots=True)
class Calibrate:
    """Calibrate a model, write it in INT8 by every rule asked for, and compare them all with FP32.

    One pass over the calibration data serves every threshold rule. The output folder holds the statistics
    (statistics.safetensors), the ranges of each rule (RULE.qcal.json), a model for each (NAME.RULE.int8.onnx), the
    comparison (run.json and samples.jsonl) and a report (report.md; with
    plots, report.html and layers.json, where Plotly is installed).

    Accuracy is measured on --eval, which must be other data than --data. Without it the models are compared on the
    calibration data, by how far their answers differ and not by accuracy.

    With --backend tensorrt the models become TensorRT engines on this GPU, for batches of up to --batch-size: FP32 and
    FP16, and INT8 by every rule, from Q/DQ models in which nothing is quantized that is no faster for it. Each is kept
    (NAME.RULE.plan, with a record beside it), and latency is the GPU's own.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "resnet50.onnx --data calib/ --eval val/ --preprocess imagenet",
        "resnet50.onnx --data calib/ --preprocess imagenet -o resnet50.qcal.json",
        "model.onnx --data calib.npz --method max,entropy,mse --target tensorrt -o out/",
        "model.onnx --data calib/ --eval val/ --preprocess imagenet --backend tensorrt --batch-size 32",
        "model.onnx --data calib/ --preprocess my.toml --shard 1/4 --until statistics -o part1/",
        "model.onnx --statistics out/statistics.safetensors --method percentile --until model -o other/",
        "--resume .quantkit/run-7f3a21cc.jsonl",
    )

    model: Annotated[
        Path | None,
        a_file("the FP32 model, an ONNX file", "MODEL", positional=True, required=True),
    ] = None
    data: Annotated[
        Path | None,
        Option(
            "calibration data: a folder of images, .npz or .npy, a .tar of images, or a glob",
            parse=values.path,
            metavar="PATH",
            required=True,
            unless=("statistics", "synthetic"),
            is_path=values.anything,
        ),
    ] = None
    eval: Annotated[
        Path | None,
        a_file("evaluation data, in any of these forms, with labels for accuracy", "PATH"),
    ] = None
    max_eval_samples: Annotated[
        int | None,
        Option("compare on at most N samples of --eval, chosen by --seed", parse=values.at_least(1), metavar="N"),
    ] = None
    metric: Annotated[
        tuple[str, ...] | None,
        METRIC,
    ] = None
    output: Annotated[
        Path | None,
        a_file(
            "folder for the results (default: the model's name with -int8); or a file NAME.qcal.json for the ranges, "
            "or NAME.safetensors for the statistics, with everything in NAME-int8 beside it",
            "FOLDER|FILE",
            short="-o",
        ),
    ] = None
    statistics: Annotated[
        Path | None,
        a_file("start from these statistics instead of collecting them from --data", "FILE"),
    ] = None
    synthetic: Annotated[
        int | None,
        Option(
            "calibrate on N samples of noise instead, 64 unless said: good for trying things out, and for nothing "
            "else; quantkit check refuses what comes of it",
            parse=values.at_least(1),
            metavar="[N]",
            implied="64",
        ),
    ] = None
    preset: Annotated[
        str, preset_option(fast="--max-samples 128 and --method max", accurate="--method max,entropy,percentile,mse")
    ] = "balanced"
    resume: Annotated[
        Path | None,
        Option(
            "take up an interrupted run; needs and takes no other options",
            parse=values.path,
            metavar="JOURNAL",
            alone=True,
            typed_only=True,
        ),
    ] = None
    thresholds: Annotated[ThresholdOptions, Group("thresholds")] = field(default_factory=ThresholdOptions)
    quantization: Annotated[QuantizationOptions, Group("quantization")] = field(default_factory=QuantizationOptions)
    engine: Annotated[EngineOptions, Group("engines")] = field(default_factory=EngineOptions)
    reading: Annotated[DataOptions, Group("reading data")] = field(default_factory=DataOptions)
    selection: Annotated[SelectionOptions, Group("choosing from --data")] = field(default_factory=SelectionOptions)
    running: Annotated[RunOptions, Group("running")] = field(default_factory=RunOptions)
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)
    given: Mapping[str, Given] = field(default_factory=dict, repr=False)

    def run(self, terminal: Terminal) -> Result:
        """Does the job, or the rest of one that was interrupted."""
        from quantkit.cli.job import running

        return running.resumed(self, terminal) if self.resume else running.started(self, terminal)


plugin: type[Command] = Calibrate

"""What ``quantkit calibrate`` may be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from quantkit.cli.options import values
from quantkit.cli.options.common import Common
from quantkit.cli.options.data import DataOptions, SelectionOptions
from quantkit.cli.options.engine import EngineOptions
from quantkit.cli.options.fields import DRY_RUN, Group, Option, a_file
from quantkit.cli.options.machine import MachineOptions
from quantkit.cli.options.metric import METRIC, SELF_CHECK
from quantkit.cli.options.model import FLOAT_MODEL, QuantizationOptions
from quantkit.cli.options.preset import preset as preset_option
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
            "stop after this stage (default: go on to the end)",
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
    """The whole job, as it was asked for."""

    model: Annotated[Path | None, FLOAT_MODEL] = None
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
    metric: Annotated[tuple[str, ...] | None, METRIC] = None
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

"""What ``quantkit sensitivity`` may be told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from quantkit.cli.options import values
from quantkit.cli.options.common import Common
from quantkit.cli.options.data import DataOptions, SelectionOptions
from quantkit.cli.options.fields import DRY_RUN, OUTPUT, Group, Option, a_file, an_output
from quantkit.cli.options.machine import MachineOptions
from quantkit.cli.options.metric import METRIC, NO_LATENCY
from quantkit.cli.options.model import FLOAT_MODEL, QuantizationOptions


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
class Sense:
    """A measurement of every layer, as it was asked for."""

    model: Annotated[Path | None, FLOAT_MODEL] = None
    data: Annotated[
        Path | None,
        a_file("samples: a folder of images, .npz or .npy, a .tar of images, or a glob", "PATH", required=True),
    ] = None
    metric: Annotated[
        tuple[str, ...] | None,
        replace(METRIC, help="measure these for every layer as well, such as top1, where there are labels"),
    ] = None
    output: Annotated[Path, OUTPUT] = Path("sensitivity.json")
    html: Annotated[
        Path | None,
        an_output(
            "the page with the heatmap (default: the output's name with .html, where Plotly is installed)",
            "HTML",
            ".html",
            ".htm",
        ),
    ] = None
    force: Annotated[bool, Option("replace the outputs", kind="switch")] = False
    dry_run: Annotated[bool, DRY_RUN] = False
    no_latency: Annotated[bool, NO_LATENCY] = False
    ranges: Annotated[RangeOptions, Group("ranges")] = field(default_factory=RangeOptions)
    quantization: Annotated[QuantizationOptions, Group("quantization")] = field(default_factory=QuantizationOptions)
    selection: Annotated[SelectionOptions, Group("choosing from --data")] = field(default_factory=SelectionOptions)
    reading: Annotated[DataOptions, Group("reading data")] = field(default_factory=DataOptions)
    machine: Annotated[MachineOptions, Group("running")] = field(default_factory=MachineOptions)
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)

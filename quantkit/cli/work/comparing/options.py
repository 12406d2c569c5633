"""What ``quantkit compare`` may be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from quantkit.cli.options import values
from quantkit.cli.options.common import Common
from quantkit.cli.options.data import DataOptions, SelectionOptions
from quantkit.cli.options.engine import TRUST_ENGINE, BuildingOptions
from quantkit.cli.options.fields import DRY_RUN, FORCE, OUTPUT, Group, Option, a_file
from quantkit.cli.options.machine import CUSTOM_OPS, MachineOptions
from quantkit.cli.options.metric import METRIC, NO_LATENCY, SELF_CHECK
from quantkit.cli.options.preset import preset as preset_option
from quantkit.cli.settings import Given


@dataclass(frozen=True, slots=True)
class Compare:
    """Models to be compared, and how."""

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
    metric: Annotated[tuple[str, ...] | None, METRIC] = None
    output: Annotated[Path, OUTPUT] = Path("run.json")
    force: Annotated[bool, FORCE] = False
    dry_run: Annotated[bool, DRY_RUN] = False
    no_latency: Annotated[bool, NO_LATENCY] = False
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

    @property
    def named(self) -> Mapping[str, Path]:
        """Each model by the end of its name, or by its whole path where two ends are the same."""
        stems = [path.stem for path in self.candidates]
        return {
            path.stem if stems.count(path.stem) == 1 and path.stem != "FP32" else str(path): path
            for path in self.candidates
        }

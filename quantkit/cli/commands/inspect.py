"""``quantkit inspect``: what is in a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, cast

from quantkit.cli.command import Command, Result
from quantkit.cli.options.common import Common
from quantkit.cli.options.fields import Group, a_file
from quantkit.cli.options.model import ModelOptions
from quantkit.cli.process.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Inspect:
    """Show what is in a model, statistics, a calibration, a run, a sensitivity or the record of an engine.

    Of a model: inputs, outputs, how many nodes become INT8 for the target, and why others do not; with -v, every node
    and tensor by name. Of statistics and calibrations: what is known of every tensor. A TensorRT engine is code and is
    never loaded; what is known of it is read from the record beside it.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "model.onnx",
        "model.onnx --target tensorrt --exclude-ops Gemm -v",
        "out/entropy.qcal.json",
        "out/statistics.safetensors --json",
        "model.plan",
    )

    file: Annotated[
        Path | None,
        a_file(
            "a model (.onnx), statistics (.safetensors), a calibration (.qcal.json), a run.json, a sensitivity.json, "
            "or an engine's record (.plan.json)",
            "FILE",
            positional=True,
            required=True,
        ),
    ] = None
    quantization: Annotated[ModelOptions, Group("of a model")] = field(default_factory=ModelOptions)
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)

    def run(self, terminal: Terminal) -> Result:
        """Reads the file as what it is."""
        from quantkit.cli.work import inspection

        return inspection.of(cast(Path, self.file), self.quantization, terminal, verbose=self.common.verbose > 0)


plugin: type[Command] = Inspect

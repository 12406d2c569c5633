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
    """Show what is in a model, in statistics, in a calibration or in a run.

    Of a model: inputs, outputs, and for every node whether it becomes INT8 for the target, and if not, why. Of
    statistics and calibrations: what is known of every tensor. A TensorRT engine is code and is never loaded; what
    can be known of it stands in the file beside it.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "model.onnx",
        "model.onnx --target tensorrt --exclude-ops Gemm",
        "out/entropy.qcal.json",
        "out/statistics.safetensors --json",
    )

    file: Annotated[
        Path | None,
        a_file("an ONNX model, statistics, a calibration or a run.json", "FILE", positional=True, required=True),
    ] = None
    quantization: Annotated[ModelOptions, Group("of a model")] = field(default_factory=ModelOptions)
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)

    def run(self, terminal: Terminal) -> Result:
        """Reads the file as what it is."""
        from quantkit.cli import inspection

        return inspection.of(cast(Path, self.file), self.quantization, terminal)


plugin: type[Command] = Inspect

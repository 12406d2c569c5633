"""``quantkit build``: a TensorRT engine in a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from quantkit.cli.command import Command, Result
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.work.building.options import Build


@dataclass(frozen=True, slots=True)
class BuildCommand(Build):
    """Build a TensorRT engine for this GPU and keep it as a plan, with a record beside it.

    A plan is code, tied to one version of TensorRT and one kind of GPU; the record (FILE.json) says which, and of what
    model and options it was built. quantkit compare runs it, and refuses it without that record.

    A model with Q/DQ nodes, from quantkit quantize --target tensorrt, becomes an INT8 engine with every version of
    TensorRT. Up to version 10 a plain model does too, with the scales of a calibration or calibration cache.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "model.int8.onnx -o model.plan",
        "model.onnx --precision fp16 --min-shapes x:1x3x224x224 --opt-shapes x:8x3x224x224 --max-shapes x:32x3x224x224",
        "model.onnx --calib out/entropy.qcal.json -o model.plan --timing-cache timing.cache",
        "model.onnx --calib old.cache --trust-cache -o model.plan",
    )

    def run(self, terminal: Terminal) -> Result:
        """Reads, builds, writes."""
        from quantkit.cli.work.building import running

        return running.built(self, terminal)


plugin: type[Command] = BuildCommand

"""``quantkit quantize``: an INT8 model from a calibration."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, cast

from quantkit.cli.command import Command, Result
from quantkit.cli.options.common import Common
from quantkit.cli.options.fields import Group, Option, a_file
from quantkit.cli.options.model import ModelOptions
from quantkit.cli.outputs import file_for_writing, size_text
from quantkit.cli.process.terminal import Terminal
from quantkit.core.text import printable


@dataclass(frozen=True, slots=True)
class Quantize:
    """Apply a calibration: write the model with explicit quantize and dequantize nodes.

    The calibration must have been made from this very model; what the model file says now is compared with the
    digest that the calibration holds.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "resnet50.onnx --calib out/entropy.qcal.json -o resnet50.int8.onnx",
        "model.onnx --calib max.qcal.json --target tensorrt --exclude-nodes '/head/*'",
    )

    model: Annotated[
        Path | None,
        a_file("the FP32 model, an ONNX file", "MODEL", positional=True, required=True),
    ] = None
    calib: Annotated[
        Path | None,
        a_file("the ranges, a .qcal.json file", "FILE", required=True),
    ] = None
    output: Annotated[
        Path | None,
        a_file("the ONNX file to write (default: the model's name with .int8.onnx)", "FILE", short="-o"),
    ] = None
    force: Annotated[bool, Option("replace the output", kind="switch")] = False
    quantization: Annotated[ModelOptions, Group("quantization")] = field(default_factory=ModelOptions)
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)

    def run(self, _terminal: Terminal) -> Result:
        """Reads both, writes the model."""
        from quantkit.core.calibration import Calibration
        from quantkit.pipeline.quantizing import quantize

        path, calib = cast(Path, self.model), cast(Path, self.calib)
        output = self.output or Path(f"{path.stem}.int8.onnx")
        model = self.quantization.opened(path)
        calibration = Calibration.load(calib)
        with file_for_writing(output, inputs=[path, calib], force=self.force, needed_bytes=model.size_bytes):
            written = quantize(
                model,
                calibration,
                to=output,
                target=self.quantization.target,
                exclude=self.quantization.exclusion,
            )
        sizes = {"fp32_bytes": model.size_bytes, "int8_bytes": output.stat().st_size}
        return Result(
            f"{size_text(sizes['fp32_bytes'])} in FP32, {size_text(sizes['int8_bytes'])} in INT8\n"
            f"written {printable(str(output))}",
            {
                "command": "quantize",
                "output": str(output),
                "sha256": written.digest,
                "kind": written.kind,
                "facts": dict(written.facts),
                **sizes,
            },
            (output,),
        )


plugin: type[Command] = Quantize

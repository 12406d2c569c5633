"""``quantkit quantize``: an INT8 model from a calibration."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, cast

from quantkit.cli.command import Command, Result
from quantkit.cli.options import values
from quantkit.cli.options.common import Common
from quantkit.cli.options.fields import DRY_RUN, FORCE, Group, Option, a_file, an_output
from quantkit.cli.options.model import FLOAT_MODEL, QuantizationOptions
from quantkit.cli.process.outputs import file_for_writing, size_text
from quantkit.cli.process.terminal import Terminal
from quantkit.core.text import printable

if TYPE_CHECKING:
    from quantkit.core.artifact import Artifact
    from quantkit.export.qdq_onnx import Rest
    from quantkit.graph.model import Model


@dataclass(frozen=True, slots=True)
class Quantize:
    """Apply a calibration: write the model with explicit quantize and dequantize nodes.

    The calibration must have been made from this very model; what the model file says now is compared with the
    digest that the calibration holds.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "resnet50.onnx --calib out/entropy.qcal.json -o resnet50.int8.onnx",
        "model.onnx --calib max.qcal.json --target tensorrt --exclude-nodes '/head/*'",
        "model.onnx --calib mse.qcal.json --target tensorrt --rest fp16",
    )

    model: Annotated[Path | None, FLOAT_MODEL] = None
    calib: Annotated[
        Path | None,
        a_file("the ranges, a .qcal.json file", "FILE", required=True),
    ] = None
    output: Annotated[
        Path | None,
        an_output("the ONNX file to write (default: the model's name with .int8.onnx)", "a model", ".onnx", short="-o"),
    ] = None
    rest: Annotated[
        str,
        Option(
            "what computes the rest; fp16 puts Casts into the model, for TensorRT 11, which has no flag for it",
            parse=values.one_of("fp32", "fp16"),
            metavar="fp32|fp16",
        ),
    ] = "fp32"
    force: Annotated[bool, FORCE] = False
    dry_run: Annotated[bool, DRY_RUN] = False
    quantization: Annotated[QuantizationOptions, Group("quantization")] = field(default_factory=QuantizationOptions)
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)

    def run(self, _terminal: Terminal) -> Result:
        """Reads both, writes the model."""
        from quantkit.core.calibration import Calibration
        from quantkit.pipeline.quantizing import quantize

        path, calib, asked = cast(Path, self.model), cast(Path, self.calib), self.quantization
        output = self.output or Path(f"{path.stem}.int8.onnx")
        model = asked.opened(path)
        calibration = Calibration.load(calib)
        if self.dry_run:
            return _planned(model, asked, output)
        with file_for_writing(output, inputs=[path, calib], force=self.force, needed_bytes=model.size_bytes):
            written = quantize(
                model,
                calibration,
                to=output,
                target=asked.target,
                exclude=asked.exclusion,
                per_channel=asked.per_channel,
                rest=cast("Rest", self.rest),
            )
        return _told(written, model.size_bytes)


def _planned(model: Model, asked: QuantizationOptions, output: Path) -> Result:
    from quantkit.graph.placement import place

    placement = place(model, asked.target, asked.exclusion)
    document = {
        "command": "quantize",
        "dry_run": True,
        "output": str(output),
        "target": placement.target,
        "integer_nodes": len(placement.nodes),
        "left_out": [str(node) for node in placement.left_out],
    }
    text = f"would write {printable(str(output))} with {len(placement.nodes)} nodes in INT8 for {placement.target}"
    return Result(text, document)


def _told(written: Artifact, fp32_bytes: int) -> Result:
    sizes = {"fp32_bytes": fp32_bytes, "int8_bytes": written.path.stat().st_size}
    lines = [
        f"{written.facts['integer_nodes']} nodes in INT8 for {written.facts['target']}",
        f"{size_text(sizes['fp32_bytes'])} in FP32, {size_text(sizes['int8_bytes'])} in INT8",
        f"written {printable(str(written.path))}",
    ]
    if not written.facts["integer_nodes"]:
        lines[:2] = ["NOTHING IS QUANTIZED: what is written is the FP32 model; quantkit inspect says why of each node"]
    return Result(
        "\n".join(lines),
        {
            "command": "quantize",
            "output": str(written.path),
            "sha256": written.digest,
            "kind": written.kind,
            "facts": dict(written.facts),
            **sizes,
        },
        (written.path,),
    )


plugin: type[Command] = Quantize

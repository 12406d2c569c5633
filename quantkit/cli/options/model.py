"""The options that say how a model is read, what of it is quantized, and for which runtime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from quantkit.cli.options import values
from quantkit.cli.options.fields import Option, a_file
from quantkit.cli.options.machine import CUSTOM_OPS

if TYPE_CHECKING:
    from quantkit.graph.exclusion import Exclusion
    from quantkit.graph.model import Model


FLOAT_MODEL = a_file("the FP32 model, an ONNX file", "MODEL", positional=True, required=True)


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What becomes INT8."""

    target: Annotated[
        str,
        Option(
            "the runtime that the INT8 model is written for",
            parse=values.plugin("quantkit.graph.targets"),
            metavar="ort-cpu|tensorrt",
        ),
    ] = "ort-cpu"
    exclude_nodes: Annotated[
        tuple[str, ...], Option("leave nodes whose names match in FP32, such as '/head/*'", kind="many", metavar="GLOB")
    ] = ()
    exclude_ops: Annotated[
        tuple[str, ...],
        Option("leave operators of these types in FP32, such as Gemm", kind="many", metavar="OP"),
    ] = ()
    exclude_tensors: Annotated[
        tuple[str, ...],
        Option("leave whatever reads or makes tensors whose names match in FP32", kind="many", metavar="GLOB"),
    ] = ()
    shapes: Annotated[
        dict[str, tuple[int, ...]] | None,
        Option(
            "fix input sizes that the model leaves open, as trtexec writes them",
            parse=values.shapes,
            metavar="NAME:1x3x224x224,...",
        ),
    ] = None
    upgrade_opset: Annotated[
        bool, Option("convert a model below opset 13, which has no per-channel scales", kind="switch")
    ] = False
    requantize: Annotated[bool, Option("take a model that is quantized already for a float one", kind="switch")] = False
    allow_custom_op_library: Annotated[tuple[Path, ...], CUSTOM_OPS] = ()

    @property
    def exclusion(self) -> Exclusion:
        """What stays in FP32."""
        from quantkit.graph.exclusion import Exclusion

        return Exclusion(self.exclude_nodes, self.exclude_ops, self.exclude_tensors)

    def opened(self, path: Path) -> Model:
        """The float model at `path`, ready for collecting and quantizing.

        Raises:
            ModelError: no model, not a float one, or one that cannot be made ready.
            UsageError: shapes that do not fit its inputs.
        """
        from quantkit.pipeline.models import load_model

        return load_model(
            path,
            shapes=self.shapes or None,
            upgrade_opset=self.upgrade_opset,
            requantize=self.requantize,
            allow_custom_ops=bool(self.allow_custom_op_library),
        )


@dataclass(frozen=True, slots=True)
class QuantizationOptions(ModelOptions):
    """What becomes INT8, and how."""

    per_channel: Annotated[
        bool,
        Option(
            "a scale for each output channel of a weight, or one for the whole weight",
            kind="switch",
            shorthands={"--no-per-channel": "false"},
        ),
    ] = True

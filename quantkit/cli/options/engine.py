"""The options that say how TensorRT engines are built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from quantkit.cli.options import values
from quantkit.cli.options.fields import Option, a_file

# Those of quantkit.backends.tensorrt.calibrators, which nothing can import where TensorRT is missing.
ALGORITHMS = ("max", "entropy", "entropy-1", "percentile")


@dataclass(frozen=True, slots=True)
class BuildingOptions:
    """What every build may be told."""

    workspace: Annotated[
        int | None,
        Option("GPU memory that a layer may use while it runs", parse=values.at_least(1), metavar="MIB"),
    ] = None
    timing_cache: Annotated[
        Path | None,
        a_file("kernel times, read and written: later builds are much faster", "FILE"),
    ] = None


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Where the models run that are compared."""

    backend: Annotated[
        str,
        Option(
            "what runs the models: ONNX Runtime on this processor, or TensorRT engines that are built on this GPU",
            parse=values.one_of("ort", "tensorrt"),
            metavar="ort|tensorrt",
        ),
    ] = "ort"
    trt_calibrator: Annotated[
        tuple[str, ...],
        Option(
            "compare with TensorRT's own calibrators as well (up to version 10): " + ", ".join(ALGORITHMS),
            parse=values.several(values.one_of(*ALGORITHMS)),
            metavar="NAME,...",
        ),
    ] = ()
    workspace: Annotated[
        int | None,
        Option("GPU memory that a layer may use while it runs", parse=values.at_least(1), metavar="MIB"),
    ] = None
    timing_cache: Annotated[
        Path | None,
        a_file("kernel times, read and written (default: timing.cache in the output folder)", "FILE"),
    ] = None

    @property
    def are_built(self) -> bool:
        """Whether there will be engines."""
        return self.backend == "tensorrt"


def workspace_bytes(mebibytes: int | None) -> int | None:
    """trtexec's unit in bytes."""
    return None if mebibytes is None else mebibytes << 20

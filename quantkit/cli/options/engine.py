"""The options that say how TensorRT engines are built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from quantkit.cli.options import values
from quantkit.cli.options.fields import Option, an_output

# Those of quantkit.backends.tensorrt.calibrators, which nothing can import where TensorRT is missing.
ALGORITHMS = ("max", "entropy", "entropy-1", "percentile")


# As quantkit.pipeline.injection.Injection has them.
INJECTIONS = ("cache", "ranges")

WORKSPACE = Option(
    "GPU memory that a layer may use while it runs (default: all)", parse=values.at_least(1), metavar="MIB"
)
TIMING_RUNS = Option(
    "how often a build times each kernel: more take longer, and find the fastest more surely",
    parse=values.at_least(1),
    metavar="N",
)


@dataclass(frozen=True, slots=True)
class BuildingOptions:
    """What every build may be told."""

    workspace: Annotated[int | None, WORKSPACE] = None
    timing_cache: Annotated[
        Path | None,
        an_output(
            "kernel times, read and written: later builds are much faster (default: none)", "kernel times", ".cache"
        ),
    ] = None
    timing_runs: Annotated[int, TIMING_RUNS] = 1


TRUST_ENGINE = Option(
    "load plans without a record, or with another's: a plan is code and may do anything",
    kind="switch",
    typed_only=True,
)


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
    collect_on: Annotated[
        str,
        Option(
            "with --backend tensorrt, where statistics are collected: on the GPU, from the FP32 engine's own tensors, "
            "or on this processor",
            parse=values.one_of("gpu", "cpu"),
            metavar="gpu|cpu",
        ),
    ] = "gpu"
    exclude_by: Annotated[
        str,
        Option(
            "how to find what is no faster in INT8 on this GPU and stays in floats: the inspector of an engine that "
            "TensorRT chose the precisions of (up to version 10), profiles of an INT8 and an FP16 engine, auto (what "
            "there is, and more if the engine is slow), or none",
            parse=values.one_of("auto", "inspector", "profile", "none"),
            metavar="auto|inspector|profile|none",
        ),
    ] = "auto"
    trt_calibrator: Annotated[
        tuple[str, ...],
        Option(
            "compare with TensorRT's own calibrators as well (up to version 10): " + ", ".join(ALGORITHMS),
            parse=values.several(values.one_of(*ALGORITHMS)),
            metavar="NAME,...",
        ),
    ] = ()
    inject: Annotated[
        str | None,
        Option(
            "compare as well what TensorRT (up to version 10) makes of the plain model with the ranges of each rule, "
            "choosing itself what runs in INT8; it gets them as a calibration cache, or as dynamic ranges",
            parse=values.one_of(*INJECTIONS),
            metavar="[cache|ranges]",
            implied="cache",
        ),
    ] = None
    workspace: Annotated[int | None, WORKSPACE] = None
    timing_cache: Annotated[
        Path | None,
        an_output(
            "kernel times, read and written (default: timing.cache in the output folder)", "kernel times", ".cache"
        ),
    ] = None
    timing_runs: Annotated[int, TIMING_RUNS] = 1

    @property
    def are_built(self) -> bool:
        """Whether there will be engines."""
        return self.backend == "tensorrt"

    @property
    def collect(self) -> bool:
        """Whether an engine collects the statistics."""
        return self.are_built and self.collect_on == "gpu"


def workspace_bytes(mebibytes: int | None) -> int | None:
    """trtexec's unit in bytes."""
    return None if mebibytes is None else mebibytes << 20

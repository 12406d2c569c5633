"""What ``quantkit build`` may be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from quantkit.cli.options import values
from quantkit.cli.options.common import Common
from quantkit.cli.options.engine import INJECTIONS, BuildingOptions
from quantkit.cli.options.fields import FORCE, Group, Option, a_file, an_output
from quantkit.cli.settings import Given


@dataclass(frozen=True, slots=True)
class ShapeOptions:
    """Which sizes the engine takes, as trtexec has them."""

    shapes: Annotated[
        dict[str, tuple[int, ...]] | None,
        Option("one size only", parse=values.shapes, metavar="NAME:1x3x224x224,..."),
    ] = None
    min_shapes: Annotated[
        dict[str, tuple[int, ...]] | None,
        Option("the smallest sizes (default: as --opt-shapes)", parse=values.shapes, metavar="NAME:1x3x224x224,..."),
    ] = None
    opt_shapes: Annotated[
        dict[str, tuple[int, ...]] | None,
        Option(
            "the sizes to be fastest at (default: as --max-shapes)",
            parse=values.shapes,
            metavar="NAME:32x3x224x224,...",
        ),
    ] = None
    max_shapes: Annotated[
        dict[str, tuple[int, ...]] | None,
        Option("the largest sizes (default: as --opt-shapes)", parse=values.shapes, metavar="NAME:32x3x224x224,..."),
    ] = None
    batch_size: Annotated[
        int,
        Option(
            "the largest batch of inputs without shapes, and the fastest; unless it is given, they follow the batch of "
            "those with shapes",
            parse=values.at_least(1),
            metavar="N",
        ),
    ] = 32


@dataclass(frozen=True, slots=True)
class Build:
    """One engine, as it was asked for."""

    model: Annotated[
        Path | None,
        a_file("an ONNX model, with Q/DQ nodes or without", "MODEL", positional=True, required=True),
    ] = None
    output: Annotated[
        Path | None,
        an_output(
            "the plan to write (default: the model's name with .plan)",
            "an engine",
            *(".plan", ".engine", ".trt"),
            short="-o",
        ),
    ] = None
    precision: Annotated[
        str,
        Option(
            "auto: int8 for a model with Q/DQ nodes or with --calib, fp16 for one in float16, fp32 for any other; fp32 "
            "is without TF32",
            parse=values.one_of("auto", "fp32", "fp16", "int8"),
            metavar="auto|fp32|fp16|int8",
        ),
    ] = "auto"
    rest: Annotated[
        str,
        Option(
            "what an int8 engine may use where int8 is slower or has no scale; by Casts in the model where types come "
            "from it",
            parse=values.one_of("fp16", "fp32"),
            metavar="fp16|fp32",
        ),
    ] = "fp16"
    calib: Annotated[
        Path | None,
        a_file("scales for a plain model: a calibration (.qcal.json) or a TensorRT calibration cache", "FILE"),
    ] = None
    inject: Annotated[
        str,
        Option(
            "how TensorRT gets the scales of --calib: in a calibration cache, or as the dynamic range of each tensor",
            parse=values.one_of(*INJECTIONS),
            metavar="cache|ranges",
        ),
    ] = "cache"
    trust_cache: Annotated[
        bool,
        Option("take a cache although nothing shows that it belongs to MODEL", kind="switch", typed_only=True),
    ] = False
    strongly_typed: Annotated[
        bool, Option("take every type from the model (TensorRT 10; version 11 always does)", kind="switch")
    ] = False
    dla_core: Annotated[
        int | None,
        Option(
            "run on this deep learning accelerator, and on the GPU what it cannot",
            parse=values.at_least(0),
            metavar="N",
        ),
    ] = None
    profiling_verbosity: Annotated[
        str,
        Option(
            "what the plan tells of its layers to whoever has it; without details nobody can say what runs in int8",
            parse=values.one_of("detailed", "layer_names_only", "none"),
            metavar="detailed|layer_names_only|none",
        ),
    ] = "detailed"
    threads: Annotated[
        int | None,
        Option("processor cores to use (default: TensorRT's choice)", parse=values.at_least(1), metavar="N"),
    ] = None
    force: Annotated[bool, FORCE] = False
    sizes: Annotated[ShapeOptions, Group("shapes")] = field(default_factory=ShapeOptions)
    building: Annotated[BuildingOptions, Group("building")] = field(default_factory=BuildingOptions)
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)
    given: Mapping[str, Given] = field(default_factory=dict, repr=False)

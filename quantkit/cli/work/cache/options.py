"""What ``quantkit cache convert`` may be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from quantkit.cli.options import values
from quantkit.cli.options.fields import Option

FORMS = ("cache", "ranges", "calibration", "onnx")


@dataclass(frozen=True, slots=True)
class ConversionOptions:
    """What is written, and on whose word."""

    to: Annotated[
        str | None,
        Option(
            "the form to write, where the name of OTHER does not tell: .cache, .json for ranges, .qcal.json, .onnx",
            parse=values.one_of(*FORMS),
            metavar="|".join(FORMS),
        ),
    ] = None
    trt_version: Annotated[
        str | None,
        Option(
            "the TensorRT that is to read the cache: 8 and 9 read each other's, 10 looks for its own "
            "(default: that of FILE, or 8.5.3)",
            metavar="X.Y.Z",
        ),
    ] = None
    trust_cache: Annotated[
        bool,
        Option("use a cache for --model although nothing shows that it belongs to it", kind="switch", typed_only=True),
    ] = False

"""The options that say what computes, and which foreign code it may load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from quantkit.cli.options import values
from quantkit.cli.options.fields import Option

CUSTOM_OPS = Option(
    "load this library of custom operators, which is code and may do anything; may be repeated",
    parse=values.path,
    metavar="PATH",
    kind="each",
    is_path=values.anything,
    typed_only=True,
)


@dataclass(frozen=True, slots=True)
class MachineOptions:
    """What computes."""

    threads: Annotated[
        int | None, Option("processor cores to use (default: all)", parse=values.at_least(1), metavar="N")
    ] = None
    device: Annotated[
        str | None,
        Option(
            "where models run; another device than this is never used silently (default: cpu, and cuda:0 for TensorRT)",
            parse=values.device,
            metavar="cpu|cuda:0",
        ),
    ] = None

"""From the name of a backend and what it is asked for to the backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from quantkit.backends.tensorrt.options import BuildOptions
from quantkit.core import plugins
from quantkit.core.errors import UsageError
from quantkit.pipeline.build_progress import BuildProgress

PACKAGE = "quantkit.backends"


def backend(
    name: str,
    *,
    threads: int | None,
    device: str | None = None,
    custom_ops: Sequence[Path] = (),
    building: BuildOptions | None = None,
    progress: BuildProgress | None = None,
) -> Any:
    """The backend called `name`.

    Args:
        name: its plug-in name.
        threads: threads of one call; ``None`` takes every core.
        device: where it computes, as ``"cuda:0"``; ``None`` leaves that to the backend.
        custom_ops: libraries of operators to load, which are code.
        building: how its engines are built, where it builds any.
        progress: told what a build is doing, where there is anything to tell.

    Raises:
        UsageError: it has no use for one of these.
        SetupError: a package that it needs is missing.
    """
    kind = plugins.load(PACKAGE, name)
    given: dict[str, Any] = {"device": device, "custom_ops": tuple(custom_ops), "options": building}
    asked = {key: value for key, value in given.items() if value}
    known = {option.name for option in fields(kind)}
    foreign = asked.keys() - known
    if foreign:
        odd = sorted(foreign)[0]
        raise UsageError("QK1002", f"{odd} says nothing to the backend {name!r}", hints=[f"leave {odd} out"])
    if "progress" in known:
        asked["progress"] = progress
    return kind(threads=threads, **asked)

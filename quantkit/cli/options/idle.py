"""Options that would do nothing are refused: whoever types one believes that it does something."""

from __future__ import annotations

from collections.abc import Container

from quantkit.core.errors import UsageError


def refuse_idle(names: tuple[str, ...], given: Container[str], where: str) -> None:
    """Raises UsageError for the first of `names` that was given; `where` says why it does nothing."""
    for name in names:
        if name in given:
            raise UsageError("QK1087", f"--{name.replace('_', '-')} says nothing {where}", hints=["leave it out"])


def refuse_other_device(device: str | None) -> None:
    """Raises UsageError unless `device` is where TensorRT runs here: the first GPU."""
    if device not in (None, "cuda:0"):
        hints = ["leave --device out"]
        if device != "cpu":
            hints = [f"CUDA_VISIBLE_DEVICES={str(device).partition(':')[2]} makes that GPU the first one"]
        raise UsageError("QK1087", f"--backend tensorrt runs on the first GPU, not on {device}", hints=hints)

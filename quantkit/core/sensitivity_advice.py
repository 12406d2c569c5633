"""What to do about a network in INT8: which layers to leave in FP32, if any, and what shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from quantkit.core.leads import Margin

KEPT, UNSEEN, WON, NOT_WON = "kept", "no loss shown", "gain shown", "no gain shown"

FINDINGS: Mapping[str, str] = {
    KEPT: "INT8 as it is loses at most `tolerance`, or nothing at all",
    UNSEEN: "INT8 as it is shows no loss, but the samples leave one of more than `tolerance` open",
    WON: "leaving `left_out` in FP32 is shown to be better, and leaving out more is not shown to be better still",
    NOT_WON: "INT8 as it is loses something, and that leaving layers in FP32 gives it back is not shown",
}
"""What the samples may show, and what that means."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Which of the networks that were really made to take.

    Args:
        finding: one of `FINDINGS`.
        metric: plug-in name of what decided: accuracy where the data has labels, and SQNR elsewhere.
        left_out: layers to leave in FP32; none unless a gain is shown.
        reserve: layers to try should more samples show that it takes them.
        gains: metric → how much better the network is with these layers in FP32 than in INT8 as it is.
        tolerance: the loss of `metric` that does no harm, in its own unit; ``None`` where it has no such limit.
        level: how often all margins between two of the networks hold together.
    """

    finding: str
    metric: str
    left_out: tuple[str, ...] = ()
    reserve: tuple[str, ...] = ()
    gains: Mapping[str, Margin] = field(default_factory=dict)
    tolerance: float | None = None
    level: float = 0.95

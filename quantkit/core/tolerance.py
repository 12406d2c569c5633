"""How much a metric may lose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quantkit.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Drop:
    """How much worse is still good enough; `unit` is ``"pp"``, percentage points of a share, or the metric's own."""

    size: float
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.size:g}{self.unit}"

    def within(self, unit: str, metric: str) -> float:
        """The size in the unit of a metric.

        Raises:
            UsageError: it was given in another unit.
        """
        if self.unit == "pp" and unit == "share":
            return self.size / 100
        if self.unit not in ("", unit) or (unit == "share" and self.size > 1):
            wanted = "points, such as 1pp" if unit == "share" else f"the unit of {metric}: {unit or 'none'}"
            raise UsageError("QK6007", f"a drop of {self} in {metric} is not understood", hints=[f"give {wanted}"])
        return self.size


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much a metric may lose; where both are given, the stricter one holds.

    Args:
        min_ratio: the candidate has to keep this part of the reference's value, as MLPerf asks.
        max_drop: it may lose this much.
    """

    min_ratio: float | None = None
    max_drop: Drop | None = None

    def limit(self, reference: float, unit: str, metric: str, *, higher_is_better: bool = True) -> float:
        """The drop that is still tolerated: min((1 − min_ratio) · reference, max_drop).

        A metric of which less is better counts by what is missing to 1, as MLPerf turns an error rate into an
        accuracy; one that is no share has no such complement, and no ratio.

        >>> round(Tolerance(min_ratio=0.99).limit(0.7646, "share", "top1"), 6)
        0.007646
        >>> Tolerance(0.99, Drop(0.1, "pp")).limit(0.7646, "share", "top1")
        0.001

        Raises:
            UsageError: a ratio of a metric that has none, or a drop in another unit.
        """
        limits = []
        if self.min_ratio is not None:
            if not higher_is_better and unit != "share":
                title = f"a ratio means nothing for {metric}: less is better, and it has no upper end"
                raise UsageError("QK6007", title, hints=[f"--max-drop {metric}=VALUE"])
            limits.append((1 - self.min_ratio) * (reference if higher_is_better else 1 - reference))
        if self.max_drop is not None:
            limits.append(self.max_drop.within(unit, metric))
        return min(limits)

    def __str__(self) -> str:
        parts = [
            "" if self.min_ratio is None else f"ratio ≥ {self.min_ratio:g}",
            "" if self.max_drop is None else f"drop ≤ {self.max_drop}",
        ]
        return " and ".join(filter(None, parts))


PRESETS: Mapping[str, Tolerance] = {
    "mlperf-99": Tolerance(min_ratio=0.99),
    "mlperf-999": Tolerance(min_ratio=0.999),
    "strict": Tolerance(max_drop=Drop(0.1, "pp")),
}
"""Tolerances that have a name."""

"""How much a metric may lose."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from quantkit.core import arguments
from quantkit.core.errors import UsageError
from quantkit.core.plugins import did_you_mean

_UNITS = ("pp", "%", "dB", "")
_EXAMPLES = 'give min_ratio=0.99, or max_drop=quantkit.Drop(1, "pp")'


@dataclass(frozen=True, slots=True)
class Drop:
    """How much worse is still good enough.

    Args:
        size: how much.
        unit: ``"pp"``, percentage points of a share; ``"%"``, hundredths of the reference's value; or the metric's own,
            ``"dB"`` or none.

    Raises:
        UsageError: no size, or a unit that no metric has.
    """

    size: float
    unit: str = ""

    def __post_init__(self) -> None:
        """Refuses what can be no limit."""
        arguments.hold_fields(self)
        if self.unit not in _UNITS:
            hints = [*did_you_mean(self.unit, [*_UNITS]), "units are 'pp', '%', 'dB' and '' for a metric without one"]
            raise UsageError("QK1096", f"Drop: no metric is measured in {self.unit!r}", hints=hints)
        if not 0 <= self.size < math.inf:
            raise arguments.refused("Drop", "size", self.size, "a finite size of at least 0; a drop is positive")

    def __str__(self) -> str:
        return f"{self.size:g}{self.unit}"

    @classmethod
    def parsed(cls, text: str) -> Drop:
        """The other way round.

        >>> Drop.parsed("1pp"), Drop.parsed("0.25")
        (Drop(size=1.0, unit='pp'), Drop(size=0.25, unit=''))

        Raises:
            ValueError: it is no number, not a finite one, or below 0.
        """
        unit = next(unit for unit in _UNITS if text.endswith(unit))
        try:
            size = float(text.removesuffix(unit))
        except ValueError:
            raise ValueError("holds no number") from None
        if not math.isfinite(size):
            raise ValueError("holds no finite number")
        if size < 0:
            raise ValueError("must be at least 0")
        return cls(size, unit)

    def within(self, unit: str, metric: str, reference: float) -> float:
        """The size in the unit of a metric, of which the reference has this value.

        >>> Drop(1, "pp").within("share", "top1", 0.76), Drop(1, "%").within("share", "top1", 0.76)
        (0.01, 0.0076)

        Raises:
            UsageError: it was given in another unit, or in none for a share: 0.5 may be meant as half a point.
        """
        if self.unit == "%":
            return self.size / 100 * abs(reference)
        if self.unit == "pp" and unit == "share":
            return self.size / 100
        if unit == "share" and not self.unit:
            title, hints = f"a drop of {self} in {metric} has no unit", self._spelled_out(metric)
            raise UsageError("QK6007", title, hints=hints)
        if self.unit not in ("", unit):
            wanted = "points, such as 1pp" if unit == "share" else f"the unit of {metric}: {unit or 'none'}"
            raise UsageError("QK6007", f"a drop of {self} in {metric} is not understood", hints=[f"give {wanted}"])
        return self.size

    def _spelled_out(self, metric: str) -> list[str]:
        points = self.size if self.size >= 1 else 100 * self.size
        return [
            f"{metric}={points:g}pp for percentage points",
            f"{metric}={points:g}% for hundredths of the reference's value",
        ]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much a metric may lose; where both are given, the stricter one holds.

    Args:
        min_ratio: the candidate has to keep this part of the reference's value, as MLPerf asks.
        max_drop: it may lose this much.

    Raises:
        UsageError: neither is given, or a ratio that is none.
    """

    min_ratio: float | None = None
    max_drop: Drop | None = None

    def __post_init__(self) -> None:
        """Refuses what limits nothing."""
        arguments.hold_fields(self)
        if self.min_ratio is None and self.max_drop is None:
            raise UsageError("QK1096", "Tolerance: neither a ratio nor a drop is given", hints=[_EXAMPLES])
        if self.min_ratio is not None and not 0 <= self.min_ratio <= 1:
            raise arguments.refused("Tolerance", "min_ratio", self.min_ratio, "a part from 0 to 1, such as 0.99")

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
            limits.append(self.max_drop.within(unit, metric, reference))
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

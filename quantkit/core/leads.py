"""Which of several candidates a metric favours, and by how much that is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Margin:
    """How much better one candidate is than another, sample by sample, and how much at least; in the metric's unit."""

    estimate: float
    low: float


@dataclass(frozen=True, slots=True)
class Lead:
    """The candidate with the best figure of one metric, against each of the others that take part.

    Args:
        metric: plug-in name.
        name: the candidate's.
        over: another candidate → how much better it is than that one.
        level: how often the margins between all pairs that take part hold together.
        unit: of the margins, as in `MetricSummary`. title: what tables call the metric.
    """

    metric: str
    name: str
    over: Mapping[str, Margin]
    level: float = 0.95
    unit: str = ""
    title: str = ""

    @property
    def beaten(self) -> tuple[str, ...]:
        """Those that are shown to be worse."""
        return tuple(other for other, margin in self.over.items() if margin.low > 0)

    @property
    def open(self) -> tuple[str, ...]:
        """Those that no difference from is shown."""
        return tuple(other for other, margin in self.over.items() if not margin.low > 0)

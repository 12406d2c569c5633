"""How much of a sensitivity was measured before the time was over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extent:
    """What there was to measure, and what was measured of it.

    Args:
        samples: how many there are; ``None`` where only reading them to the end would tell.
        runs: samples that went through a variant of the network, each counted once for every variant.
        of_runs: how many that would have been; ``None`` as above.
        seconds: what they took.
        limit_s: the limit on the time that ended the measuring; ``None`` where everything was measured.
        partly: names of layers that were measured, but not in every way.
        go_on: the command line that measures all of it; empty where nobody typed one.
    """

    samples: int | None
    runs: int
    of_runs: int | None
    seconds: float
    limit_s: float | None = None
    partly: tuple[str, ...] = ()
    go_on: str = ""

    @property
    def is_cut_short(self) -> bool:
        """Whether there was more to measure."""
        return self.limit_s is not None

    @property
    def whole_s(self) -> float | None:
        """What measuring everything takes, seconds, at the speed so far."""
        return self.seconds * self.of_runs / self.runs if self.of_runs and self.runs else None

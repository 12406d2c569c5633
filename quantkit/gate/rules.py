"""What a run is held to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from quantkit.core import arguments
from quantkit.core.tolerance import PRESETS, Tolerance

# Beyond this, bounds change sides.
_MOST_ALPHA = 0.5


@dataclass(frozen=True, slots=True)
class Rules:
    """Every limit, and how strictly evidence is weighed.

    Args:
        tolerances: metric → what it may lose; where there is none, `preset` holds for the first accuracy of a run.
        preset: that tolerance.
        minimums: metric → the value that it has to reach, for those without a reference value too.
        latency: percentile, ``"p50"`` or ``"p90"`` → by what part it may be slower than the reference in the same job,
            and, in relation to it, than in the baseline.
        max_flips: the part of samples that may be right in one model and wrong in the other.
        max_size: the part of the reference's bytes that a candidate may have.
        min_int8_share: the part of nodes that has to run in integers.
        max_missing_scales: tensors for want of whose scale an engine may compute in floats.
        alpha: the chance that a model on its limit fails.
        cluster: column whose values group samples that belong together, or ``"label"`` or ``"folder"``.
        models: the candidates to judge; ``None`` for all.
        shared_machine: latency was measured beside other jobs, so that limits on it only warn.
        allow_overlap: judge although samples were calibrated on and evaluated.
        allow_cross_env: a baseline from another environment counts in full.

    Raises:
        UsageError: a value of another kind, or one that no figure can be held to.
    """

    tolerances: Mapping[str, Tolerance] = field(default_factory=dict)
    preset: Tolerance = PRESETS["mlperf-99"]
    minimums: Mapping[str, float] = field(default_factory=dict)
    latency: Mapping[str, float] = field(default_factory=dict)
    max_flips: float | None = None
    max_size: float | None = None
    min_int8_share: float | None = None
    max_missing_scales: int | None = None
    alpha: float = 0.05
    cluster: str | None = None
    models: tuple[str, ...] | None = None
    shared_machine: bool = False
    allow_overlap: bool = False
    allow_cross_env: bool = False

    def __post_init__(self) -> None:
        """Refuses what would judge nothing, or everything alike."""
        arguments.hold_fields(self)
        if not 0 < self.alpha <= _MOST_ALPHA:
            raise arguments.refused("Rules", "alpha", self.alpha, f"a chance above 0 and at most {_MOST_ALPHA}")
        for name in ("max_flips", "min_int8_share"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise arguments.refused("Rules", name, share, "a part from 0 to 1")
        arguments.hold_least(self, max_size=0, max_missing_scales=0)
        for name, limit in {**self.minimums, **self.latency}.items():
            if not math.isfinite(limit):
                raise arguments.refused("Rules", f"the limit of {name}", limit, "a finite number")

"""Keep everything: nothing that was observed saturates."""

from __future__ import annotations

from dataclasses import dataclass

from quantkit.core.histogram import Histogram
from quantkit.core.ports import Calibrator
from quantkit.core.ranges import Range


@dataclass(frozen=True, slots=True)
class MaxCalibrator:
    """From the smallest to the largest value seen, widened to hold 0; symmetric: ± the largest magnitude."""

    symmetric: bool = True

    def threshold(self, histogram: Histogram) -> Range:
        """See `quantkit.core.ports.Calibrator`."""
        observed = histogram.observed
        return Range.symmetric(observed.limit) if self.symmetric else observed


plugin: type[Calibrator] = MaxCalibrator

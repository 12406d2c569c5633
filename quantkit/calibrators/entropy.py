"""Clip where the histogram of the codes diverges least from the histogram of the values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantkit.core.arrays import Counts
from quantkit.core.compiled import kernels
from quantkit.core.errors import UsageError
from quantkit.core.histogram import BINS, Histogram
from quantkit.core.ports import Calibrator
from quantkit.core.ranges import Range

_LEVELS = 128
"""Codes 0…127: what symmetric INT8 has for magnitudes."""

_STEPS = 255
"""Steps between the 256 codes of an affine range."""

_GRIDS = tuple(BINS >> halvings for halvings in range(5))


@dataclass(frozen=True, slots=True)
class EntropyCalibrator:
    """The threshold of least Kullback-Leibler divergence, after S. Migacz, "8-bit Inference with TensorRT", GTC 2017.

    For i bins kept, P is their counts with everything beyond added to the last, and Q the same counts without that,
    merged into 128 levels and spread evenly over each level's occupied bins; the i of least KL(P‖Q) gives the
    threshold (i + ½)·width. As it has to be on real networks: exact zeros are not counted, an i whose last bin is
    empty while values lie beyond is infinitely bad, and where every i is, everything is kept. Of equals the smallest
    i wins. Against TensorRT 8.5.3 on SqueezeNet 1.1 the threshold differs by 1.5 % of the maximum on average.

    The grid has between half of `bins` and `bins` below the largest magnitude: 1.5 % with 2048, 2.0 % with 4096.

    Affine ranges have 255 steps. Each end is searched on its own side of the histogram, merged into as many levels as
    that side has of the steps, and 128 at least: 255 for a tensor without negative values, 128 for a balanced one.

    Args:
        symmetric: for codes without a zero point.
        bins: the most bins to search on: 256, 512, 1024, 2048 or 4096.
    """

    symmetric: bool = True
    bins: int = 2048

    def __post_init__(self) -> None:
        """Refuses grids that whole bins cannot be merged into."""
        if self.bins not in _GRIDS:
            raise UsageError(
                "QK1021",
                f"entropy cannot search on {self.bins} bins",
                hints=[f"use one of {', '.join(map(str, sorted(_GRIDS)))}"],
            )

    def threshold(self, histogram: Histogram) -> Range:
        """See `quantkit.core.ports.Calibrator`."""
        observed = histogram.observed
        if observed.limit == 0:
            return observed
        coarse = histogram.widened(histogram.exponent + (BINS // self.bins).bit_length() - 1)
        if self.symmetric:
            limit = _limit(coarse.magnitudes, _LEVELS) * coarse.width
            return Range.symmetric(min(limit, float(observed.limit)))
        share = float(observed.high / (observed.high - observed.low))
        low = _limit(coarse.negative, max(_LEVELS, round(_STEPS * (1 - share)))) * coarse.width
        high = _limit(coarse.positive, max(_LEVELS, round(_STEPS * share))) * coarse.width
        return Range(-low, high).within(observed)


def _limit(counts: Counts, levels: int) -> float:
    """Where to clip one side, in bin widths; beyond its last occupied bin when nothing should be clipped.

    >>> _limit(np.array([5, 3, 0, 1]), 128), _limit(np.zeros(9, np.int64), 128)
    (4.5, 0.5)
    """
    occupied = np.trim_zeros(counts, "b").astype(np.float64)
    bins, _ = kernels.least_divergence(occupied, levels)
    return bins + 0.5


plugin: type[Calibrator] = EntropyCalibrator

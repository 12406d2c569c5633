"""How small the error of an output image is beside the brightest pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from quantkit.comparison.images import Images
from quantkit.comparison.means import figure, image_rows
from quantkit.comparison.signals import errors
from quantkit.core.arrays import Array, Doubles
from quantkit.core.comparison import MetricSummary
from quantkit.core.ports import Answers, Metric, Obstacle

MOST_DB = 100.0
"""Images that agree better count as this, so that a sample without any error does not make the mean infinite."""


@dataclass(frozen=True, slots=True)
class PsnrMetric:
    """Peak signal to noise ratio of output images in dB; the mean over samples.

    With true images, that of both models against them; without, the candidate's against the reference's output.

    Rows, float64: ``psnr``, and ``psnr_reference`` where true images are given.

    Args:
        peak: the largest value that a pixel can have: 1 or 255.
        output: the output that holds the image; by default the first that can.
        truth: folder with the true image or array for each sample.
        border: pixels at each edge that do not count.
    """

    peak: float
    output: str | None = None
    truth: Path | None = None
    border: int = 0
    _images: Images = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_images", Images(self.peak, self.output, self.truth, self.border))

    def obstacle(self, answers: Answers) -> Obstacle | None:
        """No image among the outputs."""
        return self._images.obstacle(answers)

    def rows(self, answers: Answers) -> Mapping[str, Array]:
        """Ratios of one batch."""
        return image_rows("psnr", self._images, answers, lambda true, found: ratio(true, found, self.peak))

    def summary(self, rows: Mapping[str, Array]) -> MetricSummary:
        """The mean with its interval; against true images, the paired difference."""
        return figure("psnr", rows, unit="dB", title="PSNR")


def ratio(true: Doubles, found: Doubles, peak: float) -> float:
    """10 · log₁₀(peak² / mean squared error) in dB, between −100 and 100.

    >>> ratio(np.zeros((2, 2, 1)), np.full((2, 2, 1), 25.5), 255.0)
    20.0
    >>> ratio(np.zeros((2, 2, 1)), np.zeros((2, 2, 1)), 255.0)
    100.0
    """
    with np.errstate(over="ignore", divide="ignore"):
        mean_square = np.mean(errors(true, found) ** 2)
        return float(np.clip(10 * np.log10(peak**2 / mean_square), -MOST_DB, MOST_DB))


plugin: type[Metric] = PsnrMetric

"""How alike the structure of output images is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from quantkit.comparison.images import Images
from quantkit.comparison.means import figure, image_rows
from quantkit.core import plugins
from quantkit.core.arrays import Array, Doubles
from quantkit.core.comparison import MetricSummary
from quantkit.core.ports import Answers, Metric, Obstacle

# A Gaussian of deviation 1.5 pixels, cut off at 3.5 deviations on either side.
_WINDOW = 11


@dataclass(frozen=True, slots=True)
class SsimMetric:
    """Structural similarity of output images, at most 1; the mean over samples. It needs scikit-image.

    With true images, that of both models with them; without, the candidate's with the reference's output.

    Rows, float64: ``ssim``, and ``ssim_reference`` where true images are given.

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
        plugins.optional("skimage")

    def obstacle(self, answers: Answers) -> Obstacle | None:
        """No image among the outputs, or one that is smaller than the window."""
        return self._images.obstacle(answers, smallest=_WINDOW)

    def rows(self, answers: Answers) -> Mapping[str, Array]:
        """Similarities of one batch."""
        return image_rows("ssim", self._images, answers, lambda true, found: similarity(true, found, self.peak))

    def summary(self, rows: Mapping[str, Array]) -> MetricSummary:
        """The mean with its interval; against true images, the paired difference."""
        return figure("ssim", rows, title="SSIM")


def similarity(true: Doubles, found: Doubles, peak: float) -> float:
    """SSIM of two images, float64[h, w, c], over a Gaussian window of 11 × 11; the mean over channels.

    An image that is not finite has no structure: 0.

    Z. Wang et al., IEEE Transactions on Image Processing 13 (2004), 600–612, as scikit-image computes it.

    >>> similarity(np.eye(12)[:, :, None], np.eye(12)[:, :, None], 1.0)
    1.0
    """
    if not (np.isfinite(true).all() and np.isfinite(found).all()):
        return 0.0
    # Beyond the range there is nothing to see; and the squares of huge values would overflow.
    shown = np.clip(found, -peak, 2 * peak)
    similar = plugins.optional("skimage.metrics").structural_similarity(
        true,
        shown,
        data_range=peak,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(similar)


plugin: type[Metric] = SsimMetric

from __future__ import annotations

import importlib

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from quantkit.comparison.metrics.ssim import SsimMetric, similarity
from quantkit.core.arrays import Doubles
from quantkit.core.errors import SetupError
from quantkit.core.ports import Answers

NOISE = np.random.default_rng(0).uniform(0, 255, (24, 30))


def by_formula(one: Doubles, two: Doubles, peak: float) -> float:
    """((2μ₁μ₂ + C₁)(2σ₁₂ + C₂)) / ((μ₁² + μ₂² + C₁)(σ₁² + σ₂² + C₂)), where the window of 11 × 11 fits."""

    def blurred(values: Doubles) -> Doubles:
        return np.asarray(gaussian_filter(values, 1.5, truncate=3.5), np.float64)

    first, second = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mine, theirs = blurred(one), blurred(two)
    variances = blurred(one * one) - mine**2, blurred(two * two) - theirs**2
    covariance = blurred(one * two) - mine * theirs
    above = (2 * mine * theirs + first) * (2 * covariance + second)
    below = (mine**2 + theirs**2 + first) * (sum(variances) + second)
    return float((above / below)[5:-5, 5:-5].mean())


def test_it_is_the_published_formula() -> None:
    blurry = np.asarray(gaussian_filter(NOISE, 1.0), np.float64)
    assert similarity(NOISE[:, :, None], blurry[:, :, None], 255.0) == pytest.approx(by_formula(NOISE, blurry, 255.0))


def test_it_is_the_mean_over_channels_and_samples() -> None:
    image = np.stack([NOISE, NOISE[::-1], NOISE[:, ::-1]])[None].astype(np.float32)
    changed = image.copy()
    changed[0, 1] = 0
    rows = SsimMetric(peak=255.0).rows(Answers({"y": image}, {"y": changed}))
    alone = similarity(NOISE[::-1, :, None], np.zeros((24, 30, 1)), 255.0)
    assert rows["ssim"].tolist() == pytest.approx([(2 + alone) / 3], abs=1e-6)


def test_an_image_smaller_than_the_window_is_an_obstacle() -> None:
    small = {"y": np.zeros((1, 3, 10, 40), np.float32)}
    obstacle = SsimMetric(peak=1.0).obstacle(Answers(small, small))
    assert obstacle is not None
    assert obstacle.reason == "an image of 10 pixels on a side is too small, 11 are needed"


def test_without_scikit_image_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(SetupError, match="'skimage' is not installed") as refusal:
        SsimMetric(peak=1.0)
    assert refusal.value.hints == ('pip install "quantkit-ptq[image-metrics]"',)

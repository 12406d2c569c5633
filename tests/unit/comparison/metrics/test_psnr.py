from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from quantkit.comparison.metrics.psnr import PsnrMetric
from quantkit.core.errors import DataError, UsageError
from quantkit.core.ports import Answers
from quantkit.core.statistics import SampleId

IDS = (SampleId("a.png", ""), SampleId("b.png", ""))
WHITE = np.ones((2, 1, 4, 4), np.float32)


def test_against_the_reference_it_is_the_mean_over_samples() -> None:
    candidate = WHITE - np.array([0.1, 0.01], np.float32)[:, None, None, None]
    metric = PsnrMetric(peak=1.0)
    rows = metric.rows(Answers({"y": WHITE}, {"y": candidate}))
    assert rows["psnr"].tolist() == pytest.approx([20.0, 40.0], abs=1e-4)
    summary = metric.summary(rows)
    assert (summary.unit, summary.difference) == ("dB", None)
    assert summary.candidate == pytest.approx(30.0, abs=1e-4)
    assert summary.facts["worst"] == pytest.approx(20.0, abs=1e-4)


def test_against_true_images_both_models_have_a_figure(tmp_path: Path) -> None:
    for name, level in (("a", 255), ("b", 0)):
        Image.new("L", (4, 4), level).save(tmp_path / f"{name}.png")
    reference = np.stack([WHITE[0] * 0.9, WHITE[0] * 0.1])
    candidate = np.stack([WHITE[0] * 0.99, WHITE[0] * 0.1])
    metric = PsnrMetric(peak=1.0, truth=tmp_path)
    rows = metric.rows(Answers({"y": reference}, {"y": candidate}, ids=IDS))
    assert rows["psnr_reference"].tolist() == pytest.approx([20.0, 20.0], abs=1e-4)
    assert rows["psnr"].tolist() == pytest.approx([40.0, 20.0], abs=1e-4)
    summary = metric.summary(rows)
    assert summary.difference is not None
    assert summary.difference.estimate == pytest.approx(10.0, abs=1e-4)


def test_the_border_does_not_count() -> None:
    candidate = WHITE.copy()
    candidate[:, :, 0, :] = 0
    inner = PsnrMetric(peak=1.0, border=1)
    assert inner.rows(Answers({"y": WHITE}, {"y": candidate}))["psnr"].tolist() == [100.0, 100.0]


@pytest.mark.parametrize("shape", [(2, 4, 4, 3), (2, 3, 4, 4), (2, 4, 4)], ids=["last", "first", "none"])
def test_channels_may_be_anywhere(shape: tuple[int, ...]) -> None:
    values = np.full(shape, 200, np.uint8)
    metric = PsnrMetric(peak=255.0)
    assert metric.obstacle(Answers({"y": values}, {"y": values})) is None
    assert metric.rows(Answers({"y": values}, {"y": values}))["psnr"].tolist() == [100.0, 100.0]


def test_scores_of_classes_are_no_image() -> None:
    logits = {"y": np.zeros((2, 10), np.float32)}
    obstacle = PsnrMetric(peak=1.0).obstacle(Answers(logits, logits))
    assert obstacle is not None
    assert obstacle.reason.startswith("no output is an image of 1, 3 or 4 channels")


def test_a_true_image_of_another_size_is_refused(tmp_path: Path) -> None:
    for name in "ab":
        Image.new("L", (5, 4)).save(tmp_path / f"{name}.png")
    with pytest.raises(DataError, match=r"the true image is \[4, 5\], the output has 4 × 4 pixels") as refusal:
        PsnrMetric(peak=1.0, truth=tmp_path).rows(Answers({"y": WHITE}, {"y": WHITE}, ids=IDS))
    assert refusal.value.code == "QK2286"


@pytest.mark.parametrize(("peak", "border"), [(0.0, 0), (float("inf"), 0), (1.0, -1)], ids=["none", "no end", "border"])
def test_options_that_mean_nothing_are_refused(peak: float, border: int) -> None:
    with pytest.raises(UsageError, match=f"{'border' if border else 'peak'}="):
        PsnrMetric(peak=peak, border=border)

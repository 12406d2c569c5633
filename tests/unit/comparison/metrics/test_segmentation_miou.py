from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from quantkit.comparison.metrics.segmentation_miou import SegmentationMiouMetric, overlaps, ratios
from quantkit.core.arrays import Array
from quantkit.core.errors import DataError, TooLittleError, UsageError
from quantkit.core.ports import Answers
from quantkit.core.statistics import SampleId

IDS = (SampleId("val/a.jpg", ""),)
TRUE = np.array([[[0, 0, 1], [2, 1, 255]]], np.uint8)
FOUND = np.array([[[0, 1, 1], [2, 1, 1]]], np.int64)


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    Image.fromarray(TRUE[0]).save(tmp_path / "a.png")
    return tmp_path


@given(seed=st.integers(0, 1000), classes=st.integers(2, 5))
def test_tallies_are_those_of_a_confusion_matrix(seed: int, classes: int) -> None:
    true, found = np.random.default_rng(seed).integers(0, classes, (2, 40))
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (true, found), 1)
    expected = np.diag(confusion) / (confusion.sum(0) + confusion.sum(1) - np.diag(confusion)).clip(1)
    assert np.nan_to_num(ratios(overlaps(true, found, classes).astype(np.float64))) == pytest.approx(expected)


def test_by_hand(masks: Path) -> None:
    """Class 0 has 1 of 2 pixels, class 1 both and one too many, class 2 its one; the last pixel does not count."""
    metric = SegmentationMiouMetric(masks, classes=3)
    true = np.where(TRUE == 255, 0, TRUE).astype(np.int64)
    rows = metric.rows(Answers({"y": true}, {"y": FOUND}, ids=IDS))
    assert (rows["pixels"].tolist(), rows["correct_reference"].tolist(), rows["correct"].tolist()) == ([5], [5], [4])
    summary = metric.summary(rows)
    assert summary.reference == 1.0
    assert summary.candidate == pytest.approx((1 / 2 + 2 / 3 + 1) / 3)
    assert {name: summary.facts[f"iou_{name}"] for name in (0, 1, 2)} == pytest.approx({0: 1 / 2, 1: 2 / 3, 2: 1})


def test_scores_and_class_numbers_give_the_same(masks: Path) -> None:
    scores = np.eye(3, dtype=np.float32)[FOUND].transpose(0, 3, 1, 2)
    numbers = SegmentationMiouMetric(masks, classes=3).rows(Answers({"y": FOUND}, {"y": FOUND}, ids=IDS))
    from_scores = SegmentationMiouMetric(masks).rows(Answers({"y": scores}, {"y": scores}, ids=IDS))
    assert all(np.array_equal(numbers[name], from_scores[name]) for name in numbers)


def test_a_class_that_nobody_knows_is_left_out_of_the_mean(masks: Path) -> None:
    metric = SegmentationMiouMetric(masks, classes=7)
    summary = metric.summary(metric.rows(Answers({"y": FOUND}, {"y": FOUND}, ids=IDS)))
    assert summary.candidate == pytest.approx((1 / 2 + 2 / 3 + 1) / 3)
    assert "iou_5" not in summary.facts


def test_an_output_of_class_numbers_needs_their_number(masks: Path) -> None:
    obstacle = SegmentationMiouMetric(masks).obstacle(Answers({"y": FOUND}, {"y": FOUND}, ids=IDS))
    assert obstacle is not None
    assert "give classes=N" in obstacle.reason


def test_a_number_of_classes_that_is_not_the_outputs_is_an_obstacle(masks: Path) -> None:
    scores = np.zeros((1, 4, 2, 3), np.float32)
    obstacle = SegmentationMiouMetric(masks, classes=3).obstacle(Answers({"y": scores}, {"y": scores}, ids=IDS))
    assert obstacle is not None
    assert obstacle.reason == "the output has 4 classes, not 3"


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (np.zeros((3, 3), np.uint8), r"the mask is \[3, 3\], the output \[2, 3\]"),
        (np.full((2, 3), 9, np.uint8), "the mask holds 9, but classes are 0 to 2"),
        (np.zeros((2, 3), np.float32), "the mask holds float32, not class numbers"),
        (np.zeros((2, 3, 3), np.uint8), r"the mask is \[2, 3, 3\], the output \[2, 3\]"),
    ],
    ids=["size", "class", "type", "colours"],
)
def test_a_mask_that_does_not_fit_is_refused(tmp_path: Path, mask: Array, reason: str) -> None:
    np.save(tmp_path / "a.npy", mask)
    with pytest.raises(DataError, match=reason) as refusal:
        SegmentationMiouMetric(tmp_path, classes=3).rows(Answers({"y": FOUND}, {"y": FOUND}, ids=IDS))
    assert (refusal.value.code, refusal.value.cause) == ("QK2286", "for the sample val/a.jpg")


def test_masks_without_a_pixel_that_counts_are_too_little(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.full((2, 3), 255, np.uint8))
    metric = SegmentationMiouMetric(tmp_path, classes=3)
    with pytest.raises(TooLittleError, match="no pixel of any mask counts") as refusal:
        metric.summary(metric.rows(Answers({"y": FOUND}, {"y": FOUND}, ids=IDS)))
    assert refusal.value.code == "QK5003"


def test_one_class_is_none(masks: Path) -> None:
    with pytest.raises(UsageError, match="there must be at least 2"):
        SegmentationMiouMetric(masks, classes=1)

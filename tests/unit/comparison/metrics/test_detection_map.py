from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quantkit.comparison.metrics.detection_map import DetectionMapMetric
from quantkit.core.arrays import Batch
from quantkit.core.errors import DataError, SetupError, TooLittleError, UsageError
from quantkit.core.ports import Answers
from quantkit.core.statistics import SampleId

IDS = (SampleId("val/a.jpg", ""), SampleId("val/b.jpg", ""))


@pytest.fixture
def objects(tmp_path: Path) -> Path:
    """One thing on either image, 200 wide and 100 high: category 18 on a, category 3 on b."""
    document = {
        "images": [
            {"id": 4, "file_name": "a.jpg", "width": 200, "height": 100},
            {"id": 0, "file_name": "b.jpg", "width": 200, "height": 100},
        ],
        "annotations": [
            {"id": 0, "image_id": 4, "category_id": 18, "bbox": [20, 10, 40, 20]},
            {"id": 9, "image_id": 0, "category_id": 3, "bbox": [100, 50, 60, 30], "iscrowd": 0},
        ],
        "categories": [{"id": 18}, {"id": 3}],
    }
    path = tmp_path / "objects.json"
    path.write_text(json.dumps(document))
    return path


def outputs(boxes: Any, classes: Any = ((1, 0), (0, 0)), scores: Any = ((0.9, 0), (0.8, 0))) -> Batch:
    return {
        "boxes": np.array([[box, [0, 0, 0, 0]] for box in boxes], np.float32),
        "scores": np.array(scores, np.float32),
        "classes": np.array(classes, np.float32),
    }


RIGHT = outputs([[20, 10, 60, 30], [100, 50, 160, 80]])


@pytest.mark.parametrize(
    ("form", "frame", "boxes"),
    [
        ("xyxy", "image", [[20, 10, 60, 30], [100, 50, 160, 80]]),
        ("yxyx", "image", [[10, 20, 30, 60], [50, 100, 80, 160]]),
        ("xywh", "image", [[20, 10, 40, 20], [100, 50, 60, 30]]),
        ("cxcywh", "image", [[40, 20, 40, 20], [130, 65, 60, 30]]),
        ("xyxy", "unit", [[0.1, 0.1, 0.3, 0.3], [0.5, 0.5, 0.8, 0.8]]),
        ("xyxy", "400x400", [[40, 40, 120, 120], [200, 200, 320, 320]]),
    ],
)
def test_boxes_are_understood_in_every_form(objects: Path, form: str, frame: str, boxes: Any) -> None:
    metric = DetectionMapMetric(objects, form=form, frame=frame)
    found = outputs(boxes)
    assert metric.obstacle(Answers(found, found, ids=IDS)) is None
    summary = metric.summary(metric.rows(Answers(found, found, ids=IDS)))
    assert (summary.candidate, summary.samples, summary.facts["ap50"]) == (1.0, 2, 1.0)


def test_classes_may_be_category_ids(objects: Path) -> None:
    found = outputs([[20, 10, 60, 30], [100, 50, 160, 80]], classes=((18, 0), (3, 0)))
    metric = DetectionMapMetric(objects, ids=True)
    assert metric.summary(metric.rows(Answers(found, found, ids=IDS))).candidate == 1.0


def test_by_hand(objects: Path) -> None:
    """Of the first category nothing is found; a box 60 wide that is 9 off overlaps by 51 / 69 = 0.739."""
    candidate = outputs([[120, 10, 160, 30], [109, 50, 169, 80]])
    metric = DetectionMapMetric(objects)
    rows = metric.rows(Answers(RIGHT, candidate, ids=IDS))
    assert rows["found50_reference"].tolist() == [1, 1]
    assert rows["found50"].tolist() == [0, 1]
    summary = metric.summary(rows)
    # Overlaps 0.5, 0.55, 0.6, 0.65 and 0.7 of ten, for one category of two.
    assert summary.reference == 1.0
    assert summary.candidate == pytest.approx(5 / 10 / 2)
    assert summary.facts["ap50"] == 0.5
    assert summary.difference is not None
    assert summary.difference.estimate == pytest.approx(-0.75)


def test_a_candidates_class_that_does_not_exist_finds_nothing(objects: Path) -> None:
    candidate = outputs([[20, 10, 60, 30], [100, 50, 160, 80]], classes=((7, 0), (np.nan, 0)))
    metric = DetectionMapMetric(objects)
    assert metric.summary(metric.rows(Answers(RIGHT, candidate, ids=IDS))).candidate == 0.0


def test_a_class_of_the_reference_that_does_not_exist_is_refused(objects: Path) -> None:
    strange = outputs([[20, 10, 60, 30], [100, 50, 160, 80]], classes=((18, 0), (3, 0)))
    with pytest.raises(DataError, match=r"the output 'classes' holds 18\.0, which is no class") as refusal:
        DetectionMapMetric(objects).rows(Answers(strange, RIGHT, ids=IDS))
    assert refusal.value.code == "QK2286"


def test_a_sample_that_is_not_annotated_is_refused(objects: Path) -> None:
    with pytest.raises(DataError, match=r"nothing is known of the sample 'c\.jpg'"):
        DetectionMapMetric(objects).rows(Answers(RIGHT, RIGHT, ids=(SampleId("c.jpg", ""), IDS[1])))


def test_images_without_any_object_are_too_little(objects: Path) -> None:
    document = json.loads(objects.read_text())
    objects.write_text(json.dumps({**document, "annotations": []}))
    metric = DetectionMapMetric(objects)
    with pytest.raises(TooLittleError, match="no image shows any annotated object"):
        metric.summary(metric.rows(Answers(RIGHT, RIGHT, ids=IDS)))


def test_an_output_that_is_missing_is_named(objects: Path) -> None:
    renamed = {"boxes": RIGHT["boxes"], "score": RIGHT["scores"], "classes": RIGHT["classes"]}
    obstacle = DetectionMapMetric(objects).obstacle(Answers(renamed, renamed, ids=IDS))
    assert obstacle is not None
    assert obstacle.reason == ("there is no output 'scores'; did you mean 'score'?; there are: boxes, score, classes")


def test_scores_for_every_class_are_no_detections(objects: Path) -> None:
    raw = {**RIGHT, "scores": np.zeros((2, 2, 80), np.float32)}
    obstacle = DetectionMapMetric(objects).obstacle(Answers(raw, raw, ids=IDS))
    assert obstacle is not None
    assert obstacle.reason.endswith("not [n, d, 4], [n, d], [n, d]")


@pytest.mark.parametrize(("option", "value"), [("form", "xyxyx"), ("frame", "big")])
def test_an_unknown_form_or_frame_is_refused(objects: Path, option: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"there is no {option} '{value}'"):
        DetectionMapMetric(objects, **{option: value})  # type: ignore[arg-type]


def test_without_pycocotools_the_command_that_installs_it_is_told(
    objects: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(SetupError, match="'pycocotools' is not installed") as refusal:
        DetectionMapMetric(objects)
    assert refusal.value.hints == ('pip install "quantkit-ptq[detection]"',)

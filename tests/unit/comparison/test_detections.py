from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from quantkit.comparison.coco import TrueImage, TrueObject
from quantkit.comparison.detections import Detections, by_category, matched
from quantkit.core.arrays import Counts, Doubles

Scene = tuple[list[TrueImage], list[Detections]]


def scene(seed: int, images: int = 5) -> Scene:
    """Objects of three categories, some of them crowds, and detections that are near some of them or nowhere."""
    generator = np.random.default_rng(seed)
    truths, found = [], []
    for _ in range(images):
        objects = []
        for _ in range(generator.integers(0, 5)):
            x, y, width, height = generator.uniform([0, 0, 10, 10], [60, 60, 40, 40]).tolist()
            objects.append(TrueObject(int(generator.integers(1, 4)), (x, y, width, height), generator.random() < 0.15))
        near = [own for own in objects for _ in range(generator.integers(0, 3))]
        boxes = np.array([own.box for own in near]).reshape(-1, 4)
        boxes = np.concatenate([boxes + generator.normal(0, 2.5, boxes.shape), generator.uniform(10, 50, (2, 4))])
        categories = np.array([*(own.category for own in near), 1, 3], np.int64)
        # Scores that differ, as the order of equal ones is a matter of taste.
        found.append(Detections(boxes, generator.random(len(boxes)), categories))
        truths.append(TrueImage(100.0, 100.0, tuple(objects)))
    return truths, found


def judged_by_pycocotools(truths: list[TrueImage], found: list[Detections]) -> tuple[float, float]:
    """mAP and AP at 0.5 by the whole of pycocotools, accumulation too."""
    sides: list[list[dict[str, Any]]] = [[], []]
    for number, (truth, own) in enumerate(zip(truths, found, strict=True), 1):
        for thing in truth.objects:
            entry = {"category_id": thing.category, "bbox": list(thing.box), "iscrowd": int(thing.crowd)}
            sides[0].append(entry | {"image_id": number})
        for category, box, score in zip(own.categories.tolist(), own.boxes.tolist(), own.scores.tolist(), strict=True):
            sides[1].append({"category_id": category, "bbox": box, "score": score, "iscrowd": 0, "image_id": number})
    with contextlib.redirect_stdout(io.StringIO()):
        parts = []
        for side in sides:
            entries = [
                entry | {"id": number, "area": entry["bbox"][2] * entry["bbox"][3]}
                for number, entry in enumerate(side, 1)
            ]
            part = COCO()
            listed = [{"id": number} for number in range(1, len(truths) + 1)]
            part.dataset = {"images": listed, "categories": [{"id": 1}, {"id": 2}, {"id": 3}], "annotations": entries}  # type: ignore[typeddict-item]
            part.createIndex()
            parts.append(part)
        evaluation = COCOeval(parts[0], parts[1], "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0]), float(evaluation.stats[1])


def judged(truths: list[TrueImage], found: list[Detections], weights: Doubles) -> tuple[float, float]:
    objects: list[Counts] = [np.array([o.category for o in t.objects if not o.crowd], np.int64) for t in truths]
    categories = by_category([matched(t, f) for t, f in zip(truths, found, strict=True)], objects)
    every = np.array([category.precision(weights)[0] for category in categories])
    return float(np.nanmean(every)), float(np.nanmean(every[:, 0]))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_it_agrees_with_pycocotools(seed: int) -> None:
    truths, found = scene(seed)
    if not any(not own.crowd for truth in truths for own in truth.objects):
        return
    assert judged(truths, found, np.ones((1, 5))) == pytest.approx(judged_by_pycocotools(truths, found), abs=1e-12)


@given(seed=st.integers(0, 10_000), counts=st.lists(st.integers(0, 3), min_size=5, max_size=5))
@settings(max_examples=25, deadline=None)
def test_drawing_an_image_often_is_the_same_as_copies_of_it(seed: int, counts: list[int]) -> None:
    truths, found = scene(seed)
    copied = [index for index, times in enumerate(counts) for _ in range(times)]
    if not any(not own.crowd for index in copied for own in truths[index].objects):
        return
    weighed = judged(truths, found, np.array([counts], np.float64))
    assert weighed == pytest.approx(
        judged_by_pycocotools([truths[i] for i in copied], [found[i] for i in copied]), abs=1e-12
    )


def test_one_object_found_after_a_wrong_detection_has_half_the_precision() -> None:
    truth = TrueImage(100, 100, (TrueObject(1, (10, 10, 20, 20), False),))
    boxes = np.array([[60.0, 60, 20, 20], [10, 10, 20, 20]])
    found = Detections(boxes, np.array([0.9, 0.8]), np.array([1, 1]))
    assert judged([truth], [found], np.ones((1, 1))) == pytest.approx((0.5, 0.5))


def test_an_image_with_nothing_in_it_and_nothing_found_matches_nothing() -> None:
    matches = matched(TrueImage(10, 10, ()), Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64)))
    assert (len(matches.scores), matches.right.shape) == (0, (10, 0))


def test_pycocotools_says_nothing_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    truths, found = scene(1)
    matched(truths[0], found[0])
    assert capsys.readouterr().out == ""

"""Detections matched with the true objects, once, and average precision from matches that weigh."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantkit.comparison.coco import TrueImage
from quantkit.core import plugins
from quantkit.core.arrays import Array, Counts, Doubles

OVERLAPS = np.linspace(0.5, 0.95, 10)
"""Overlaps, intersection over union, from which a detection counts as found: COCO's ten."""

_RECALLS = np.linspace(0.0, 1.0, 101)
# Of the detections of one class in one image, COCO counts the best hundred.
_MOST = 100
_EVERY_SIZE = [0.0, 1e10]


@dataclass(frozen=True, slots=True)
class Detections:
    """What a model found in one image.

    Args:
        boxes: float64[d, 4]: x, y, width, height in the annotated image's pixels.
        scores: float64[d].
        categories: int64[d], category ids.
    """

    boxes: Doubles
    scores: Doubles
    categories: Counts


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The detections of one image, and which of them are right.

    Args:
        categories: int64[d], category ids.
        scores: float64[d], falling within a category.
        right: bool[10, d]: matched with a true object at each overlap.
        counted: bool[10, d]: false where the match is a crowd, which is neither right nor wrong.
    """

    categories: Counts
    scores: Doubles
    right: Array
    counted: Array


def matched(image: TrueImage, found: Detections) -> Matches:
    """Matches the detections of one image by COCO's rules, as pycocotools does.

    Raises:
        SetupError: pycocotools is not installed.
    """
    evaluation = _evaluated(image, found)
    parts = [part for part in evaluation if part is not None and len(part["dtScores"])]
    if not parts:
        nothing = np.zeros((len(OVERLAPS), 0), np.bool_)
        return Matches(np.zeros(0, np.int64), np.zeros(0), nothing, nothing)
    crowd = np.concatenate([np.asarray(part["dtIgnore"], np.bool_) for part in parts], axis=1)
    matches = np.concatenate([np.asarray(part["dtMatches"]) for part in parts], axis=1) > 0
    return Matches(
        np.concatenate([np.full(len(part["dtScores"]), part["category_id"]) for part in parts]).astype(np.int64),
        np.concatenate([np.asarray(part["dtScores"], np.float64) for part in parts]),
        matches & ~crowd,
        ~crowd,
    )


def _evaluated(image: TrueImage, found: Detections) -> Sequence[Any]:
    coco, cocoeval = plugins.optional("pycocotools.coco"), plugins.optional("pycocotools.cocoeval")
    # An id of 0 would be taken for no match.
    true = [
        {"id": number, "image_id": 1, "category_id": own.category, "bbox": list(own.box), "iscrowd": int(own.crowd)}
        | {"area": own.box[2] * own.box[3]}
        for number, own in enumerate(image.objects, 1)
    ]
    answers = [
        {"id": number, "image_id": 1, "category_id": category, "bbox": box, "score": score, "iscrowd": 0}
        | {"area": box[2] * box[3]}
        for number, (category, box, score) in enumerate(
            zip(found.categories.tolist(), found.boxes.tolist(), found.scores.tolist(), strict=True), 1
        )
    ]
    categories = sorted({entry["category_id"] for entry in [*true, *answers]})
    # It tells the terminal how it gets on.
    with contextlib.redirect_stdout(io.StringIO()):
        sides = []
        for annotations in (true, answers):
            side = coco.COCO()
            listed = [{"id": category} for category in categories]
            side.dataset = {"images": [{"id": 1}], "categories": listed, "annotations": annotations}
            side.createIndex()
            sides.append(side)
        evaluation = cocoeval.COCOeval(*sides, "bbox")
        evaluation.params.iouThrs = OVERLAPS
        evaluation.params.maxDets = [_MOST]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [_EVERY_SIZE], ["all"]
        evaluation.evaluate()
    return list(evaluation.evalImgs)


@dataclass(frozen=True, slots=True, eq=False)
class Category:
    """One category in all images: its true objects, and the detections from the highest score down.

    Args:
        objects: float64[n], how many there are in each image.
        images: int64[d], the image of each detection.
        right: bool[10, d].
        counted: bool[10, d].
    """

    objects: Doubles
    images: Counts
    right: Array
    counted: Array

    def precision(self, weights: Doubles) -> Doubles:
        """Average precision at each overlap, float64[r, 10]; NaN where the images drawn hold no such object.

        At each of 101 recalls the highest precision that any lower score still reaches, and 0 where the recall is
        never reached; of these the mean.

        Args:
            weights: float64[r, n], how often each image is drawn.

        >>> half = Category(np.array([2.0]), np.array([0, 0]), np.array([[True, False]]), np.array([[True, True]]))
        >>> half.precision(np.ones((1, 1))).round(4)
        array([[0.505]])
        """
        total = weights @ self.objects
        drawn = weights[:, self.images]
        columns = [_average(drawn, *own, total) for own in zip(self.right, self.counted, strict=True)]
        return np.where(total[:, None] > 0, np.stack(columns, axis=1), np.nan)


def _average(drawn: Doubles, right: Array, counted: Array, total: Doubles) -> Doubles:
    """Average precision at one overlap, float64[r].

    Precision peaks where a detection is right, and recall grows nowhere else, so only those are looked at. Drawing an
    image k times is the same as k copies of it: their detections follow each other and have their highest precision
    at the end if they are right and at the beginning if they are wrong.
    """
    if not right.any():
        return np.zeros(len(drawn))
    correct = np.cumsum(drawn[:, right], axis=1)
    seen = np.cumsum(drawn[:, counted], axis=1)[:, right[counted]]
    # Where no image with a detection so far is drawn, nothing is correct either.
    precision = correct / np.maximum(seen, 1.0)
    highest = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = correct / total[:, None]
    averages = np.zeros(len(drawn))
    for row in range(len(drawn)):
        at = np.searchsorted(recall[row], _RECALLS, side="left")
        averages[row] = highest[row, at[at < len(recall[row])]].sum() / len(_RECALLS)
    return averages


def by_category(matches: Sequence[Matches], objects: Sequence[Counts]) -> list[Category]:
    """Every category of which there is a true object.

    Args:
        matches: of each image.
        objects: of each image the category ids of the true objects that are no crowds.
    """
    images = np.repeat(np.arange(len(matches)), [len(own.scores) for own in matches])
    scores = np.concatenate([own.scores for own in matches])
    categories = np.concatenate([own.categories for own in matches])
    right = np.concatenate([own.right for own in matches], axis=1)
    counted = np.concatenate([own.counted for own in matches], axis=1)
    falling = np.argsort(-scores, kind="stable")
    places = np.repeat(np.arange(len(objects)), [len(own) for own in objects])
    true = np.concatenate([*objects, np.zeros(0, np.int64)])
    return [
        Category(
            np.bincount(places[true == category], minlength=len(objects)).astype(np.float64),
            images[own],
            right[:, own],
            counted[:, own],
        )
        for category in np.unique(true)
        for own in [falling[categories[falling] == category]]
    ]

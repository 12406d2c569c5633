"""How well a detector finds and places objects, as COCO judges it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from quantkit.comparison import coco
from quantkit.comparison.coco import Annotations, TrueImage
from quantkit.comparison.detections import Category, Detections, Matches, by_category, matched
from quantkit.comparison.weighted import paired
from quantkit.core import plugins
from quantkit.core.arrays import Array, Batch, Counts, Doubles
from quantkit.core.comparison import MetricSummary
from quantkit.core.errors import DataError, TooLittleError, UsageError
from quantkit.core.ports import Answers, Metric, Obstacle
from quantkit.core.text import printable

FORMS = ("xyxy", "xywh", "cxcywh", "yxyx")
_FRAME = re.compile(r"(\d+)x(\d+)")


@dataclass(frozen=True, slots=True)
class DetectionMapMetric:
    """Mean average precision over categories and overlaps 0.5 to 0.95, and AP at 0.5 as a further figure.

    For models that answer with boxes, a score and a class for each, after non-maximum suppression and in a fixed
    number, those without a box scored 0. Detections are matched by pycocotools, once; for the interval images are
    drawn, and the matches weighed by how often.

    Rows, int64: ``objects`` in each image, detections ``found50_reference`` and ``found50`` that are right at an
    overlap of 0.5; for the summary alone the matches.

    Args:
        annotations: JSON file in COCO's format, whose file names are those of the samples.
        boxes: the output with boxes, [n, d, 4].
        scores: the output with scores, [n, d].
        classes: the output with classes, [n, d].
        form: how a box is given: xyxy, xywh, cxcywh or yxyx.
        frame: what a box is measured in: ``image``, the annotated image's pixels; ``unit``, shares of its sides; or
            WIDTHxHEIGHT, pixels of an input that the whole image was stretched to.
        ids: whether classes are category ids; otherwise 0 is the lowest id, 1 the next.
    """

    annotations: Path
    boxes: str = "boxes"
    scores: str = "scores"
    classes: str = "classes"
    form: str = "xyxy"
    frame: str = "image"
    ids: bool = False
    _truth: Annotations = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            hints = [*plugins.did_you_mean(self.form, list(FORMS)), f"there are: {', '.join(FORMS)}"]
            raise UsageError("QK1053", f"detection-map: there is no form {self.form!r}", hints=hints)
        if self.frame not in ("image", "unit") and not _FRAME.fullmatch(self.frame):
            hints = ["write image, unit, or the input's size as 640x480"]
            raise UsageError("QK1053", f"detection-map: there is no frame {self.frame!r}", hints=hints)
        plugins.optional("pycocotools")
        object.__setattr__(self, "_truth", coco.read(self.annotations))

    def obstacle(self, answers: Answers) -> Obstacle | None:
        """An output is missing or has another shape, or nobody says who the samples are."""
        if not answers.ids:
            return Obstacle("the samples have no names, and annotations go by names")
        outputs = answers.reference
        for name in (self.boxes, self.scores, self.classes):
            if name not in outputs:
                near = plugins.did_you_mean(name, list(outputs))
                return Obstacle("; ".join([f"there is no output {name!r}", *near, f"there are: {', '.join(outputs)}"]))
        shapes = [list(outputs[name].shape) for name in (self.boxes, self.scores, self.classes)]
        boxes, scores, classes = shapes
        if boxes != [*scores, 4] or scores != classes or len(scores) != 2:
            return Obstacle(
                f"boxes, scores and classes are {boxes}, {scores}, {classes}, not [n, d, 4], [n, d], [n, d]"
            )
        return None

    def rows(self, answers: Answers) -> Mapping[str, Array]:
        """Matches of one batch.

        Raises:
            DataError: a sample is not annotated, or the reference answers a class that is none.
        """
        images = [self._truth.images.of_sample(sample) for sample in answers.ids]
        objects = [np.array([own.category for own in image.objects if not own.crowd], np.int64) for image in images]
        reference = self._matches(answers.reference, images, answers)
        candidate = self._matches(answers.candidate, images, answers)
        return {
            "objects": np.array([len(own) for own in objects], np.int64),
            "found50_reference": _found(reference),
            "found50": _found(candidate),
            "objects_in": _column(objects),
            "matches_reference": _column(reference),
            "matches": _column(candidate),
        }

    def _matches(self, outputs: Batch, images: list[TrueImage], answers: Answers) -> list[Matches]:
        return [
            matched(image, self._detections(outputs, number, image, answers)) for number, image in enumerate(images)
        ]

    def _detections(self, outputs: Batch, number: int, image: TrueImage, answers: Answers) -> Detections:
        """What is found in one image; what has no score above 0, as NaN has not, is no detection."""
        scores = outputs[self.scores][number].astype(np.float64)
        present = scores > 0
        boxes = self._placed(outputs[self.boxes][number][present].astype(np.float64), image)
        classes = outputs[self.classes][number][present]
        categories = self._categories(np.nan_to_num(np.rint(classes.astype(np.float64)), nan=-1))
        known = np.isin(categories, self._truth.categories)
        if outputs is answers.reference and not known.all():
            strange = classes[~known][0]
            raise DataError(
                "QK2286",
                f"the output {self.classes!r} holds {strange}, which is no class of the annotations",
                where=printable(answers.ids[number].name),
                cause=f"there are {len(self._truth.categories)}, with ids from {self._truth.categories[0]}",
                hints=["ids=true takes classes for category ids, ids=false for places in their order"],
            )
        # A candidate's detection of a class that does not exist is no answer to anything.
        return Detections(boxes[known], np.minimum(scores[present], np.finfo(np.float64).max)[known], categories[known])

    def _categories(self, classes: Doubles) -> Counts:
        numbers = np.clip(classes, -1, 2**31).astype(np.int64)
        if self.ids:
            return numbers
        inside = (numbers >= 0) & (numbers < len(self._truth.categories))
        return np.where(inside, np.array(self._truth.categories)[np.where(inside, numbers, 0)], -1)

    def _placed(self, boxes: Doubles, image: TrueImage) -> Doubles:
        """x, y, width and height in the image's pixels; a box that is not finite is empty, so it finds nothing."""
        finite = np.where(np.isfinite(boxes).all(axis=1, keepdims=True), boxes, 0.0)
        one, two, three, four = finite.T
        if self.form == "yxyx":
            one, two, three, four = two, one, four, three
        if self.form in ("xyxy", "yxyx"):
            three, four = three - one, four - two
        if self.form == "cxcywh":
            one, two = one - three / 2, two - four / 2
        across, down = self._scale(image)
        return np.stack([one * across, two * down, np.maximum(three * across, 0), np.maximum(four * down, 0)], axis=1)

    def _scale(self, image: TrueImage) -> tuple[float, float]:
        if self.frame == "image":
            return 1.0, 1.0
        if self.frame == "unit":
            return image.width, image.height
        width, height = (int(side) for side in self.frame.split("x"))
        return image.width / width, image.height / height

    def summary(self, rows: Mapping[str, Array]) -> MetricSummary:
        """Both mAPs, the difference with its interval, and AP at 0.5.

        Raises:
            TooLittleError: there is no object in any image.
        """
        if not rows["objects"].any():
            raise TooLittleError(
                "QK5003",
                "no image shows any annotated object",
                where=str(self.annotations),
                hints=["give the annotations of these images"],
            )
        models = [by_category(list(rows[name]), list(rows["objects_in"])) for name in ("matches_reference", "matches")]
        longest = max(len(own.images) for model in models for own in model)

        def figures(weights: Doubles) -> Doubles:
            return np.stack([_precisions(model, weights) for model in models], axis=1)

        mean, half = paired(figures, len(rows["objects"]), width=longest)
        objects, categories = float(rows["objects"].sum()), float(len(models[0]))
        return MetricSummary(
            metric="detection-map",
            samples=len(rows["objects"]),
            candidate=mean.candidate,
            reference=mean.reference,
            difference=mean.difference,
            unit="share",
            title="mAP",
            facts={"objects": objects, "categories": categories, **mean.power, **half.facts("ap50")},
        )


def _found(matches: list[Matches]) -> Counts:
    return np.array([np.count_nonzero(own.right[0]) for own in matches], np.int64)


def _column(entries: list[Matches] | list[Counts]) -> Array:
    """An array of objects, one a sample."""
    column = np.empty(len(entries), np.object_)
    for number, entry in enumerate(entries):
        column[number] = entry
    return column


def _precisions(categories: list[Category], weights: Doubles) -> Doubles:
    """mAP and AP at 0.5, float64[r, 2]: means over the categories that the images drawn show."""
    every = np.stack([category.precision(weights) for category in categories], axis=1)
    shown = ~np.isnan(every[:, :, 0])
    with np.errstate(invalid="ignore"):
        means = np.where(shown[:, :, None], every, 0.0).sum(axis=1) / shown.sum(axis=1)[:, None]
    return np.stack([means.mean(axis=1), means[:, 0]], axis=1)


plugin: type[Metric] = DetectionMapMetric

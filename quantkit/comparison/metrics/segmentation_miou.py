"""How well the regions of a segmentation lie on the true ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from quantkit.comparison.outputs import chosen, lacking
from quantkit.comparison.truth import Named, array_in, file_of, files
from quantkit.comparison.weighted import paired
from quantkit.core.arrays import Array, Counts, Doubles
from quantkit.core.comparison import MetricSummary
from quantkit.core.errors import DataError, TooLittleError, UsageError
from quantkit.core.ports import Answers, Metric, Obstacle
from quantkit.core.text import printable


@dataclass(frozen=True, slots=True)
class SegmentationMiouMetric:
    """Mean over classes of intersection over union, from pixels counted over all images.

    A class that neither the truth nor the model's answers know has no figure and is left out of the mean. What is
    drawn for the interval is images. The IoU of each class is among the further figures.

    Rows, int64: ``pixels`` that count, and of these ``correct_reference`` and ``correct``; for the summary alone
    the pixels of each class in both models' answers and in the truth, int64[n, 3, classes].

    Args:
        masks: folder with a mask of class numbers for each sample, by its name: PNG or .npy of the output's size.
        output: the output: scores, floating[n, classes, h, w], or class numbers, integer[n, h, w] or [n, 1, h, w]; by
            default the first that can be either.
        ignore: the number of pixels that do not count.
        classes: how many classes there are; needed for an output of class numbers.
    """

    masks: Path
    output: str | None = None
    ignore: int = 255
    classes: int | None = None
    _files: Named[Path] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.classes is not None and self.classes < 2:
            raise UsageError(
                "QK1053",
                f"segmentation-miou: classes={self.classes}, but there must be at least 2",
                hints=["such as segmentation-miou:masks=FOLDER,classes=21"],
            )
        object.__setattr__(self, "_files", files(self.masks))

    def obstacle(self, answers: Answers) -> Obstacle | None:
        """No segmentation among the outputs, names that nobody knows, or a number of classes that is not known."""
        if not answers.ids:
            return Obstacle("the samples have no names, and masks go by names")
        what = "a segmentation, floating[n, classes, h, w] or integer[n, h, w]"
        if obstacle := lacking(answers, self.output, _is_segmentation, what):
            return obstacle
        values = answers.reference[self._name(answers)]
        if values.dtype.kind == "f" and self.classes not in (None, values.shape[1]):
            return Obstacle(f"the output has {values.shape[1]} classes, not {self.classes}")
        if values.dtype.kind != "f" and self.classes is None:
            return Obstacle("an output of class numbers does not say how many classes there are; give classes=N")
        return None

    def rows(self, answers: Answers) -> Mapping[str, Array]:
        """Pixels of one batch."""
        name = self._name(answers)
        reference, candidate = answers.reference[name], answers.candidate[name]
        classes = reference.shape[1] if reference.dtype.kind == "f" else self.classes or 0
        both: tuple[list[Counts], list[Counts]] = [], []
        for number in range(len(reference)):
            mine, theirs = _class_map(reference[number]), _class_map(candidate[number])
            true = self._mask(answers, number, mine.shape, classes)
            counted = true != self.ignore
            for tallies, found in zip(both, (mine, theirs), strict=True):
                tallies.append(overlaps(true[counted], found[counted], classes))
        mine, theirs = (np.array(tallies, np.int64).reshape(-1, 3, classes) for tallies in both)
        return {
            "pixels": mine[:, 2].sum(axis=1),
            "correct_reference": mine[:, 0].sum(axis=1),
            "correct": theirs[:, 0].sum(axis=1),
            "overlaps_reference": mine,
            "overlaps": theirs,
        }

    def _name(self, answers: Answers) -> str:
        return chosen(answers.reference, self.output, _is_segmentation) or ""

    def _mask(self, answers: Answers, number: int, shape: tuple[int, ...], classes: int) -> Counts:
        """The true class of each pixel, int64[h, w]."""
        path = file_of(self._files, answers.ids[number])
        # A palette's indices are the classes, and so are the levels of a gray image of 8 or 16 bits.
        mask = array_in(path, lambda image: image.mode if image.mode in _MASK_MODES else "RGB")
        strange = None
        if mask.shape != shape:
            strange = f"the mask is {list(mask.shape)}, the output {list(shape)}"
        elif mask.dtype.kind not in "biu":
            strange = f"the mask holds {mask.dtype}, not class numbers"
        else:
            outside = mask[(mask != self.ignore) & ((mask < 0) | (mask >= classes))]
            strange = f"the mask holds {outside[0]}, but classes are 0 to {classes - 1}" if outside.size else None
        if strange is None:
            return mask.astype(np.int64)
        raise DataError(
            "QK2286",
            strange,
            where=printable(str(path)),
            cause=f"for the sample {printable(answers.ids[number].name)}",
            hints=["give masks of class numbers in the output's own size", f"ignore={self.ignore} marks what to skip"],
        )

    def summary(self, rows: Mapping[str, Array]) -> MetricSummary:
        """Both means, the difference with its interval, and every class.

        Raises:
            TooLittleError: no pixel counts.
        """
        if not rows["pixels"].any():
            raise TooLittleError(
                "QK5003",
                "no pixel of any mask counts",
                where=str(self.masks),
                hints=["give masks with pixels of at least one class"],
            )
        tallies = [rows[name].astype(np.float64) for name in ("overlaps_reference", "overlaps")]

        def figures(weights: Doubles) -> Doubles:
            summed = [np.tensordot(weights, own, axes=1) for own in tallies]
            return np.stack([_class_mean(ratios(own)) for own in summed], axis=1)[:, :, None]

        (mean,) = paired(figures, len(rows["pixels"]))
        classes = [ratios(own.sum(axis=0)) for own in tallies]
        facts = {
            f"iou{suffix}_{number}": float(figure)
            for suffix, figures_of in zip(("_reference", ""), classes, strict=True)
            for number, figure in enumerate(figures_of)
            if not np.isnan(figure)
        }
        return MetricSummary(
            metric="segmentation-miou",
            samples=len(rows["pixels"]),
            candidate=mean.candidate,
            reference=mean.reference,
            difference=mean.difference,
            unit="share",
            title="mIoU",
            facts={**mean.power, **facts},
        )


_MASK_MODES = ("L", "P", "I;16", "I", "1")


def _is_segmentation(values: Array) -> bool:
    if values.dtype.kind == "f":
        return values.ndim == 4 and values.shape[1] >= 2
    return values.dtype.kind in "iu" and (values.ndim == 3 or (values.ndim == 4 and values.shape[1] == 1))


def _class_map(values: Array) -> Counts:
    """The class of each pixel of one answer, int64[h, w]; −1, which is no class, where scores hold NaN."""
    if values.dtype.kind == "f":
        return np.where(np.isnan(values).any(axis=0), -1, values.argmax(axis=0)).astype(np.int64)
    return values.reshape(values.shape[-2:]).astype(np.int64)


def overlaps(true: Counts, found: Counts, classes: int) -> Counts:
    """Pixels of each class in both, in `found` and in `true`, int64[3, classes].

    Args:
        true: int64[pixels], each a class.
        found: int64[pixels]; what is no class is wrong and adds to none.

    >>> overlaps(np.array([0, 0, 1]), np.array([0, 1, -1]), 2)
    array([[1, 0],
           [1, 1],
           [2, 1]])
    """
    known = found[(found >= 0) & (found < classes)]
    return np.stack([np.bincount(part, minlength=classes) for part in (true[true == found], known, true)])


def ratios(tallies: Doubles) -> Doubles:
    """Intersection over union, both / (found + true − both), float64[…, classes] from float64[…, 3, classes].

    >>> ratios(np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [2.0, 1.0, 0.0]]))
    array([0.5, 0. , nan])
    """
    both, found, true = (tallies[..., part, :] for part in range(3))
    with np.errstate(invalid="ignore"):
        return np.asarray(both / (found + true - both), np.float64)


def _class_mean(figures: Doubles) -> Doubles:
    """The mean over the classes that have a figure, float64[r] from float64[r, classes]."""
    known = ~np.isnan(figures)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, figures, 0.0).sum(axis=1) / known.sum(axis=1), np.float64)


plugin: type[Metric] = SegmentationMiouMetric

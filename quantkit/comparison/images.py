"""Outputs that are images, and the images that they should be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from quantkit.comparison.outputs import chosen, lacking
from quantkit.comparison.truth import Named, array_in, file_of, files
from quantkit.core.arrays import Array, Batch, Doubles
from quantkit.core.errors import DataError, UsageError
from quantkit.core.ports import Answers, Obstacle
from quantkit.core.statistics import SampleId
from quantkit.core.text import printable

_CHANNELS = (1, 3, 4)


@dataclass(frozen=True, slots=True)
class Images:
    """Which output holds images, and what they are measured against.

    Args:
        peak: the largest value that a pixel can have, such as 1 or 255; the smallest is 0.
        output: the output; by default the first that can be one.
        truth: folder with the image or array for each sample, by its name; without it the reference's own output is
            what the candidate is measured against.
        border: pixels at each edge that do not count.
    """

    peak: float
    output: str | None
    truth: Path | None
    border: int
    _files: Named[Path] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.peak < float("inf"):
            raise UsageError(
                "QK1053",
                f"peak={self.peak:g} is not the largest value of a pixel: write 1 or 255",
                hints=["such as psnr:peak=1,border=4"],
            )
        if self.border < 0:
            raise UsageError(
                "QK1053", f"border={self.border} is no number of pixels", hints=["such as psnr:peak=1,border=4"]
            )
        object.__setattr__(self, "_files", None if self.truth is None else files(self.truth))

    def obstacle(self, answers: Answers, smallest: int = 1) -> Obstacle | None:
        """No image among the outputs, or one that has fewer than `smallest` pixels on a side."""
        if self._files is not None and not answers.ids:
            return Obstacle("the samples have no names, and the true images go by names")
        what = "an image of 1, 3 or 4 channels, [n, c, h, w], [n, h, w, c] or [n, h, w]"
        if obstacle := lacking(answers, self.output, is_image, what):
            return obstacle
        first = next(self._of(answers.reference, answers), None)
        side = smallest if first is None else min(first.shape[:2])
        return (
            Obstacle(f"an image of {side} pixels on a side is too small, {smallest} are needed")
            if side < smallest
            else None
        )

    def pairs(self, answers: Answers) -> Iterator[tuple[int, Doubles, Doubles]]:
        """Sample number, the reference's image and the candidate's, float64[h, w, c] each, without border."""
        both = zip(self._of(answers.reference, answers), self._of(answers.candidate, answers), strict=True)
        for number, (mine, theirs) in enumerate(both):
            yield number, mine, theirs

    def true_image(self, answers: Answers, number: int, like: Doubles) -> Doubles | None:
        """The image that sample `number` should be, float64[h, w, c] without border; `None` where none are given.

        Raises:
            DataError: there is none for this sample, or it has another size than `like`.
        """
        if self._files is None:
            return None
        sample = answers.ids[number]
        path = file_of(self._files, sample)
        channels = like.shape[2]
        values = array_in(path, lambda _: {1: "L", 3: "RGB"}.get(channels, "RGBA"))
        if path.suffix.lower() != ".npy":
            values = values * (self.peak / 255)
        arranged = _arranged(values) if values.ndim in (2, 3) else None
        found = None if arranged is None else self._inner(arranged)
        if found is None or found.shape != like.shape:
            raise _unlike(path, sample, values, like, self.border)
        return found

    def _of(self, outputs: Batch, answers: Answers) -> Iterator[Doubles]:
        name = chosen(answers.reference, self.output, is_image)
        for image in outputs[name or ""]:
            yield self._inner(_arranged(image))

    def _inner(self, image: Doubles) -> Doubles:
        inner = slice(self.border, -self.border or None)
        return image[inner, inner]


def is_image(values: Array) -> bool:
    """Whether an output can be a batch of images: 3 dimensions, or 4 with 1, 3 or 4 channels first or last."""
    if values.dtype.kind not in "fu" or not values.size:
        return False
    return values.ndim == 3 or (values.ndim == 4 and bool({values.shape[1], values.shape[3]} & set(_CHANNELS)))


def _arranged(image: Array) -> Doubles:
    """One image with its channels last, float64[h, w, c]."""
    values = np.asarray(image, np.float64)
    if values.ndim == 2:
        return values[:, :, None]
    return values.transpose(1, 2, 0) if values.shape[0] in _CHANNELS else values


def _unlike(path: Path, sample: SampleId, found: Array, like: Doubles, border: int) -> DataError:
    height, width, channels = (
        size + grown for size, grown in zip(like.shape, (2 * border, 2 * border, 0), strict=True)
    )
    return DataError(
        "QK2286",
        f"the true image is {list(found.shape)}, the output has {height} × {width} pixels and {channels} channels",
        where=printable(str(path)),
        cause=f"for the sample {printable(sample.name)}",
        hints=["give the true images in the output's own size"],
    )

"""Images from a folder or from parts of other files."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image as Pixels

from quantkit.core.arrays import Array
from quantkit.core.artifact import shape_text
from quantkit.core.errors import DataError, QuantkitError, UsageError
from quantkit.core.text import printable
from quantkit.data import labels, pixels
from quantkit.data.decoding import BYTES_PER_PIXEL, RULES, SUFFIXES, decoded
from quantkit.data.file_part import FilePart
from quantkit.data.listing import Found, subfolders, suffixes_text
from quantkit.data.preprocessing import Preprocessing
from quantkit.data.reading import Labelling, Reading
from quantkit.data.records import BadSampleError, Filled, Slot

_log = logging.getLogger(__name__)

# Suffixes of formats that people mean as images and that are not read.
_REFUSED_SUFFIXES = {".gif", ".tif", ".tiff", ".psd", ".svg", ".heic", ".avif", ".jp2", ".eps", ".fits", ".pgm", ".ppm"}


@dataclass(frozen=True, slots=True)
class Image:
    """Where an image's bytes are, its name in the data, and its class."""

    name: str
    part: FilePart
    label: int | None = None


@dataclass(frozen=True, slots=True)
class ImageRecords:
    """Images as float32 arrays of one shape, decoded, resized and normalised as declared.

    Args:
        origin: where they are from, for messages.
        images: in the order of reading.
        recipe: the preprocessing.
        reading: the input's name and the limits.
    """

    origin: str
    images: tuple[Image, ...]
    recipe: Preprocessing
    reading: Reading = field(default_factory=Reading)

    @property
    def names(self) -> Sequence[str]:
        """The images' names."""
        return [image.name for image in self.images]

    @property
    def preprocessing(self) -> Mapping[str, Any]:
        """The declared preprocessing, and how files are decoded before it."""
        return {**self.recipe.record(), "decoding": dict(RULES)}

    def outline(self) -> Mapping[str, Slot]:
        """The one input's shape: the declared one, or that of the first image whose header can be read."""
        height, width = self.recipe.size or self._first_size()
        return {self.reading.input_name: Slot(self.recipe.shape(height, width), np.dtype(np.float32))}

    def _first_size(self) -> tuple[int, int]:
        refusal: BadSampleError | None = None
        for image in self.images:
            try:
                first, _ = decoded(self._content(image), self.reading.max_image_pixels)
            except BadSampleError as bad:
                refusal = refusal or bad
            else:
                return first.height, first.width
        raise refusal or DataError(
            "QK2101", "0 calibration samples", where=self.origin, hints=["give at least one image"]
        )

    def fill(self, position: int, rows: Mapping[str, Array]) -> Filled:
        """Decodes the image at `position` into its row; the digest is that of the file's bytes."""
        image = self.images[position]
        row = rows[self.reading.input_name]
        content = self._content(image)
        try:
            whole, remark = decoded(content, self.reading.max_image_pixels)
            shape = self.recipe.shape(whole.height, whole.width)
            if shape != row.shape:
                raise _other_shape(shape, row.shape)
            pixels.write(pixels.placed(whole, self.recipe, self.reading.max_image_pixels), self.recipe, row)
        except QuantkitError as refusal:
            raise refusal.located(_place(image)) from refusal.__cause__
        return Filled(hashlib.sha256(content).hexdigest(), image.label, remark)

    def picture(self, image: Image) -> Pixels:
        """The whole image, decoded and upright, before any preprocessing.

        Raises:
            DataError: the file has gone, or is not the image that it was.
        """
        return decoded(self._content(image), self.reading.max_image_pixels)[0]

    def _content(self, image: Image) -> bytes:
        if image.part.length > self.reading.max_image_pixels * BYTES_PER_PIXEL:
            raise BadSampleError(
                "QK2203",
                f"an image file of {image.part.length} bytes, more than the largest allowed image has unpacked",
                where=_place(image),
                hints=["leave it out, or raise --max-image-pixels if you trust the file"],
            )
        return image.part.read()

    def __str__(self) -> str:
        labelled = "labelled" if self.images and self.images[0].label is not None else "no labels"
        return f"{self.origin}: {len(self.images)} images, {labelled}"

    def __repr__(self) -> str:
        return f"ImageRecords({self})"


def from_files(
    folder: Path | None, files: Sequence[Found], recipe: Preprocessing, *, labelling: Labelling, reading: Reading
) -> ImageRecords:
    """The images `files`; folders below `folder` are classes unless `labelling` says otherwise."""
    classes = _classes(folder, [found.name for found in files], labelling)
    images = (Image(f.name, FilePart.whole(f.path, f.stamp), classes.get(f.name)) for f in files)
    return ImageRecords(printable(str(folder or files[0].path)), tuple(images), recipe, reading)


def _classes(folder: Path | None, names: Sequence[str], labelling: Labelling) -> Mapping[str, int]:
    if labelling.member is not None:
        raise UsageError("QK1036", "images have no member that could hold labels", hints=["give a table or a pattern"])
    if labelling.table is not None:
        return labels.from_table(labelling.table, names)
    if labelling.pattern is not None:
        return labels.from_pattern(labelling.pattern, names)
    return labels.from_folders(names, subfolders(folder)) if folder else {}


def warn_of_refused(files: Sequence[Found]) -> None:
    """Logs how many of `files` are images in a format that is not read."""
    refused = [found for found in files if found.suffix in _REFUSED_SUFFIXES]
    if refused:
        _log.warning(
            "%d files are left out, only %s are read: %s", len(refused), ", ".join(SUFFIXES), suffixes_text(refused)
        )


def _place(image: Image) -> str:
    return printable(f"{image.part.path} ({image.name})" if image.part.offset else str(image.part.path))


def _other_shape(shape: tuple[int, ...], first: tuple[int, ...]) -> DataError:
    return DataError(
        "QK2112",
        f"the image becomes {shape_text(shape)}, the first one became {shape_text(first)}",
        hints=["set resize, or resize_short and crop, in the preprocessing"],
    )

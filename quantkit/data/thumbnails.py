"""Small JPEGs of a few samples, for reports."""

from __future__ import annotations

import io
from collections.abc import Collection
from typing import Any

from PIL import Image

from quantkit.core.errors import QuantkitError
from quantkit.data.images import ImageRecords

SIDE_PIXELS = 112
"""The longer side of a thumbnail; smaller images are enlarged by whole factors, so that their pixels show."""

LARGEST_BYTES = 8192
_QUALITIES = (80, 60, 40, 20)


def thumbnails(source: Any, names: Collection[str]) -> dict[str, bytes]:
    """Name → a JPEG of at most 8 KB without metadata, for those of `names` that `source` holds as image files.

    Empty where the source is of another kind; samples that cannot be read any more are left out.
    """
    records = _records(source)
    if records is None:
        return {}
    wanted, found = set(names), {}
    for image in records.images:
        if image.name in wanted:
            try:
                found[image.name] = thumbnail(records.picture(image))
            except QuantkitError:
                # The file was there when it was evaluated; a report does not fail because it has gone since.
                continue
    return found


def _records(source: Any) -> ImageRecords | None:
    """The images below whatever wraps them."""
    while source is not None and not isinstance(source, ImageRecords):
        source = getattr(source, "source", None) or getattr(source, "records", None)
    return source


def thumbnail(picture: Image.Image) -> bytes:
    """A JPEG of at most 8 KB.

    >>> len(thumbnail(Image.effect_noise((640, 480), 90.0))) <= LARGEST_BYTES
    True
    """
    small = _eight_bit_colour(picture)
    side = SIDE_PIXELS
    while True:
        sized = _fitted(small, side)
        for quality in _QUALITIES:
            stream = io.BytesIO()
            sized.save(stream, "JPEG", quality=quality, optimize=True)
            if stream.tell() <= LARGEST_BYTES:
                return stream.getvalue()
        side //= 2


def _eight_bit_colour(picture: Image.Image) -> Image.Image:
    return picture.convert("L") if picture.mode in ("1", "L", "F") else picture.convert("RGB")


def _fitted(picture: Image.Image, side: int) -> Image.Image:
    longest = max(picture.size)
    if longest * 2 <= side:
        factor = side // longest
        return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    sized = picture.copy()
    sized.thumbnail((side, side))
    return sized

"""True objects in images, from a file in COCO's format."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quantkit.comparison.truth import Named, refused
from quantkit.core.errors import DataError
from quantkit.core.files import readable
from quantkit.core.json_values import MALFORMED, decoded, entries, real, text, whole


@dataclass(frozen=True, slots=True)
class TrueObject:
    """One object: its category's id, its box as x, y, width and height in pixels, and whether it is a crowd."""

    category: int
    box: tuple[float, float, float, float]
    crowd: bool


@dataclass(frozen=True, slots=True)
class TrueImage:
    """An image, its size in pixels, and what is on it."""

    width: float
    height: float
    objects: tuple[TrueObject, ...]


@dataclass(frozen=True, slots=True)
class Annotations:
    """Every image by its file name, and the ids of the categories in ascending order."""

    images: Named[TrueImage]
    categories: tuple[int, ...]


def read(path: Path) -> Annotations:
    """Reads ``images``, ``annotations`` and ``categories``; of an object ``bbox``, ``category_id`` and ``iscrowd``.

    Raises:
        DataError: not JSON of this form; an object on no image, of no category, or with a box that is none.

    T.-Y. Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014; data format at cocodataset.org.
    """
    with readable(path):
        content = path.read_bytes()
    try:
        return _read(decoded(content), path)
    except DataError:
        raise
    except MALFORMED as reason:
        raise refused(path, f"it is not in COCO's format: {type(reason).__name__}: {reason}") from reason


def _read(document: Mapping[str, Any], path: Path) -> Annotations:
    categories = sorted({whole(entry["id"]) for entry in entries(document["categories"])})
    images = {whole(entry["id"]): entry for entry in entries(document["images"])}
    objects: dict[int, list[TrueObject]] = {number: [] for number in images}
    known = frozenset(categories)
    for entry in entries(document["annotations"]):
        found = _object(entry)
        if found.category not in known or whole(entry["image_id"]) not in images:
            raise refused(path, f"object {entry.get('id')} is of no category or on no image of the file")
        objects[entry["image_id"]].append(found)
    named = {text(entry["file_name"]): _image(entry, objects[number]) for number, entry in images.items()}
    if not categories or not named:
        raise refused(path, "it lists no image or no category")
    if len(named) < len(images):
        raise refused(path, "two images have one file_name")
    return Annotations(Named.of(named, path), tuple(categories))


def _object(entry: Mapping[str, Any]) -> TrueObject:
    x, y, width, height = (real(number) for number in entries(entry["bbox"]))
    if not all(math.isfinite(number) for number in (x, y, width, height)) or width < 0 or height < 0:
        raise ValueError(f"bbox {entry['bbox']} is no box")
    return TrueObject(whole(entry["category_id"]), (x, y, width, height), bool(whole(entry.get("iscrowd", 0))))


def _image(entry: Mapping[str, Any], objects: list[TrueObject]) -> TrueImage:
    width, height = real(entry["width"]), real(entry["height"])
    if not (0 < width < math.inf and 0 < height < math.inf):
        raise ValueError(f"image {entry['id']} is {width:g} × {height:g}")
    return TrueImage(width, height, tuple(objects))

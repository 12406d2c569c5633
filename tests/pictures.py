"""Small images and image folders, made from a seed, for the tests of everything that reads data."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from quantkit.core.arrays import Array


def pixels(seed: int, height: int = 8, width: int = 8, channels: int = 3) -> Array:
    """uint8 [height, width, channels], or [height, width] for one channel."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def packed(image: Image.Image | Array, suffix: str = ".png") -> bytes:
    """An image file's bytes."""
    whole = image if isinstance(image, Image.Image) else Image.fromarray(image)
    stream = io.BytesIO()
    whole.save(stream, {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".bmp": "BMP", ".gif": "GIF"}[suffix])
    return stream.getvalue()


def write_image(path: Path, seed: int, height: int = 8, width: int = 8) -> None:
    """An RGB image of random pixels in the format that the suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed(pixels(seed, height, width), path.suffix))


def class_folders(folder: Path, classes: int = 3, each: int = 4) -> Path:
    """`classes` folders of `each` images, all different."""
    for label in range(classes):
        for number in range(each):
            write_image(folder / f"class{label}" / f"{number}.png", seed=100 * label + number)
    return folder


def flat_folder(folder: Path, count: int = 10) -> Path:
    """`count` images, all different, called 00.png and so on."""
    for number in range(count):
        write_image(folder / f"{number:02}.png", seed=number)
    return folder


def tar_of(path: Path, members: Mapping[str, bytes]) -> Path:
    """A plain tar archive with `members`, in their order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path

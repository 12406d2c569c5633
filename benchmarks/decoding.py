"""Images a second of the image source against a plain Pillow loop, on the same files in the same run.

    python -m benchmarks.decoding [FOLDER] [--images N] [--quick]

Without a folder it makes its own images, of the size and about the weight of those of ImageNet.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import record
from quantkit.core.arrays import Floats
from quantkit.data.batches import Batches
from quantkit.data.opening import open_source
from quantkit.data.preprocessing import PRESETS
from quantkit.data.reading import Reading
from quantkit.data.selection import Selection

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
BATCH = 16
LOOP = "plain Pillow loop"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="a folder of images")
    parser.add_argument("--images", type=int, default=400, help="how many of them")
    parser.add_argument("--quick", action="store_true", help="a few images and one round; writes nothing")
    given = parser.parse_args()
    images, rounds = (BATCH, 1) if given.quick else (given.images, 5)
    with tempfile.TemporaryDirectory() as made:
        figures = measured(given.folder or make_images(Path(made), images), images, rounds)
    for name, rate in figures["images a second"].items():
        print(f"{name:24} {rate['median']:7.0f} images/s   ({rate['min']:.0f} to {rate['max']:.0f})", flush=True)
    if not given.quick:
        print(record.save("decoding", figures, images=images, batch=BATCH, rounds=rounds))


def make_images(folder: Path, count: int) -> Path:
    """`count` JPEG files of 256x256: coarse noise, enlarged, which packs about as well as a photograph."""
    draws = np.random.default_rng(0)
    for number in range(count):
        coarse = Image.fromarray(draws.integers(0, 256, (64, 64, 3), np.uint8))
        coarse.resize((256, 256), Image.Resampling.BICUBIC).save(folder / f"{number:04}.jpg", quality=90)
    return folder


def measured(folder: Path, images: int, rounds: int) -> dict[str, Any]:
    """Every contender in turn, so that a busy moment of the machine hits all of them."""
    sources = {f"image source, {n} worker{'s'[: n > 1]}": source(folder, images, workers=n) for n in (1, 2)}
    chosen = next(iter(sources.values()))
    paths = [folder / chosen.records.names[position] for position in chosen.positions]
    works = {LOOP: partial(plain, paths), **{name: partial(drained, batches) for name, batches in sources.items()}}
    taken = record.interleaved(works, rounds=rounds)
    return {
        "images a second": {name: record.spread([len(paths) / s for s in seconds]) for name, seconds in taken.items()},
        "times as fast as the loop": {name: record.ratios(taken[LOOP], taken[name]) for name in sources},
    }


def plain(paths: Sequence[Path]) -> None:
    """What most scripts do: open, resize, crop, convert, normalise, transpose, stack."""
    for begin in range(0, len(paths), BATCH):
        np.stack([plain_image(path) for path in paths[begin : begin + BATCH]])


def plain_image(path: Path) -> Floats:
    """One image as float32 [3, 224, 224], normalised for ImageNet."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    ratio = 256 / min(image.size)
    image = image.resize((round(image.width * ratio), round(image.height * ratio)), Image.Resampling.BILINEAR)
    left, top = (image.width - 224) // 2, (image.height - 224) // 2
    pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32) / np.float32(255)
    normalised: Floats = np.transpose((pixels - MEAN) / STD, (2, 0, 1))
    return normalised


def source(folder: Path, images: int, *, workers: int) -> Batches:
    """The same through the image source, with digests and checks."""
    return open_source(
        folder,
        preprocessing=PRESETS["imagenet"],
        selection=Selection(max_samples=images),
        reading=Reading(batch_size=BATCH, workers=workers),
    )


def drained(batches: Batches) -> None:
    """One pass, of which nothing is kept."""
    for _ in batches:
        pass


if __name__ == "__main__":
    main()

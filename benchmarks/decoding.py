"""Images a second of the image source against a plain Pillow loop, on the same files in the same run.

python benchmarks/decoding.py [FOLDER] [--images 400] [--repeats 5] [--output benchmarks/results/decoding.json]

Without a folder it makes its own images, of the size and about the weight of those of ImageNet.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

from quantkit.core.arrays import Floats
from quantkit.data.opening import open_source
from quantkit.data.preprocessing import PRESETS
from quantkit.data.reading import Reading, available_processors
from quantkit.data.selection import Selection

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
BATCH = 16


@dataclass(frozen=True, slots=True)
class Rate:
    """Images a second: median, slowest and fastest of the repeats."""

    median: float
    slowest: float
    fastest: float


def main() -> int:
    """Measure, print, and write where asked."""
    arguments = parsed_arguments()
    with tempfile.TemporaryDirectory() as made:
        folder = arguments.folder or make_images(Path(made), arguments.images)
        rates = measured(folder, arguments.images, arguments.repeats)
    for name, rate in rates.items():
        print(f"{name:24} {rate.median:7.0f} images/s   ({rate.slowest:.0f} to {rate.fastest:.0f})")
    if arguments.output:
        arguments.output.write_text(json.dumps(report(rates, arguments.images, arguments.repeats), indent=1) + "\n")
    return 0


def parsed_arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description="Images a second of the image source against a plain Pillow loop.")
    parser.add_argument("folder", type=Path, nargs="?", help="a folder of JPEG images")
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def make_images(folder: Path, count: int) -> Path:
    """`count` JPEG files of 256x256: coarse noise, enlarged, which packs about as well as a photograph."""
    draws = np.random.default_rng(0)
    for number in range(count):
        coarse = Image.fromarray(draws.integers(0, 256, (64, 64, 3), np.uint8))
        coarse.resize((256, 256), Image.Resampling.BICUBIC).save(folder / f"{number:04}.jpg", quality=90)
    return folder


def measured(folder: Path, images: int, repeats: int) -> dict[str, Rate]:
    """Every contender in turn, `repeats` times, so that a busy moment of the machine hits all of them."""
    paths = sorted(folder.rglob("*.jpg"))[:images]
    contenders: dict[str, Callable[[], int]] = {
        "plain Pillow loop": lambda: plain(paths),
        "image source, 1 worker": lambda: source(folder, images, workers=1),
        "image source, 2 workers": lambda: source(folder, images, workers=2),
    }
    seen: dict[str, list[float]] = {name: [] for name in contenders}
    for _, (name, run) in itertools.product(range(repeats), contenders.items()):
        begin = time.perf_counter()
        count = run()
        seen[name].append(count / (time.perf_counter() - begin))
    return {name: Rate(statistics.median(rates), min(rates), max(rates)) for name, rates in seen.items()}


def plain(paths: list[Path]) -> int:
    """What most scripts do: open, resize, crop, convert, normalise, transpose, stack."""
    count = 0
    for begin in range(0, len(paths), BATCH):
        batch = np.stack([plain_image(path) for path in paths[begin : begin + BATCH]])
        count += len(batch)
    return count


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


def source(folder: Path, images: int, *, workers: int) -> int:
    """The same through the image source, with digests and checks."""
    batches = open_source(
        folder,
        preprocessing=PRESETS["imagenet"],
        selection=Selection(max_samples=images),
        reading=Reading(batch_size=BATCH, workers=workers),
    )
    return sum(len(samples) for samples in batches)


def report(rates: dict[str, Rate], images: int, repeats: int) -> dict[str, object]:
    """The rates with what they were measured on."""
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "machine": {"processors": available_processors(), "architecture": platform.machine()},
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "pillow": PIL.__version__},
        "images": images,
        "repeats": repeats,
        "images_per_second": {name: [rate.median, rate.slowest, rate.fastest] for name, rate in rates.items()},
    }


if __name__ == "__main__":
    raise SystemExit(main())

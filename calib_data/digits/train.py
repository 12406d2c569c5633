"""Train the digit network on the part of the scans that is not stored, export it and record its accuracy.

python calib_data/digits/train.py        (needs the extras digits and cpu; half a minute on one core)
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import PIL
import sklearn
import torch
from network import DigitNetwork, onnx_model
from numpy.typing import NDArray
from PIL import Image
from scans import split
from torch.nn import functional

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).resolve().parent
SEED = 1
EPOCHS = 30
BATCH_SIZE = 32
PEAK_LEARNING_RATE = 0.03  # high enough to leave weights and activations with long tails
LARGEST_TURN = math.radians(12)
LARGEST_SHIFT = 0.12  # of half the image's side
LARGEST_STRETCH = 0.12


def main() -> None:
    """Write model.onnx and model.json next to this file."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    train = split().train
    network = trained(model_input(scan.pixels for scan in train), np.array([scan.digit for scan in train]))
    onnx.save(onnx_model(network), str(FOLDER / "model.onnx"))
    record = {"train_images": len(train), **measured(FOLDER / "model.onnx"), **origin()}
    (FOLDER / "model.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(f"top-1 {record['top1']:.4f} ({record['correct']} of {record['images']})")


def model_input(images: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Scans, each uint8 (8, 8), as preprocess.toml prepares them: float32 (N, 1, 32, 32)."""
    record = tomllib.loads((FOLDER / "preprocess.toml").read_text(encoding="utf-8"))
    height, width = record["resize"]
    resampling = Image.Resampling[record["interpolation"].upper()]
    resized = [Image.fromarray(image).resize((width, height), resampling) for image in images]
    values = np.stack([np.asarray(image) for image in resized])[:, np.newaxis].astype(np.float32) * np.float32(
        record["scale"]
    )
    return (values - np.float32(record["mean"][0])) / np.float32(record["std"][0])


def trained(images: NDArray[np.float32], digits: NDArray[np.int64]) -> DigitNetwork:
    """A network after a fixed number of epochs: the stored parts decide nothing, not even when to stop."""
    torch.manual_seed(SEED)
    network = DigitNetwork()
    inputs, targets = torch.from_numpy(images), torch.from_numpy(digits)
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK_LEARNING_RATE)
    steps = EPOCHS * (len(inputs) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_LEARNING_RATE, total_steps=steps)
    for chosen in batches(len(inputs)):
        optimizer.zero_grad()
        functional.cross_entropy(network(distorted(inputs[chosen])), targets[chosen]).backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def batches(count: int) -> Iterator[torch.Tensor]:
    """Indices of every batch of every epoch; an epoch's last, smaller batch is left out."""
    for _ in range(EPOCHS):
        order = torch.randperm(count)
        yield from order[: count - count % BATCH_SIZE].split(BATCH_SIZE)


def distorted(images: torch.Tensor) -> torch.Tensor:
    """The images, each turned, stretched and shifted a little at random, on the same background."""
    count = len(images)
    turn = LARGEST_TURN * (2 * torch.rand(count) - 1)
    stretch = 1 + LARGEST_STRETCH * (2 * torch.rand(count, 2, 1) - 1)
    shift = LARGEST_SHIFT * (2 * torch.rand(count, 2, 1) - 1)
    rows = torch.stack([turn.cos(), -turn.sin(), turn.sin(), turn.cos()], dim=1).reshape(count, 2, 2)
    grid = functional.affine_grid(torch.cat([stretch * rows, shift], dim=2), list(images.shape), align_corners=False)
    background = images.min()
    return functional.grid_sample(images - background, grid, align_corners=False) + background


def measured(model: Path) -> dict[str, object]:
    """Accuracy of the model on the stored evaluation images, as ONNX Runtime computes it."""
    paths = sorted((FOLDER / "eval").glob("*/*.png"))
    images = model_input(np.asarray(Image.open(path)) for path in paths)
    digits = np.array([int(path.parent.name) for path in paths])
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"image": images})
    correct = int(np.sum(logits.argmax(axis=1) == digits))
    second, first = np.sort(logits, axis=1)[:, -2:].T
    return {
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "images": len(paths),
        "correct": correct,
        "top1": correct / len(paths),
        "smallest_margin": round(float((first - second).min()), 6),
    }


def origin() -> dict[str, object]:
    """The seed and the versions behind the stored model."""
    return {
        "seed": SEED,
        "epochs": EPOCHS,
        "versions": {
            "numpy": np.__version__,
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
            "pillow": PIL.__version__,
            "scikit-learn": sklearn.__version__,
            "torch": torch.__version__,
        },
    }


if __name__ == "__main__":
    main()

"""The real networks and their data that benchmarks and heavy tests run on; none of it belongs to the project."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from quantkit.core.arrays import Array, Counts
from quantkit.core.ports import BatchSource
from quantkit.data.arrays import from_arrays
from quantkit.data.opening import open_source
from quantkit.data.preprocessing import PRESETS, Preprocessing
from quantkit.data.reading import Labelling, Reading
from quantkit.data.selection import Selection

ROOT = Path(os.environ.get("QUANTKIT_MATERIAL", Path(__file__).resolve().parents[2] / "shared" / "material"))
BATCH = 8

ONES = (1.0, 1.0, 1.0)
TORCH = PRESETS["imagenet"]
TENSORFLOW = replace(TORCH, scale=1 / 127.5, mean=ONES, std=ONES)
ULTRAFACE = replace(PRESETS["none"], resize=(240, 320), scale=1 / 128, mean=(127 / 128,) * 3, std=ONES)
MOBILEFACENET = replace(PRESETS["none"], scale=1 / 128, mean=(127.5 / 128,) * 3, std=ONES)
YUNET = replace(PRESETS["none"], color="bgr", resize=(256, 256))


@dataclass(frozen=True)
class Case:
    """A network, what it is calibrated on, and what it is evaluated on."""

    name: str
    file: str
    sources: Callable[[], tuple[BatchSource, BatchSource]]
    upgrade_opset: bool = False

    @property
    def model(self) -> Path:
        return ROOT / "models" / self.file

    @cached_property
    def data(self) -> tuple[BatchSource, BatchSource]:
        return self.sources()


def imagenet(declared: Preprocessing, *, calibrate_on: int, offset: int = 0) -> tuple[BatchSource, BatchSource]:
    """Photographs of the training part, and validation images."""
    labelling = Labelling(pattern=r"^(?P<label>\d+)_")

    def folder(name: str, most: int | None) -> BatchSource:
        return open_source(
            ROOT / "imagenet" / name,
            preprocessing=declared,
            labelling=labelling,
            selection=Selection(max_samples=most),
            reading=Reading(batch_size=BATCH, label_offset=offset),
        )

    return folder("calib", calibrate_on), folder("val", None)


def cifar10(*, calibrate_on: int) -> tuple[BatchSource, BatchSource]:
    """JPEG copies of the test images; the first of each class calibrate."""
    from PIL import Image

    mean, std = (np.array(values, np.float32) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with TemporaryDirectory() as folder, zipfile.ZipFile(ROOT / "cifar10" / "test.zip") as archive:
        archive.extractall(folder)
        files = sorted(Path(folder).rglob("*.jpg"), key=lambda file: (file.name, file.parent.name))
        classes = sorted({file.parent.name for file in files})
        pixels = np.stack([np.asarray(Image.open(file), np.float32) for file in files])
        labels = np.array([classes.index(file.parent.name) for file in files])
    images = ((pixels / 255 - mean) / std).transpose(0, 3, 1, 2)
    return parted(images, labels, calibrate_on=calibrate_on)


def keywords(*, calibrate_on: int) -> tuple[BatchSource, BatchSource]:
    """MFCCs of spoken commands."""
    with np.load(ROOT / "kws" / "mfcc.npz") as arrays:
        mixed = np.random.default_rng(0).permutation(len(arrays["label"]))
        return parted(arrays["mfcc"][mixed].astype(np.float32), arrays["label"][mixed], calibrate_on=calibrate_on)


def parted(inputs: Array, labels: Array, *, calibrate_on: int) -> tuple[BatchSource, BatchSource]:
    def source(part: slice) -> BatchSource:
        known: Counts = labels[part].astype(np.int64)
        return from_arrays(np.ascontiguousarray(inputs[part]), known, reading=Reading(batch_size=BATCH))

    return source(slice(calibrate_on)), source(slice(calibrate_on, None))


def faces(
    folder: str, declared: Preprocessing, *, calibrate_on: int, batch: int = BATCH
) -> tuple[BatchSource, BatchSource]:
    """Faces without labels: one share calibrates, the rest is compared."""
    whole = open_source(ROOT / "faces" / folder, preprocessing=declared, reading=Reading(batch_size=1))
    samples = list(whole)
    images = np.concatenate([next(iter(sample.inputs.values())) for sample in samples])
    reading = Reading(batch_size=batch)
    return from_arrays(images[:calibrate_on], reading=reading), from_arrays(images[calibrate_on:], reading=reading)


CASES = (
    Case(
        "squeezenet1.1",
        "imagenet/squeezenet1.1_imagenet.onnx",
        lambda: imagenet(TORCH, calibrate_on=64),
    ),
    Case(
        "mobilenet_v2",
        "imagenet/mobilenet_v2_1.0_224_imagenet.onnx",
        lambda: imagenet(TENSORFLOW, calibrate_on=64, offset=1),
    ),
    Case("resnet20", "cifar10/resnet20_cifar10.onnx", lambda: cifar10(calibrate_on=256)),
    Case("kwt1", "kws/kwt1_mfcc_op17.onnx", lambda: keywords(calibrate_on=200)),
    Case(
        "mobilefacenet",
        "face/mobilefacenet_casia_112x96.onnx",
        lambda: faces("aligned", MOBILEFACENET, calibrate_on=200),
    ),
    Case(
        "ultraface_rfb320",
        "face/ultraface_version-RFB-320.onnx",
        lambda: faces("raw250", ULTRAFACE, calibrate_on=64, batch=1),
        upgrade_opset=True,
    ),
    Case(
        "ultraface_slim320",
        "face/ultraface_version-slim-320_simplified.onnx",
        lambda: faces("raw250", ULTRAFACE, calibrate_on=64, batch=1),
        upgrade_opset=True,
    ),
    Case(
        "yunet",
        "face/yunet_n_dynamic.onnx",
        lambda: faces("raw250", YUNET, calibrate_on=64),
        upgrade_opset=True,
    ),
)

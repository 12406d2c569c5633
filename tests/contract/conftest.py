"""A workplace with files of the names that the command line's documentation uses."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.command_line import Ran, ran
from tests.onnx_models import random, saved, written
from tests.pictures import write_image

CLASSES, EACH = 3, 4


def ended(line: str) -> Ran:
    """A command line without its program, run in this process and in the current folder."""
    return ran(*line.split())


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``resnet50.onnx``, a network that takes what that one takes; ``calib/`` and ``val/`` with ``val.csv``."""
    folder = tmp_path_factory.mktemp("inputs")
    network = written(
        """network (float[N, 3, 224, 224] image) => (float[N, 3] scores) {
             features = Conv <kernel_shape = [8, 8], strides = [8, 8]> (image, weight)
             active = Relu (features)
             pooled = GlobalAveragePool (active)
             flat = Flatten (pooled)
             scores = Gemm (flat, head)
           }""",
        weight=random(4, 3, 8, 8),
        head=random(4, CLASSES, seed=1),
    )
    saved(network, folder).rename(folder / "resnet50.onnx")
    labels = []
    for number in range(CLASSES * EACH):
        write_image(folder / "calib" / f"{number:02}.png", seed=number, height=64, width=64)
        write_image(folder / "val" / f"{number:02}.png", seed=100 + number, height=64, width=64)
        labels.append([f"{number:02}.png", number % CLASSES])
    with (folder / "val.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["file", "label"], *labels])
    return folder


@pytest.fixture
def workplace(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with the inputs in it, and no settings from outside."""
    for path in inputs.iterdir():
        (tmp_path / path.name).symlink_to(path)
    for name in ("QUANTKIT_DEBUG", "QUANTKIT_FORMAT", "NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def judged(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with ``resnet50.qcal.json``, ``resnet50.int8.onnx`` and ``run.json``, for tests that read them."""
    folder = tmp_path_factory.mktemp("judged")
    for path in inputs.iterdir():
        (folder / path.name).symlink_to(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in (
            "calibrate resnet50.onnx --data calib/ --preprocess imagenet --until thresholds -o resnet50.qcal.json",
            "quantize resnet50.onnx --calib resnet50.qcal.json -o resnet50.int8.onnx",
            "compare resnet50.onnx resnet50.int8.onnx --data val/ --labels val.csv --no-latency -o run.json",
        ):
            result = ended(line)
            assert result.exit_code == 0, result.notes
    return folder

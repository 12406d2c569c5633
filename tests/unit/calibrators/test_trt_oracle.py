"""Thresholds against the calibration caches that TensorRT 8.5.3 wrote from the same images."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from quantkit.calibrators._judgement import described
from quantkit.calibrators.entropy import EntropyCalibrator
from quantkit.calibrators.max import MaxCalibrator
from quantkit.core.arrays import Floats
from quantkit.core.histogram import Histogram
from quantkit.core.tally import Tally

BATCH = 32
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)

pytestmark = pytest.mark.material


def cached(path: Path) -> dict[str, float]:
    """Tensor → largest magnitude that TensorRT's scale keeps."""
    lines = [line.rpartition(": ") for line in path.read_text().splitlines()[1:] if line]
    return {name: struct.unpack(">f", bytes.fromhex(bits.zfill(8)))[0] * 127 for name, _, bits in lines}


def batch_of(paths: list[Path]) -> Floats:
    """float32[n, 3, 224, 224] as TensorRT saw them."""
    images = np.stack([np.asarray(Image.open(path).convert("RGB"), np.float32) for path in paths])
    return np.ascontiguousarray((((images / 255) - MEAN) / STD).transpose(0, 3, 1, 2), np.float32)


@pytest.fixture(scope="module")
def oracle(material: Path) -> Path:
    """The images and the caches."""
    return material / "oracle"


@pytest.fixture(scope="module")
def histograms(material: Path, oracle: Path) -> dict[str, Histogram]:
    """Every tensor that TensorRT calibrated, counted over the same 256 images."""
    model = onnx.load(material / "models" / "imagenet" / "squeezenet1.1_imagenet.onnx")
    names = list(cached(oracle / "IInt8EntropyCalibrator2.cache"))
    source = model.graph.input[0].name
    inner = [name for name in names if name != source]
    shown = {output.name for output in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in inner if name not in shown)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    tallies = {name: Tally() for name in names}
    paths = sorted((oracle / "images").iterdir())
    for start in range(0, len(paths), BATCH):
        images = batch_of(paths[start : start + BATCH])
        for name, values in zip([source, *inner], [images, *session.run(inner, {source: images})], strict=True):
            tallies[name].fold(values)
    return {name: tally.histogram() for name, tally in tallies.items()}


def test_max_is_what_tensorrt_found(histograms: dict[str, Histogram], oracle: Path) -> None:
    theirs = cached(oracle / "IInt8MinMaxCalibrator.cache")
    ours = {name: float(MaxCalibrator().threshold(seen).limit) for name, seen in histograms.items()}
    # Another runtime's sums differ in their last bits, and the cache holds a float32 of the 127th part.
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_entropy_thresholds_differ_from_tensorrt_by_less_than_two_and_a_half_percent(
    histograms: dict[str, Histogram], oracle: Path
) -> None:
    theirs = cached(oracle / "IInt8EntropyCalibrator2.cache")
    shares = np.array(
        [
            (EntropyCalibrator().threshold(seen).limit, theirs[name]) / np.float64(seen.limit)
            for name, seen in histograms.items()
        ]
    )
    # What is left is TensorRT's own dependence on the order of batches: its first one fixes its grid.
    assert np.abs(shares[:, 0] - shares[:, 1]).mean() < 0.025
    assert np.corrcoef(shares.T)[0, 1] > 0.9


def test_entropy_over_clips_hardly_any_tensor_of_a_plain_network(histograms: dict[str, Histogram]) -> None:
    rule = EntropyCalibrator()
    judged = [described(seen, rule.threshold(seen), "entropy") for seen in histograms.values()]
    assert sum("over-clipped" in tensor.notes for tensor in judged) <= 0.05 * len(judged)
    assert not any("dominated" in tensor.notes for tensor in judged)

"""The embedded calibration data: as recorded, disjoint, and as accurate as its record says."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from quantkit.core import toml

CALIB_DATA = Path(__file__).resolve().parents[2] / "calib_data"
DIGITS = CALIB_DATA / "digits"


def check(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "make.py"), "--check"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def image_paths(part: str) -> list[Path]:
    return sorted((DIGITS / part).glob("*/*.png"))


def model_input(paths: list[Path]) -> NDArray[np.float32]:
    """Images as preprocess.toml prepares them, float32 (N, 1, height, width), in plain Pillow and NumPy."""
    record = toml.parsed((DIGITS / "preprocess.toml").read_bytes())
    assert (record["color"], record["layout"]) == ("gray", "nchw")
    height, width = record["resize"]
    resampling = Image.Resampling[record["interpolation"].upper()]
    resized = [Image.open(path).convert("L").resize((width, height), resampling) for path in paths]
    scaled = np.stack([np.asarray(image) for image in resized])[:, np.newaxis].astype(np.float32) * np.float32(
        record["scale"]
    )
    normalized = (scaled - np.float32(record["mean"][0])) / np.float32(record["std"][0])
    return np.asarray(normalized, dtype=np.float32)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CALIB_DATA, tmp_path / "calib_data"))


def test_every_stored_file_is_as_recorded() -> None:
    outcome = check(CALIB_DATA)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_a_changed_file_is_named(copy: Path) -> None:
    model = copy / "digits" / "model.onnx"
    content = bytearray(model.read_bytes())
    content[-1] ^= 1
    model.write_bytes(content)
    outcome = check(copy)
    assert outcome.returncode == 1
    assert "differs: digits/model.onnx\n" in outcome.stdout


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "digits" / "preprocess.toml").unlink()
    outcome = check(copy)
    assert outcome.returncode == 1
    assert "missing: digits/preprocess.toml\n" in outcome.stdout


def test_an_unexpected_file_is_named(copy: Path) -> None:
    (copy / "digits" / "calib" / "0" / "stray.png").write_bytes(b"")
    outcome = check(copy)
    assert outcome.returncode == 1
    assert "unexpected: digits/calib/0/stray.png\n" in outcome.stdout


def test_without_the_record_every_file_is_unexpected(copy: Path) -> None:
    (copy / "SHA256SUMS").unlink()
    outcome = check(copy)
    assert outcome.returncode == 1
    assert "unexpected: digits/model.onnx\n" in outcome.stdout


def test_no_image_occurs_twice_within_or_across_the_parts() -> None:
    paths = image_paths("calib") + image_paths("eval")
    pixels = [np.asarray(Image.open(path)).tobytes() for path in paths]
    assert len(set(pixels)) == len(pixels)


@pytest.mark.parametrize(("part", "count"), [("calib", 256), ("eval", 900)])
def test_each_part_has_every_class(part: str, count: int) -> None:
    paths = image_paths(part)
    assert len(paths) == count
    assert {path.parent.name for path in paths} == set("0123456789")


def test_every_image_is_an_8x8_grey_scan() -> None:
    for path in image_paths("calib") + image_paths("eval"):
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("L", (8, 8)), path


def test_the_images_are_those_of_scikit_learn() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    bundle = datasets.load_digits()
    for path in image_paths("calib") + image_paths("eval"):
        levels = np.rint(bundle.images[int(path.stem)] * (255 / 16))  # 16 is the brightest of the 17 levels
        np.testing.assert_array_equal(np.asarray(Image.open(path)), levels)
        assert int(path.parent.name) == bundle.target[int(path.stem)]


def test_the_recorded_accuracy_reproduces() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    record = json.loads((DIGITS / "model.json").read_text(encoding="utf-8"))
    paths = image_paths("eval")
    session = onnxruntime.InferenceSession(str(DIGITS / "model.onnx"), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"image": model_input(paths)})
    correct = sum(int(path.parent.name) == row.argmax() for path, row in zip(paths, logits, strict=True))
    # Kernels that sum in another order move logits by some 1e-5, the closest call is hundreds of times that:
    # no tolerance is needed.
    assert record["smallest_margin"] > 1e-3
    assert (correct, len(paths)) == (record["correct"], record["images"])
    assert record["top1"] == correct / len(paths)


def test_the_record_describes_the_stored_model() -> None:
    record = json.loads((DIGITS / "model.json").read_text(encoding="utf-8"))
    assert record["sha256"] == hashlib.sha256((DIGITS / "model.onnx").read_bytes()).hexdigest()


def test_the_model_has_what_quantization_must_handle() -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(DIGITS / "model.onnx"))
    kinds = {node.op_type for node in model.graph.node}
    assert {"Add", "BatchNormalization", "Clip", "Concat", "Conv", "Gemm", "GlobalAveragePool"} <= kinds
    assert {"MaxPool", "Relu"} <= kinds
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"

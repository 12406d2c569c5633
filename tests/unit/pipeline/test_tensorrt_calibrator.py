"""TensorRT's calibrators take whatever `collect` takes, and leave caches that tell where they come from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import quantkit
from quantkit.core import trt_cache_file
from quantkit.core.errors import DataError, SetupError, UsageError
from tests.unit.backends.tensorrt import fakes
from tests.unit.backends.tensorrt.small_models import images, network, serialized

IMAGES = images(20)
BATCHES = np.split(IMAGES, [7, 14])


@pytest.fixture(autouse=True)
def stand_in() -> Iterator[None]:
    with fakes.installed():
        yield


def on_disk(folder: Path, batch: int | str = "N") -> Path:
    path = folder / "net.onnx"
    onnx.save_model(network(batch), path)
    return path


def built(scales: Any, batch: int | str = "N") -> Any:
    from quantkit.backends.tensorrt import TensorRtBackend
    from quantkit.backends.tensorrt.options import BuildOptions

    TensorRtBackend(options=BuildOptions(batch=8)).plan(serialized(network(batch)), scales)
    return scales


@pytest.mark.parametrize(
    "data",
    [
        IMAGES,
        {"x": IMAGES},
        [{"x": values} for values in BATCHES],
        BATCHES,
        [(values, np.zeros(len(values), np.int64)) for values in BATCHES],
        [{"x": image} for image in IMAGES],
        lambda: iter(BATCHES),
    ],
    ids=["array", "dict", "list of dicts", "list of arrays", "pairs with labels", "single samples", "function"],
)
def test_any_data_is_calibrated_on_to_its_end(data: Any, tmp_path: Path) -> None:
    scales = built(quantkit.tensorrt_calibrator(on_disk(tmp_path), data))
    assert (scales.facts["samples"], scales.facts["batches"], scales.facts["repeated"]) == (20, 3, 4)


def test_a_generator_is_enough_as_calibration_goes_through_it_once(tmp_path: Path) -> None:
    scales = built(quantkit.tensorrt_calibrator(on_disk(tmp_path), ({"x": values} for values in BATCHES), "max"))
    assert (scales.facts["samples"], scales.facts["algorithm"]) == (20, "max")


def test_a_network_of_a_fixed_batch_is_calibrated_on_every_sample(tmp_path: Path) -> None:
    """The last, short batch is filled up, not left out."""
    scales = built(quantkit.tensorrt_calibrator(on_disk(tmp_path, 8), IMAGES), 8)
    assert (scales.facts["samples"], scales.facts["batches"], scales.facts["repeated"]) == (20, 3, 4)


def test_data_is_held_to_the_model(tmp_path: Path) -> None:
    spoilt = IMAGES.copy()
    spoilt[9, 0, 1, 1] = np.nan
    with pytest.raises(DataError, match=r"QK2105(.|\n)*9"):
        built(quantkit.tensorrt_calibrator(on_disk(tmp_path), [{"x": spoilt}]))
    with pytest.raises(DataError, match=r"QK2102.*4 samples are too few"):
        built(quantkit.tensorrt_calibrator(on_disk(tmp_path), [IMAGES[:4]]))
    assert built(quantkit.tensorrt_calibrator(on_disk(tmp_path), [IMAGES[:4]], allow_few=True)).cache


def test_a_saved_cache_belongs_to_the_model_and_knows_its_samples(tmp_path: Path) -> None:
    path = on_disk(tmp_path)
    scales = built(quantkit.tensorrt_calibrator(path, BATCHES))
    scales.save(tmp_path / "net.cache")
    stored = trt_cache_file.load(tmp_path / "net.cache")
    assert (tmp_path / "net.cache").read_bytes() == scales.cache
    origin = stored.origin_for(quantkit.load_model(path).digest, "{}")
    assert (origin.rule, origin.tensorrt) == ("tensorrt entropy", "8.5.3.1")
    assert (origin.provenance.samples, origin.provenance.environment["device"]) == (20, "Imaginary GPU")
    collected = quantkit.collect(path, BATCHES)
    own = quantkit.calibrate_ranges(collected, "max").provenance
    assert (origin.provenance.samples_digest, origin.provenance.sample_hashes) == (
        own.samples_digest,
        own.sample_hashes,
    )


def test_an_unknown_algorithm_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"QK1096.*algorithm is 'entropy2'"):
        quantkit.tensorrt_calibrator(on_disk(tmp_path), IMAGES, "entropy2")  # type: ignore[arg-type]


def test_without_tensorrt_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "quantkit.backends.tensorrt.calibrators", raising=False)
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(SetupError, match=r"QK4001(.|\n)*pip install"):
        quantkit.tensorrt_calibrator("net.onnx", IMAGES)

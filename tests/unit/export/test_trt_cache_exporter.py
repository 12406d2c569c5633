"""From a calibration to a cache and its sidecar, through the exporter's port."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from quantkit.core import plugins
from quantkit.core.calibration import Calibration, Provenance, TensorCalibration
from quantkit.core.errors import ArtifactError, UsageError
from quantkit.core.ports import Exporter
from quantkit.core.ranges import Range
from quantkit.core.trt_cache_file import load, sidecar
from quantkit.export.trt_cache import TrtCacheExporter
from quantkit.graph.model import Model, from_proto
from quantkit.graph.prepare import prepared
from tests.onnx_models import random, written


@pytest.fixture(scope="module")
def model() -> Model:
    graph = """g (float[N, 3, 8, 8] x) => (float[N, 2, 4, 4] y) {
        c = Conv <pads = [1, 1, 1, 1]> (x, w)
        r = Relu(c)
        p = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r)
        y = Conv (p, v) }"""
    return prepared(from_proto(written(graph, w=random(4, 3, 3, 3), v=random(2, 4, 1, 1))))


def calibrated(model: Model, **limits: float) -> Calibration:
    ranges = {name: Range.symmetric(limit) for name, limit in limits.items()}
    return Calibration(
        "mse",
        symmetric=True,
        tensors={name: TensorCalibration(r, observed=r, rule="mse") for name, r in ranges.items()},
        provenance=Provenance(model.digest, 64, "d" * 64, '{"color":"rgb"}', {"isa": "avx2"}),
    )


def test_the_plug_in_writes_a_cache_that_knows_where_it_comes_from(model: Model, tmp_path: Path) -> None:
    exporter: Exporter[Model] = plugins.load("quantkit.export", "trt-cache")()
    calibration = calibrated(model, x=127.0, r=254.0, y=63.5)
    written = exporter.write(model, calibration, tmp_path / "net.cache")
    found = load(written.path)
    assert found.digest == written.digest
    assert found.origin_for(model.digest, '{"color":"rgb"}').provenance == calibration.provenance
    assert found.origin is not None
    assert (found.origin.rule, found.origin.tensorrt) == ("mse", None)


def test_scales_stand_in_graph_order_with_those_that_follow(model: Model, tmp_path: Path) -> None:
    written = TrtCacheExporter().write(model, calibrated(model, y=63.5, r=254.0, x=127.0), tmp_path / "net.cache")
    assert load(written.path).cache.scales == {
        name: np.float32(s) for name, s in zip("xcrpy", [1, 2, 2, 2, 0.5], strict=True)
    }
    assert list(load(written.path).cache.scales) == list("xcrpy")
    assert written.facts["following"] == 2


def test_the_first_line_is_for_the_version_and_calibrator_that_is_to_read_it(model: Model, tmp_path: Path) -> None:
    exporter = TrtCacheExporter("10.3.0", "MinMaxCalibration")
    written = exporter.write(model, calibrated(model, x=1.0), tmp_path / "net.cache")
    assert written.path.read_bytes().startswith(b"TRT-100300-MinMaxCalibration\n")
    assert TrtCacheExporter().write(model, calibrated(model, x=1.0), tmp_path / "net.cache").facts["header"] == (
        "TRT-8503-EntropyCalibration2"
    )
    with pytest.raises(UsageError, match=r"'11\.0\.0' is no version of TensorRT that reads"):
        TrtCacheExporter("11.0.0").write(model, calibrated(model, x=1.0), tmp_path / "net.cache")


def test_equal_calibrations_are_equal_bytes(model: Model, tmp_path: Path) -> None:
    first = TrtCacheExporter().write(model, calibrated(model, x=1.0, r=2.0), tmp_path / "a.cache")
    second = TrtCacheExporter().write(model, calibrated(model, r=2.0, x=1.0), tmp_path / "b.cache")
    assert first.digest == second.digest


def test_tensors_that_were_always_zero_are_named(
    model: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        written = TrtCacheExporter().write(model, calibrated(model, x=1.0, y=0.0), tmp_path / "net.cache")
    assert written.facts["constant"] == ["y"]
    assert "always 0, and so with scale 1 (1): y" in caplog.text


def test_a_calibration_of_another_model_is_refused_and_nothing_is_written(model: Model, tmp_path: Path) -> None:
    other = from_proto(written("g (float[2] x) => (float[2] y) { y = Relu(x) }"))
    with pytest.raises(ArtifactError, match="the calibration belongs to another model"):
        TrtCacheExporter().write(other, calibrated(model, x=1.0), tmp_path / "net.cache")
    assert not list(tmp_path.iterdir())
    assert not sidecar(tmp_path / "net.cache").exists()

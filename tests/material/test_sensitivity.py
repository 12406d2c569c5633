"""The layers that are said to cost most of a real network's accuracy do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import quantkit
from quantkit.core.sensitivity import SQNR, Sensitivity
from quantkit.data.selection import Selection
from quantkit.graph.codes.weights import QuantizedConstant
from quantkit.graph.quantized_layers import LayeredPlacement

pytestmark = pytest.mark.slow_material

HOW = quantkit.Sensing(samples=8, stopwatch=None)


@pytest.fixture(scope="module")
def network(material: Path) -> quantkit.Model:
    return quantkit.load_model(material / "models" / "imagenet" / "squeezenet1.1_imagenet.onnx")


@pytest.fixture(scope="module")
def ranges(network: quantkit.Model, material: Path) -> quantkit.Calibration:
    calib = quantkit.open_source(
        material / "imagenet" / "calib", preprocessing="imagenet", selection=Selection(max_samples=64)
    )
    return quantkit.calibrate_ranges(quantkit.collect(network, calib), "mse")


def measured(
    network: quantkit.Model, ranges: quantkit.Calibration, material: Path, how: quantkit.Sensing = HOW
) -> Sensitivity:
    images = quantkit.open_source(
        material / "imagenet" / "val", preprocessing="imagenet", selection=Selection(max_samples=8)
    )
    return quantkit.sensitivity(network, ranges, images, how=how)


def test_a_third_of_the_layers_makes_most_of_the_noise(
    network: quantkit.Model, ranges: quantkit.Calibration, material: Path
) -> None:
    found = measured(network, ranges, material)
    noise = []
    for point in found.points:
        summary = point.metric(SQNR)
        assert summary is not None
        noise.append(10 ** (-summary.candidate / 10))
    assert [len(point.left_out) for point in found.points] == [0, 1, 2, 4, 8]
    assert noise[-1] < 0.5 * noise[0]
    assert all(point.integer < found.points[0].integer for point in found.points[1:])


def test_one_spoiled_weight_is_found_among_all(
    network: quantkit.Model, ranges: quantkit.Calibration, material: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = LayeredPlacement.codes
    spoiled = "conv14"

    def codes(self: LayeredPlacement, *args: Any, **options: Any) -> Any:
        found = honest(self, *args, **options)
        position = next(layer.position for layer in self.layers if layer.node == spoiled)
        for site, own in found.items():
            if isinstance(own, QuantizedConstant) and site.reader is not None and site.reader.node == position:
                found[site] = own._replace(scale=own.scale * np.float32(4))
        return found

    monkeypatch.setattr(LayeredPlacement, "codes", codes)
    found = measured(network, ranges, material, replace(HOW, samples=4))
    assert found.order[0] == spoiled
    gains = {layer.node: layer.effects[SQNR].gained or 0.0 for layer in found.quantized}
    assert max(gains, key=lambda node: gains[node]) == spoiled

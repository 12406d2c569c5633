"""An INT8 model says when its ranges were chosen for codes of another kind."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import quantkit
from quantkit.core.statistics import Statistics
from quantkit.graph.model import Model, from_proto, load
from quantkit.graph.prepare import prepared
from quantkit.graph.provenance import facts
from quantkit.pipeline.collecting import Collecting
from tests.unit.backends.tensorrt.small_models import Source, images, network


@pytest.fixture(scope="module")
def model() -> Model:
    return prepared(from_proto(network()))


@pytest.fixture(scope="module")
def statistics(model: Model) -> Statistics:
    return quantkit.collect(model, Source(images(16), 8), how=Collecting(everything=True))


@pytest.mark.parametrize(
    ("target", "symmetric", "said", "chosen_for"),
    [
        ("tensorrt", True, "", None),
        ("ort-cpu", False, "", None),
        (
            "tensorrt",
            False,
            "the ranges by entropy were chosen for codes with a zero point, and these codes have none: calibrate with "
            "--target tensorrt for ranges of their own",
            "affine codes",
        ),
        (
            "ort-cpu",
            True,
            "the ranges by entropy were chosen for codes without a zero point, and these codes have one: calibrate "
            "with --target ort-cpu for ranges of their own",
            "symmetric codes",
        ),
    ],
)
def test_ranges_for_other_codes_are_told_once(
    model: Model,
    statistics: Statistics,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    *,
    target: str,
    symmetric: bool,
    said: str,
    chosen_for: str | None,
) -> None:
    calibration = quantkit.calibrate_ranges(statistics, "entropy", symmetric=symmetric)
    with caplog.at_level(logging.WARNING):
        quantkit.quantize(model, calibration, to=tmp_path / "int8.onnx", target=target)
    assert caplog.messages == ([said] if said else [])
    assert facts(load(tmp_path / "int8.onnx").proto).get("chosen_for") == chosen_for


@pytest.mark.parametrize("target", ["ort-cpu", "tensorrt"])
def test_the_largest_magnitude_is_the_same_for_all_codes(
    model: Model, statistics: Statistics, tmp_path: Path, caplog: pytest.LogCaptureFixture, target: str
) -> None:
    written = []
    for symmetric in (False, True):
        calibration = quantkit.calibrate_ranges(statistics, "max", symmetric=symmetric)
        written.append(quantkit.quantize(model, calibration, to=tmp_path / f"{symmetric}.onnx", target=target).path)
    affine, symmetric_one = (load(path).proto.graph for path in written)
    assert affine == symmetric_one
    assert not caplog.messages

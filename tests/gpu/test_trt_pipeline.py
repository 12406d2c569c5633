"""The whole job on a GPU, through the public interface: statistics, thresholds, Q/DQ model, comparison."""

from __future__ import annotations

from pathlib import Path

import pytest

import quantkit
from quantkit.backends.tensorrt.options import BuildOptions
from quantkit.pipeline.collecting import Collecting
from quantkit.pipeline.comparing import Comparing

pytestmark = pytest.mark.gpu


def test_digits_lose_nothing_that_matters(digits: Path, tmp_path: Path) -> None:
    model = quantkit.load_model(digits / "model.onnx")
    calibration, evaluation = (
        quantkit.open_source(digits / part, preprocessing=digits / "preprocess.toml") for part in ("calib", "eval")
    )
    # Batches of 12, which the sources' batches are cut into, and no divisor of their number.
    on_the_gpu = quantkit.collect(
        model,
        calibration,
        how=Collecting(backend="tensorrt", targets=("tensorrt",), building=BuildOptions(batch=12)),
    )
    on_the_cpu = quantkit.collect(model, calibration, how=Collecting(targets=("tensorrt",)))
    assert on_the_gpu.histograms.keys() == on_the_cpu.histograms.keys()
    for name, ours in on_the_gpu.histograms.items():
        theirs = on_the_cpu.histograms[name]
        assert ours.count == theirs.count, name
        # Additions in another order move an activation in its last bits.
        assert ours.limit == pytest.approx(theirs.limit, rel=1e-4), name
    chosen = quantkit.calibrate_ranges(on_the_gpu, "mse", symmetric=True)
    int8 = quantkit.quantize(model, chosen, to=tmp_path / "int8.onnx", target="tensorrt")
    how = Comparing(backend="tensorrt", stopwatch=None)
    comparison = quantkit.compare(model, {"int8": int8}, evaluation, how=how)
    outcome = comparison.candidates[0]
    assert outcome.subject.coverage is not None
    assert outcome.subject.coverage.integer > 0
    top1 = outcome.metric("top1")
    assert top1 is not None
    assert top1.difference is not None
    assert top1.difference.estimate >= -0.02
    assert comparison.environment["device"]

"""What a report is given beside the run."""

from __future__ import annotations

import numpy as np
import pytest

from quantkit.core.statistics import Fingerprint, Statistics
from quantkit.pipeline.evidence import curves, evidence, spreads
from tests.fake_comparison import comparison
from tests.histograms import counted, drawn
from tests.onnx_models import random, written
from tests.quantization import ready


def test_a_weights_spread_is_that_of_its_channels() -> None:
    weight = random(4, 3, 1, 1)
    weight[1], weight[2] = 0.0, weight[2] / np.abs(weight[2]).max() * 8
    model = ready(written("g (float[n, 3, 4, 4] x) => (float[n, 4, 4, 4] y) { y = Conv(x, w) }", w=weight))
    (found,) = spreads(model)
    assert (found.tensor, found.operator, found.channels) == ("w", "Conv", 4)
    largest = np.abs(weight).reshape(4, -1).max(axis=1) / 8
    assert found.quantiles == pytest.approx(tuple(np.quantile(largest, [0, 0.25, 0.5, 0.75, 1])), rel=1e-6)
    assert found.quantiles[0] == 0


def test_every_histogram_has_both_curves() -> None:
    found = curves(Statistics(Fingerprint("aa"), {"t": counted(drawn("relu"))}, ()))
    assert sorted(found["t"]) == ["entropy", "mse"]
    assert all(curve.limits.size == curve.losses.size > 50 for curve in found["t"].values())


def test_what_is_not_known_is_left_empty() -> None:
    found = evidence(comparison())
    assert (found.statistics, found.calibrations, found.curves, found.weights, found.pictures) == (None, {}, {}, (), {})

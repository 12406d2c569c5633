"""What a report is given beside the run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quantkit.calibrators.percentile import PercentileCalibrator
from quantkit.core.errors import ArtifactError, UsageError
from quantkit.core.histogram import Histogram
from quantkit.core.statistics import Fingerprint, Statistics
from quantkit.core.verdict import Verdict
from quantkit.gate.baseline import Baseline, dataset
from quantkit.gate.rules import Rules
from quantkit.pipeline.evidence import alternatives, curves, evidence, judged, spreads
from quantkit.pipeline.ranges import calibrate_ranges
from tests.fake_comparison import comparison
from tests.gate_runs import run
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


def test_a_depthwise_weight_is_told_from_others() -> None:
    graph = "g (float[n, 4, 4, 4] x) => (float[n, 4, 4, 4] y) { y = Conv<group=4>(x, w) }"
    (found,) = spreads(ready(written(graph, w=random(4, 1, 1, 1))))
    assert found.is_depthwise


def test_rules_that_no_candidate_was_made_by_say_what_they_would_choose() -> None:
    statistics = Statistics(Fingerprint("aa"), {"t": counted(drawn("relu")), "never": Histogram.empty()}, ())
    finite = Statistics(Fingerprint("aa"), {"t": counted(drawn("relu"))}, ())
    made = [calibrate_ranges(finite, "max", symmetric=True), calibrate_ranges(finite, PercentileCalibrator(keep=99.0))]
    found = alternatives(statistics, made)
    assert sorted(found) == ["entropy", "mse"]
    assert all(list(other.tensors) == ["t"] and other.symmetric for other in found.values())


def test_a_report_is_judged_by_the_default_limits() -> None:
    found = judged(run(5000, regressed=5, fixed=5))
    assert found.verdict is Verdict.PASS
    assert [check.metric for check in found.checks] == ["top1"]


def test_what_the_gate_refuses_is_a_note_and_no_error() -> None:
    found = judged(replace(run(), samples=(), labels=None))
    assert (found.checks, found.notes) == ((), ("not judged: 0 samples were evaluated; compare again, with data",))


def test_limits_and_baselines_that_do_not_fit_are_still_refused() -> None:
    with pytest.raises(UsageError, match="QK6006"):
        judged(run(), Rules(minimums={"nothing": 1.0}))
    other = Baseline("2026-01-01", "first", "", dataset(run(100)), {})
    with pytest.raises(ArtifactError, match="QK6012"):
        judged(run(), None, other)

"""A comparison with everything that a full report shows, made by hand."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from quantkit.core.comparison import Comparison, Interval
from quantkit.core.evidence import Evidence, Spread
from quantkit.core.histogram import Histogram
from quantkit.core.layer_errors import LayerError, LayerErrors
from quantkit.core.statistics import Fingerprint, SampleId, Statistics
from quantkit.core.verdict import Check, Judgement, Verdict
from quantkit.core.worst import worst_samples
from quantkit.pipeline.evidence import curves
from quantkit.pipeline.ranges import calibrate_ranges
from tests import fake_comparison
from tests.histograms import counted, drawn


def flipped() -> Comparison:
    """The fake comparison with the reference's answers as well: the first 17 samples regressed."""
    whole = fake_comparison.comparison()
    assert whole.labels is not None
    reference = {"predicted_reference": whole.labels, "top1_reference": np.ones(len(whole.samples), bool)}
    outcomes = tuple(replace(outcome, rows={**outcome.rows, **reference}) for outcome in whole.candidates)
    return replace(whole, candidates=outcomes)


def picture() -> bytes:
    """A small JPEG."""
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), (0, 114, 178)).save(stream, "JPEG")
    return stream.getvalue()


def evidence(
    comparison: Comparison, tensors: Sequence[str], *, kinds: Sequence[str] = ("relu", "gaussian", "outlier")
) -> Evidence:
    """Everything there can be, with `tensors` as the activations."""
    drawn_once: dict[str, Histogram] = {kind: counted(drawn(kind)) for kind in kinds}
    histograms = {name: drawn_once[kinds[place % len(kinds)]] for place, name in enumerate(tensors)}
    statistics = Statistics(Fingerprint("f" * 64), histograms, (SampleId("a.png", "0" * 64),))
    rules = ("max", "entropy")
    names = [outcome.subject.name for outcome in comparison.candidates]
    layers = tuple(
        LayerError(name, "Conv", 40.0 - place % 7, 30.0 - place % 9, 50.0) for place, name in enumerate(tensors)
    )
    per_kind = curves(Statistics(Fingerprint("f" * 64), drawn_once, ()))
    return Evidence(
        judgement=judgement(comparison),
        statistics=statistics,
        calibrations=dict(zip(names, (calibrate_ranges(statistics, rule) for rule in rules), strict=False)),
        layers={name: LayerErrors("f" * 64, "a" * 64, 32, 8, layers) for name in names},
        curves={name: per_kind[kinds[place % len(kinds)]] for place, name in enumerate(tensors)},
        weights=tuple(Spread(name, "Conv", 16, (0.0, 0.1, 0.3, 0.7, 1.0)) for name in tensors),
        pictures={sample.name: picture() for sample in worst_samples(comparison)},
    )


def judgement(comparison: Comparison) -> Judgement:
    """A check of every kind on the first candidate."""
    name = comparison.candidates[0].subject.name if comparison.candidates else "none"
    checks = tuple(
        Check(name, "top1", comparison.reference.name, verdict, 300, 0.95, 0.96, Interval(0.01, -0.002, 0.02), 0.0096,
              "share", "top-1", reason=f"{name} is {verdict}")
        for verdict in Verdict
    )  # fmt: skip
    return Judgement(comparison, checks, notes=(f"note on {name}",))

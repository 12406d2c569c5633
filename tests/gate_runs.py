"""Comparisons with chosen flips, for the tests of everything that judges."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from quantkit.comparison.accuracy import accuracy
from quantkit.comparison.bootstrap import mean
from quantkit.core.arrays import Array, Doubles
from quantkit.core.comparison import (
    Comparison,
    Coverage,
    Interval,
    Latency,
    MetricSummary,
    NodeCoverage,
    Outcome,
    Subject,
)

INT8 = Coverage((NodeCoverage("conv", "Conv", "int8"), NodeCoverage("softmax", "Softmax", "fp32", "not quantized")))


def hits(samples: int, *, right: int, regressed: int, fixed: int) -> tuple[Array, Array]:
    """Where reference and candidate are right, bool[samples] each."""
    reference = np.arange(samples) < right
    candidate = reference.copy()
    candidate[:regressed] = False
    candidate[right : right + fixed] = True
    return reference, candidate


def outcome(name: str, reference: Array, candidate: Array, *, coverage: Coverage | None = INT8) -> Outcome:
    """A candidate of which top-1 was measured, and how it was made."""
    subject = Subject(
        name,
        f"out/{name}.onnx",
        f"{sum(map(ord, name)) % 16:x}" * 64,
        300,
        latency=Latency(0.4, 0.5, 100, 1, 5),
        coverage=coverage,
        provenance={"quantkit.target": "ort-cpu", "quantkit.rule": name, "quantkit.samples": "64"},
    )
    agreement = float(np.mean(reference == candidate))
    bounds = Interval(agreement, max(0.0, agreement - 0.01), min(1.0, agreement + 0.01), method="Wilson score")
    summaries = (
        accuracy("top1", "top-1", reference, candidate),
        MetricSummary("agreement", len(reference), agreement, interval=bounds, unit="share"),
    )
    return Outcome(subject, summaries, {"top1_reference": reference, "top1": candidate})


def run(
    samples: int = 5000,
    *,
    right: int | None = None,
    regressed: int = 10,
    fixed: int = 10,
    environment: Mapping[str, str] | None = None,
) -> Comparison:
    """A reference right on `right` samples and one candidate, ``int8``, that differs as often as is said."""
    right = samples * 3 // 4 if right is None else right
    reference, candidate = hits(samples, right=right, regressed=regressed, fixed=fixed)
    return of((outcome("int8", reference, candidate),), samples, environment)


def of(outcomes: tuple[Outcome, ...], samples: int, environment: Mapping[str, str] | None = None) -> Comparison:
    """A comparison of these candidates."""
    return Comparison(
        reference=Subject("FP32", "model.onnx", "f" * 64, 1000, latency=Latency(1.0, 1.2, 100, 1, 5)),
        candidates=outcomes,
        samples=tuple(f"val/{number % 7}/{number:06d}.png" for number in range(samples)),
        labels=np.arange(samples, dtype=np.int64) % 7,
        environment={"onnxruntime": "1.31.1", "isa": "avx512_vnni"} if environment is None else environment,
        data={"samples_sha256": "a" * 64, "source": "val"},
    )


def graded(reference: Doubles, candidate: Doubles, *, higher_is_better: bool = True) -> Comparison:
    """A comparison by a metric that is a mean of real numbers, called ``quality``."""
    base = run(len(reference))
    summary = MetricSummary(
        "quality",
        len(reference),
        float(candidate.mean()),
        float(reference.mean()),
        mean(candidate - reference),
        unit="dB",
        higher_is_better=higher_is_better,
    )
    made = Outcome(base.candidates[0].subject, (summary,), {"quality_reference": reference, "quality": candidate})
    return of((made,), len(reference))

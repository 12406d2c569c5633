"""Engines, a source and a comparison made by hand, for the tests of everything that compares and reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np

from quantkit.core.arrays import Array, Batch, Counts
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
from quantkit.core.leads import Lead, Margin
from quantkit.core.ports import Samples
from quantkit.core.statistics import SampleId

LOGITS = "logits"


class FakeEngine:
    """Answers with a function of the inputs, into arrays that the next call overwrites."""

    def __init__(self, answer: Callable[[Batch], Batch]) -> None:
        self._answer = answer
        self._buffers: dict[tuple[str, tuple[int, ...]], Array] = {}
        self.calls = 0

    def run(self, batch: Batch) -> Batch:
        self.calls += 1
        return {name: self._kept(name, values) for name, values in self._answer(batch).items()}

    def _kept(self, name: str, values: Array) -> Array:
        buffer = self._buffers.setdefault((name, values.shape), np.empty_like(values))
        buffer[...] = values
        return buffer

    def __enter__(self) -> FakeEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


@dataclass(frozen=True)
class FakeSource:
    """Batches of `inputs`, float32[n, …], cut into pieces of `batch`."""

    inputs: Array
    labels: Counts | None = None
    batch: int = 4
    preprocessing: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.inputs)

    def __iter__(self) -> Iterator[Samples]:
        for start in range(0, len(self.inputs), self.batch):
            piece = slice(start, start + self.batch)
            numbers = range(start, start + len(self.inputs[piece]))
            yield Samples(
                {"x": self.inputs[piece]},
                tuple(SampleId(f"eval/{number:04d}.png", f"{number:064x}") for number in numbers),
                None if self.labels is None else self.labels[piece],
            )


def echo(batch: Batch) -> Batch:
    """A model whose logits are its inputs."""
    return {LOGITS: batch["x"]}


def shaken(amount: float, seed: int) -> Callable[[Batch], Batch]:
    """A model that adds noise; the same to every batch of one shape."""

    def answer(batch: Batch) -> Batch:
        noise = np.random.default_rng(seed).normal(0.0, amount, batch["x"].shape)
        return {LOGITS: (batch["x"] + noise).astype(np.float32)}

    return answer


def digits_like(samples: int = 120, classes: int = 10) -> FakeSource:
    """Labelled logits of a classifier that is right about 19 times in 20."""
    generator = np.random.default_rng(7)
    labels = generator.integers(0, classes, samples)
    logits = generator.normal(0.0, 1.0, (samples, classes)).astype(np.float32)
    logits[np.arange(samples), labels] += 3.2
    return FakeSource(logits, labels.astype(np.int64), batch=30)


def _accuracy(name: str, title: str, *, regressed: int, fixed: int, low: float, high: float) -> MetricSummary:
    right = 283 if name == "top1" else 299
    facts = {
        "regressed": float(regressed),
        "fixed": float(fixed),
        "p_value": {13: 0.2668, 2: 1.0, 0: 1.0}[regressed + fixed],
    }
    return MetricSummary(
        name,
        _SAMPLES,
        candidate=(right + fixed - regressed) / _SAMPLES,
        reference=right / _SAMPLES,
        difference=Interval((fixed - regressed) / _SAMPLES, low, high, method="Tango score"),
        unit="share",
        title=title,
        facts=facts
        | {13: {"minimum_detectable_drop": 0.0299}, 2: {"minimum_detectable_drop": 0.0117}, 0: {}}[regressed + fixed],
    )


def _bootstrapped(name: str, title: str, unit: str, figures: tuple[float, float, float]) -> MetricSummary:
    interval = Interval(*figures, method="percentile bootstrap, 10000 resamples, seed 0")
    return MetricSummary(name, _SAMPLES, figures[0], interval=interval, unit=unit, title=title)


_SAMPLES = 300
# Figures are literals, as the last bit of a computed one depends on the machine, and files compare them exactly.
_FIGURES = {
    "max": [
        _accuracy("top1", "top-1", regressed=9, fixed=4, low=-0.0445, high=0.0099),
        _accuracy("top5", "top-5", regressed=1, fixed=1, low=-0.0156, high=0.0156),
        MetricSummary(
            "agreement",
            _SAMPLES,
            0.9567,
            interval=Interval(0.9567, 0.9273, 0.9745, method="Wilson score"),
            unit="share",
            facts={"disagreements": 13.0},
        ),
        _bootstrapped("sqnr", "SQNR", "dB", (13.29, 12.98, 13.6)),
        _bootstrapped("cosine", "", "", (0.97595, 0.97377, 0.97799)),
        MetricSummary("max-error", _SAMPLES, 0.9969, higher_is_better=False, title="max error", facts={"mean": 0.31}),
    ],
    "entropy": [
        _accuracy("top1", "top-1", regressed=1, fixed=1, low=-0.0156, high=0.0156),
        _accuracy("top5", "top-5", regressed=0, fixed=0, low=-0.0126, high=0.0126),
        MetricSummary(
            "agreement",
            _SAMPLES,
            0.9933,
            interval=Interval(0.9933, 0.976, 0.9982, method="Wilson score"),
            unit="share",
            facts={"disagreements": 2.0},
        ),
        _bootstrapped("sqnr", "SQNR", "dB", (27.24, 26.97, 27.51)),
        _bootstrapped("cosine", "", "", (0.99903, 0.99896, 0.99909)),
        MetricSummary("max-error", _SAMPLES, 0.17074, higher_is_better=False, title="max error", facts={"mean": 0.11}),
    ],
}


def comparison() -> Comparison:
    """What a person would see after calibrating a small network by two rules."""
    labels = np.arange(_SAMPLES, dtype=np.int64) % 10
    return Comparison(
        reference=Subject("fp32", "model.onnx", "f" * 64, 1_204_113, _latency(1.231, 1.402)),
        candidates=tuple(
            Outcome(_candidate(name), tuple(figures), _rows(labels, wrong=round(_SAMPLES * (1 - figures[0].candidate))))
            for name, figures in _FIGURES.items()
        ),
        samples=tuple(f"eval/{label}/{number:04d}.png" for number, label in enumerate(labels)),
        labels=labels,
        environment={"onnxruntime": "1.31.1", "threads": "2", "instructions": "avx512_vnni"},
        data={"source": "calib_data/digits/eval"},
        notes=("calibrated on 24 samples; 32 or more are advised",),
        leads=(
            Lead("top1", "entropy", {"max": Margin(0.0167, -0.0109)}, unit="share", title="top-1"),
            Lead("sqnr", "entropy", {"max": Margin(13.9, 13.6)}, unit="dB", title="SQNR"),
        ),
        command="quantkit calibrate model.onnx --data 'my images' -o out",
    )


def _latency(p50_ms: float, p90_ms: float, step: float = 0.0) -> Latency:
    """Ten blocks whose medians are so far apart, half of them below the median of all."""
    away = [(place - 4.5) * step for place in range(10)]
    p50s, p90s = (tuple(round(middle + by, 4) for by in away) for middle in (p50_ms, p90_ms))
    return Latency(p50_ms, p90_ms, 200, 1, 50, p50s, p90s)


def _candidate(name: str) -> Subject:
    return Subject(
        name=name,
        path=f"out/model.{name}.int8.onnx",
        digest=f"{len(name):x}" * 64,
        size_bytes=331_204,
        latency=_latency(0.412 if name == "max" else 0.409, 0.455, step=0.001),
        coverage=_coverage(adds_left=3 if name == "max" else 0),
        provenance={"rule": name, "samples": "24"},
    )


def _rows(labels: Counts, wrong: int) -> dict[str, Array]:
    predicted = labels.copy()
    predicted[:wrong] = 9 - predicted[:wrong]
    return {
        "predicted": predicted,
        "top1": predicted == labels,
        "sqnr": np.linspace(10.0, 30.0, len(labels)),
        "max_error": np.where(np.arange(len(labels)) == 7, np.inf, 0.25),
    }


def _coverage(adds_left: int) -> Coverage:
    convolutions = [NodeCoverage(f"/stage{index}/Conv", "Conv", "int8") for index in range(9)]
    softmax = NodeCoverage("/head/Softmax", "Softmax", "fp32", "its inputs are not quantized")
    adds = [NodeCoverage(f"/stage{index}/Add", "Add", "fp32", "its inputs differ") for index in range(adds_left)]
    return Coverage((*convolutions, softmax, *adds))

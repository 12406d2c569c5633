"""What each stage asks of the next: protocols of at most three methods."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from quantkit.core.arrays import Array, Batch, Counts
from quantkit.core.artifact import Artifact, SerializedModel
from quantkit.core.calibration import Calibration
from quantkit.core.comparison import Comparison, Coverage, MetricSummary
from quantkit.core.histogram import Histogram
from quantkit.core.ranges import Range
from quantkit.core.statistics import SampleId
from quantkit.core.verdict import Judgement

Model_contra = TypeVar("Model_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Samples:
    """One batch: inputs by name with samples along axis 0, who they are, and their labels where known.

    `labels` is int64[n]; `None` where the data has none.
    """

    inputs: Batch
    ids: tuple[SampleId, ...]
    labels: Counts | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, rows: slice) -> Samples:
        """Some of them, in their order; the arrays are views."""
        labels = None if self.labels is None else self.labels[rows]
        return Samples({name: values[rows] for name, values in self.inputs.items()}, self.ids[rows], labels)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {array.dtype}{list(array.shape)}" for name, array in self.inputs.items())
        return f"Samples({len(self)}: {shapes})"


Parts: TypeAlias = tuple[Array, ...]
"""A tensor's values in one batch, in one array or several, in an engine's own layout; samples lie along axis 0."""


class BatchSource(Protocol):
    """Representative data that can be read again from the start, always in the same order."""

    @property
    def size(self) -> int | None:
        """Samples in one pass, where that is known beforehand."""

    @property
    def preprocessing(self) -> Mapping[str, Any]:
        """The declared record of what was done to each sample, as JSON values; empty when nothing was."""

    def __iter__(self) -> Iterator[Samples]:
        """A new pass."""


@runtime_checkable
class Calibrator(Protocol):
    """A threshold rule; its options are its fields."""

    def threshold(self, histogram: Histogram) -> Range:
        """The range of values worth keeping; finite for every histogram that holds a finite value."""


class Engine(Protocol):
    """A model ready to run; close it by leaving its ``with`` block."""

    def run(self, batch: Batch) -> Batch:
        """Outputs by name for inputs by name. The arrays stay valid until the next call only."""

    def __enter__(self) -> Engine: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Observer(Protocol):
    """A model whose inner tensors can be seen, for use by one thread."""

    def observe(self, batch: Batch) -> Mapping[str, Parts]:
        """Tensor name → its values, in any order. The arrays stay valid until the next call only."""


@runtime_checkable
class CountingObserver(Protocol):
    """A model that counts its inner tensors where they are computed, for use by one thread."""

    def count(self, batch: Batch, fed: Collection[str] = ()) -> Mapping[str, int]:
        """Counts its tensors for one batch, and the inputs in `fed`; returns how many NaN and infinities any held."""

    def shown(self, tensor: str) -> Parts:
        """The values that a tensor had in the last batch, which may cost more than counting; none if not counted."""

    def histograms(self) -> Mapping[str, Histogram]:
        """Tensor → all that was counted so far, the same as if the values had been counted on the processor."""


class Backend(Protocol):
    """A runtime that turns a model into an engine."""

    def build(self, model: SerializedModel) -> Engine:
        """Raises SetupError where the machine lacks something, ModelError where the runtime refuses the model."""

    def observers(
        self, model: SerializedModel, count: int, *, plain: Collection[str] = ()
    ) -> Sequence[Observer | CountingObserver]:
        """At most `count` observers, for a thread each, of a model whose outputs are the tensors to see.

        Tensors in `plain` are shown in the model's own layout, the others in whatever layout costs least.
        """

    def environment(self) -> Mapping[str, str]:
        """What may move a float in its last bit: versions, instruction set, threads, device."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What two models made of one batch: outputs by name, and the labels, int64[n], where the data has them.

    `ids` says who the samples are, for a metric whose truth is kept elsewhere under their names; it is empty where
    nobody knows.
    """

    reference: Batch
    candidate: Batch
    labels: Counts | None = None
    ids: tuple[SampleId, ...] = ()


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a metric would say nothing about a batch, in words.

    One that is not `certain` is a doubt about what the outputs mean; naming the metric settles it. One with which
    the `data` is wrong, such as a label that is no class, casts doubt on whatever else rests on the labels.
    """

    reason: str
    certain: bool = True
    data: bool = False


class Metric(Protocol):
    """One way of saying what a candidate lost; its options are its fields, given where they have no default."""

    def obstacle(self, answers: Answers) -> Obstacle | None:
        """What keeps the metric from applying to such a batch; `None` where nothing does."""

    def rows(self, answers: Answers) -> Mapping[str, Array]:
        """Per-sample columns of length n, from which `summary` can be computed.

        Those that are bool, int64 or float64 with one axis are kept beside the run. Any other, such as an embedding
        for each sample or an object, serves `summary` alone.
        """

    def summary(self, rows: Mapping[str, Array]) -> MetricSummary:
        """The figure for all samples, from the columns of every batch put together."""


class CoverageReader(Protocol):
    """A runtime that can be asked what it really does with a model."""

    def coverage(self, model: SerializedModel) -> Coverage:
        """Which nodes it executes in integers, from its own optimized form of the model, and why not the others."""


class Exporter(Protocol[Model_contra]):
    """Writes a calibration in the form that a runtime reads."""

    def write(self, model: Model_contra, calibration: Calibration, to: Path) -> Artifact:
        """Writes atomically and returns what was written."""


class Renderer(Protocol):
    """Shows a comparison."""

    def render(self, comparison: Comparison) -> str:
        """The whole text; everything that came from a model, a file name or a label is escaped."""


class VerdictRenderer(Protocol):
    """Shows a judgement."""

    def render(self, judgement: Judgement) -> str:
        """The whole text; everything that came from a model, a file name or a label is escaped."""

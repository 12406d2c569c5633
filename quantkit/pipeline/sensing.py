"""How sensitivity is measured, on what, and of which layers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quantkit.backends import _cpu
from quantkit.comparison.latency import Stopwatch
from quantkit.core import arguments
from quantkit.core.errors import TooLittleError
from quantkit.core.ports import Backend, BatchSource, Samples
from quantkit.data.checked import checked
from quantkit.data.derived import Derived
from quantkit.data.inputs import fixed_batch, has_batch_axis
from quantkit.data.iterables import wrapped
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model
from quantkit.graph.quantized_layers import LayeredPlacement
from quantkit.pipeline.backends import backend
from quantkit.pipeline.comparing import Comparing

SAMPLES = 64
"""Enough to tell which layers are worse than others; how good a network is takes many more."""


@dataclass(frozen=True, slots=True)
class Sensing:
    """How sensitivity is measured.

    Args:
        target: the runtime whose placement is taken apart: ``"ort-cpu"`` or ``"tensorrt"``.
        exclude: what stays in FP32 in any case.
        metrics: as for `Comparing`, measured for every layer besides SQNR, and compared besides those that apply.
        samples: at most so many, from the start of the source; ``None`` takes all.
        limit_s: seconds for everything. The measuring ends earlier, the worst layers known best, as making, comparing
            and timing the networks with layers left out has its part of them, on fewer samples where that is needed.
        reduce_range: 7-bit weights; ``None`` asks this processor, as `quantize` does.
        per_channel: a scale for each output channel of a weight.
        backend: plug-in name of the engine that runs all models.
        threads: threads of one call; ``None`` takes every core.
        device: where the models run, as ``"cuda:0"``; ``None`` leaves that to the backend.
        custom_ops: libraries of operators to load, which are code.
        stopwatch: how the latency of the models with layers left out is measured; ``None`` leaves it out.
        clock: seconds since some fixed moment.
    """

    target: str = "ort-cpu"
    exclude: Exclusion = field(default_factory=Exclusion)
    metrics: tuple[str, ...] = ()
    samples: int | None = SAMPLES
    limit_s: float | None = None
    reduce_range: bool | None = None
    per_channel: bool = True
    backend: str = "ort"
    threads: int | None = None
    device: str | None = None
    custom_ops: tuple[Path, ...] = ()
    stopwatch: Stopwatch | None = field(default_factory=Stopwatch)
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        """Refuses values of another kind, and numbers that measure nothing."""
        arguments.hold_fields(self)
        arguments.hold_least(self, samples=1, threads=1)

    @property
    def reduces_range(self) -> bool:
        """Whether weights get 7 bits."""
        asked = self.target == "ort-cpu" and _cpu.saturates_products()
        return asked if self.reduce_range is None else self.reduce_range

    def engine(self) -> Backend:
        """What runs the models."""
        made: Backend = backend(self.backend, threads=self.threads, device=self.device, custom_ops=self.custom_ops)
        return made

    @property
    def comparing(self) -> Comparing:
        """How the models with layers left out are compared; another runtime's latency would mean nothing."""
        return Comparing(
            metrics=self.metrics or None,
            others=True,
            backend=self.backend,
            threads=self.threads,
            device=self.device,
            custom_ops=self.custom_ops,
            stopwatch=self.stopwatch if self.target == "ort-cpu" else None,
            # How layers rank on the data that chose the ranges is a fair question.
            overlap=False,
        )


def placement(model: Model, how: Sensing) -> LayeredPlacement:
    """The layers that are to be measured.

    Raises:
        TooLittleError: there are none.
    """
    placed = LayeredPlacement(model, how.target, how.exclude, per_channel=how.per_channel)
    if not placed.layers:
        reasons = sorted({node.reason for node in placed.placement.left_out})
        raise TooLittleError(
            "QK5004",
            f"no layer of the model becomes INT8 for {how.target}",
            where=str(model.path) if model.path else None,
            cause="; ".join(reasons[:3]) or "it has no operator that computes on codes",
            hints=[f"quantkit inspect MODEL --target {how.target} says why of each node", "exclude less"],
        )
    return placed


def first(source: Any, model: Model, most: int | None) -> BatchSource:
    """At most so many samples of `source`, as batches of the model's inputs; all of them where `most` is ``None``."""
    specs = model.inputs
    found = checked(wrapped(source, inputs=specs), specs, allow_few=True)
    # A model without a batch axis takes samples one by one.
    fixed = fixed_batch(specs) if has_batch_axis(specs) else 1
    return found if most is None else _First(found, most, fixed)


@dataclass(frozen=True, slots=True, repr=False)
class _First(Derived):
    """The first samples of a source; a few more where the model's batches cannot be cut."""

    most: int
    fixed: int | None

    @property
    def size(self) -> int | None:
        """How many they are, where that is known."""
        known, whole = self.source.size, self.fixed or 1
        return None if known is None else min(known, -(-self.most // whole) * whole)

    def __iter__(self) -> Iterator[Samples]:
        left = self.most
        for samples in self.source:
            yield samples.part(slice(left)) if self.fixed is None else samples
            left -= len(samples)
            if left <= 0:
                return

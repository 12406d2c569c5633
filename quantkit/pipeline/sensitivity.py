"""From a model, its calibration and some samples to what every layer costs, and which to leave in FP32."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from quantkit.backends import _cpu
from quantkit.comparison.latency import Stopwatch
from quantkit.comparison.metrics import by_name
from quantkit.core.artifact import Artifact
from quantkit.core.calibration import Calibration, Provenance, TensorCalibration
from quantkit.core.comparison import Comparison
from quantkit.core.errors import TooLittleError
from quantkit.core.ports import Backend, Samples
from quantkit.core.ranges import Range
from quantkit.core.sensitivity import SQNR, Layer, Point, Sensitivity
from quantkit.data.checked import checked
from quantkit.data.derived import Derived
from quantkit.data.inputs import fixed_batch, has_batch_axis
from quantkit.data.iterables import wrapped
from quantkit.graph.choosable import choosable
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model
from quantkit.graph.quantized_layers import LayeredPlacement
from quantkit.pipeline.backends import backend
from quantkit.pipeline.comparing import Comparing, Progress
from quantkit.pipeline.experiments import EVERYTHING, NOTHING, experiments
from quantkit.pipeline.leaving_out import LeavingOut, order_to_leave_out, steps
from quantkit.pipeline.models import AnyModel, opened
from quantkit.pipeline.trials import Limit, Switchboard, Trials

SAMPLES = 64
"""Enough to tell which layers are worse than others; how good a network is takes many more."""


@dataclass(frozen=True, slots=True)
class Sensing:
    """How sensitivity is measured.

    Args:
        target: the runtime whose placement is taken apart: ``"ort-cpu"`` or ``"tensorrt"``.
        exclude: what stays in FP32 in any case.
        metrics: as for `Comparing`, measured for every layer besides SQNR.
        samples: at most so many, from the start of the source; ``None`` takes all.
        limit_s: seconds after which no layer is measured any more; the worst are then known best.
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
            metrics=tuple(dict.fromkeys((SQNR, *self.metrics))) if self.metrics else None,
            backend=self.backend,
            threads=self.threads,
            device=self.device,
            custom_ops=self.custom_ops,
            stopwatch=self.stopwatch if self.target == "ort-cpu" else None,
        )


def sensitivity(
    model: AnyModel,
    calibration: Calibration,
    source: Any,
    *,
    how: Sensing | None = None,
    progress: Progress | None = None,
) -> Sensitivity:
    """Quantizes every layer alone, and all layers but one, and says what that costs and gives back.

    All of it runs in one engine of the FP32 model, in which codes are rounded to and back where they are asked for;
    only the networks that are recommended are really quantized, and compared with it on the same samples. Memory holds
    one batch.

    Args:
        model: the FP32 model.
        calibration: ranges of its tensors.
        source: as for `compare`; labels are needed for metrics that need them.
        how: options; by default `Sensing()`.
        progress: told (samples run, samples to run), a sample counting once for every subset of layers.

    Raises:
        TooLittleError: no layer can be quantized, there are no samples, or the time was over at once.
        ArtifactError: the calibration is of another model, or lacks a tensor.
        UsageError: a metric does not apply.
    """
    how = how or Sensing()
    ready = opened(model)
    placed = placement(ready, how)
    metrics = by_name(how.metrics)
    data = _first(source, ready, how.samples)
    making = _making(how)
    with TemporaryDirectory(prefix="quantkit-") as folder:
        # First of all, as it refuses what does not belong together.
        candidates: dict[tuple[str, ...], Artifact] = {(): making.quantized(ready, calibration, (), Path(folder))}
        plan = experiments(placed)
        choices, chosen = plan.choices(placed.codes(calibration, reduce_range=how.reduces_range))
        switched = choosable(ready, choices)
        trials = Trials(plan, metrics, Limit(how.clock, how.limit_s, how.clock()))
        with how.engine().build(switched.model) as engine:
            trials.run(Switchboard(engine, switched, chosen), data, progress)
        order = order_to_leave_out(placed, trials.alone, calibration.tensors)
        for nodes in steps(order)[1:]:
            candidates[nodes] = making.quantized(ready, calibration, nodes, Path(folder))
        points, comparison = making.compared(ready, candidates, data)
    return _told(placed, trials, order, (points, comparison), calibration, ready)


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


def _making(how: Sensing) -> LeavingOut:
    return LeavingOut(how.target, how.exclude, how.reduces_range, how.per_channel, how.comparing)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What measuring would take: `layers`, `subsets` of them, each run on `samples`; `seconds`, as a few runs tell."""

    layers: int
    subsets: int
    samples: int | None
    seconds: float | None


def estimated(model: AnyModel, source: Any, *, how: Sensing | None = None) -> Estimate:
    """Runs one batch a few times and multiplies; needs no ranges, since what they are costs nothing.

    Raises:
        TooLittleError: no layer can be quantized, or there are no samples.
    """
    how = how or Sensing()
    ready = opened(model)
    placed = placement(ready, how)
    data = _first(source, ready, how.samples)
    plan = experiments(placed)
    choices, chosen = plan.choices(placed.codes(_placeholder(placed, ready.digest)))
    switched = choosable(ready, choices)
    batch = next(iter(data), None)
    if batch is None:
        raise TooLittleError("QK5001", "0 samples to measure on", hints=["look at --data"])
    with how.engine().build(switched.model) as engine:
        times = []
        for numbers in (*[chosen[NOTHING]] * 2, *[chosen[EVERYTHING]] * 3):
            before = how.clock()
            engine.run(switched.with_choices(batch.inputs, numbers))
            times.append(how.clock() - before)
    # The first run allocates.
    each = min(times[1:]) / len(batch)
    seconds = None if data.size is None else each * data.size * len(plan.subsets)
    return Estimate(len(plan.layers), len(plan.subsets), data.size, seconds)


def _placeholder(placed: LayeredPlacement, digest: str) -> Calibration:
    unit = TensorCalibration(Range(-1.0, 1.0), Range(-1.0, 1.0), "none")
    return Calibration("none", False, dict.fromkeys(placed.placement.tensors, unit), Provenance(digest, 0, ""))


def _first(source: Any, model: Model, most: int | None) -> _First:
    specs = model.inputs
    divisible = has_batch_axis(specs) and fixed_batch(specs) is None
    return _First(checked(wrapped(source, inputs=specs), specs, allow_few=True), most, divisible)


@dataclass(frozen=True, slots=True, repr=False)
class _First(Derived):
    """The first samples of a source; a few more where the model's batches cannot be cut."""

    most: int | None
    divisible: bool

    @property
    def size(self) -> int | None:
        """How many they are, where that is known."""
        known = self.source.size
        return known if self.most is None or known is None else min(known, self.most)

    def __iter__(self) -> Iterator[Samples]:
        left = self.most
        for samples in self.source:
            if left is None:
                yield samples
                continue
            yield samples.part(slice(left)) if self.divisible else samples
            left -= len(samples)
            if left <= 0:
                return


def _told(
    placed: LayeredPlacement,
    trials: Trials,
    order: tuple[str, ...],
    compared: tuple[tuple[Point, ...], Comparison],
    calibration: Calibration,
    model: Model,
) -> Sensitivity:
    points, comparison = compared
    measured = [
        (layer.position, Layer(layer.node, layer.operator, trials.effects(number), trials.samples_of(number)))
        for number, layer in enumerate(placed.layers)
    ]
    floats = [(at, Layer(left.node, left.operator, reason=left.reason)) for at, left in placed.in_float]
    return Sensitivity(
        model=model.digest,
        path=str(model.path or model.proto.graph.name),
        target=placed.placement.target,
        rule=calibration.rule,
        calibration=hashlib.sha256(calibration.to_json().encode()).hexdigest(),
        samples=trials.samples,
        measures=trials.measures(),
        layers=tuple(layer for _, layer in sorted(measured + floats, key=lambda entry: entry[0])),
        order=order,
        points=points,
        reference_latency=comparison.reference.latency,
        data=comparison.data,
        environment=comparison.environment,
        notes=(*trials.notes, *comparison.notes),
    )

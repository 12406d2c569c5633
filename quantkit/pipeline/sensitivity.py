"""From a model, its calibration and some samples to what every layer costs, and which to leave in FP32."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from quantkit.comparison.advice import advice
from quantkit.comparison.metrics import by_name
from quantkit.core import arguments
from quantkit.core.artifact import Artifact
from quantkit.core.calibration import Calibration
from quantkit.core.comparison import Comparison
from quantkit.core.sensitivity import Layer, Point, Sensitivity
from quantkit.graph.choosable import choosable
from quantkit.graph.model import Model
from quantkit.graph.quantized_layers import LayeredPlacement
from quantkit.pipeline.comparing import Progress
from quantkit.pipeline.experiments import experiments
from quantkit.pipeline.following import Following, timing_within
from quantkit.pipeline.leaving_out import LeavingOut, most_points, order_to_leave_out, steps
from quantkit.pipeline.models import AnyModel, opened
from quantkit.pipeline.sensing import Sensing, first, placement
from quantkit.pipeline.trials import Limit, Switchboard, Trials


@arguments.checked
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
    limit = Limit(how.clock, how.limit_s, how.clock())
    ready = opened(model)
    placed = placement(ready, how)
    metrics = by_name(how.metrics)
    data = first(source, ready, how.samples)
    making = _making(how)
    with TemporaryDirectory(prefix="quantkit-") as folder:
        # First of all, as it refuses what does not belong together.
        candidates: dict[tuple[str, ...], Artifact] = {(): making.quantized(ready, calibration, (), Path(folder))}
        plan = experiments(placed)
        choices, chosen = plan.choices(placed.codes(calibration, reduce_range=how.reduces_range))
        switched = choosable(ready, choices)
        made_s = limit.spent
        with how.engine().build(switched.model) as engine:
            following = _following(placed, how, made_s, limit.spent - made_s)
            trials = Trials(plan, metrics, limit, following)
            trials.run(Switchboard(engine, switched, chosen), data, progress)
        order = order_to_leave_out(placed, trials.alone, calibration.tensors)
        for nodes in steps(order)[1:]:
            candidates[nodes] = making.quantized(ready, calibration, nodes, Path(folder))
        if following is not None and trials.extent.is_cut_short:
            data = first(data, ready, following.samples(limit.left, trials.pace))
        points, comparison = making.compared(ready, candidates, data)
    return _told(placed, trials, order, (points, comparison), calibration, ready)


def _making(how: Sensing) -> LeavingOut:
    comparing = how.comparing
    if how.limit_s is not None and (watch := comparing.stopwatch):
        comparing = replace(comparing, stopwatch=replace(watch, limit_s=timing_within(how.limit_s, watch.limit_s)))
    return LeavingOut(how.target, how.exclude, how.reduces_range, how.per_channel, comparing)


def _following(placed: LayeredPlacement, how: Sensing, made_s: float, loaded_s: float) -> Following | None:
    """What is to be done after the measuring, told by what making and loading the first network took."""
    if how.limit_s is None:
        return None
    watch = how.comparing.stopwatch
    points = most_points(len(placed.layers))
    timing = 0.0 if watch is None else timing_within(how.limit_s, watch.limit_s)
    return Following(how.limit_s, 1 + points, points * made_s, (1 + points) * loaded_s, timing)


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
        advice=advice(comparison, [point.left_out for point in points]),
        extent=trials.extent,
        reference_latency=comparison.reference.latency,
        data=comparison.data,
        environment=comparison.environment,
        notes=comparison.notes,
        over_clipped=tuple(calibration.noted("over-clipped")),
    )

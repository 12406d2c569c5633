"""What measuring a sensitivity would take, told by a few runs of one batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from quantkit.core.calibration import Calibration, Provenance, TensorCalibration
from quantkit.core.errors import TooLittleError
from quantkit.core.ranges import Range
from quantkit.graph.choosable import choosable
from quantkit.graph.quantized_layers import LayeredPlacement
from quantkit.pipeline.experiments import EVERYTHING, NOTHING, experiments
from quantkit.pipeline.following import FUSED
from quantkit.pipeline.leaving_out import most_points
from quantkit.pipeline.models import AnyModel, opened
from quantkit.pipeline.sensing import Sensing, first, placement

_RUNS = 4


@dataclass(frozen=True, slots=True)
class Estimate:
    """What measuring would take.

    Args:
        layers: how many are measured.
        subsets: of the layers' codes, each of which runs on every sample.
        samples: how many; ``None`` where only reading them to the end would tell.
        seconds: for all of it, the comparison at the end too, as a few runs tell; ``None`` as above.
    """

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
    data = first(source, ready, how.samples)
    plan = experiments(placed)
    choices, chosen = plan.choices(placed.codes(_placeholder(placed, ready.digest)))
    switched = choosable(ready, choices)
    batch = next(iter(data), None)
    if batch is None:
        raise TooLittleError("QK5001", "0 samples to measure on", hints=["look at --data"])
    with how.engine().build(switched.model) as engine:
        floats, integers = (
            _quickest(partial(engine.run, switched.with_choices(batch.inputs, chosen[subset])), how.clock) / len(batch)
            for subset in (NOTHING, EVERYTHING)
        )
    # Rounding to codes costs time wherever it is done.
    shares = sum(len(subset) for subset in plan.subsets) / len(plan.subsets[EVERYTHING])
    each = len(plan.subsets) * floats + shares * (integers - floats)
    together = FUSED * floats * (1 + most_points(len(plan.layers)))
    seconds = None if data.size is None else data.size * (each + together) + _timing(how, together)
    return Estimate(len(plan.layers), len(plan.subsets), data.size, seconds)


def _quickest(run: Callable[[], object], clock: Callable[[], float]) -> float:
    """Seconds of a run once the first ones have allocated what they need."""
    times = []
    for _ in range(_RUNS):
        before = clock()
        run()
        times.append(clock() - before)
    return min(times[1:])


def _timing(how: Sensing, round_s: float) -> float:
    """Seconds for the latency of all models, of which one round takes `round_s`."""
    stopwatch = how.comparing.stopwatch
    if stopwatch is None:
        return 0.0
    return min(stopwatch.limit_s, stopwatch.blocks * (stopwatch.warmup + stopwatch.rounds) * round_s)


def _placeholder(placed: LayeredPlacement, digest: str) -> Calibration:
    unit = TensorCalibration(Range(-1.0, 1.0), Range(-1.0, 1.0), "none")
    return Calibration("none", False, dict.fromkeys(placed.placement.tensors, unit), Provenance(digest, 0, ""))

"""What stands behind a comparison: everything besides the run itself that a full report shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from quantkit.core.arrays import Doubles
from quantkit.core.calibration import Calibration
from quantkit.core.layer_errors import LayerErrors
from quantkit.core.sensitivity import Sensitivity
from quantkit.core.statistics import Statistics
from quantkit.core.verdict import Judgement


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What a threshold rule minimizes, as a function of the threshold.

    Args:
        limits: float64[n], ascending, in the tensor's unit.
        losses: float64[n]; +inf where a limit is impossible.
    """

    limits: Doubles
    losses: Doubles


@dataclass(frozen=True, slots=True)
class Spread:
    """The largest magnitudes of one weight's channels: five of their quantiles, as shares of the largest.

    Args:
        tensor: the weight.
        operator: what it is multiplied by.
        channels: how many.
        quantiles: smallest, lower quartile, median, upper quartile, largest; the last is 1 unless all are 0.
        is_depthwise: each channel is a filter of its own, so that none evens out another's rounding.
    """

    tensor: str
    operator: str
    channels: int
    quantiles: tuple[float, float, float, float, float]
    is_depthwise: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Whatever of it is known; a report shows what there is.

    Args:
        judgement: the verdicts on the run.
        statistics: histograms of the activations.
        calibrations: candidate → the ranges it was made with.
        alternatives: rule → the ranges that it would choose, for rules that no candidate was made by.
        layers: candidate → its error layer by layer.
        curves: tensor → rule → what the rule minimizes, for symmetric thresholds.
        weights: how unequal the channels of each weight are.
        pictures: sample → a small JPEG.
        sensitivity: what each layer costs, and what leaving some of them in FP32 gives back.
    """

    judgement: Judgement | None = None
    statistics: Statistics | None = None
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    alternatives: Mapping[str, Calibration] = field(default_factory=dict)
    layers: Mapping[str, LayerErrors] = field(default_factory=dict)
    curves: Mapping[str, Mapping[str, Curve]] = field(default_factory=dict)
    weights: tuple[Spread, ...] = ()
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    sensitivity: Sensitivity | None = None

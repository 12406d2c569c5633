"""From what a run left behind to everything that a full report shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from quantkit.calibrators._curves import divergence_curve, error_curve
from quantkit.core.arrays import Array
from quantkit.core.calibration import Calibration
from quantkit.core.comparison import Comparison
from quantkit.core.evidence import Curve, Evidence, Spread
from quantkit.core.layer_errors import LayerErrors
from quantkit.core.statistics import Statistics
from quantkit.core.worst import worst_samples
from quantkit.data.thumbnails import thumbnails
from quantkit.graph.editing.tensors import array
from quantkit.graph.model import Model
from quantkit.graph.placement import place


def evidence(
    comparison: Comparison,
    *,
    statistics: Statistics | None = None,
    calibrations: Mapping[str, Calibration] | None = None,
    layers: Mapping[str, LayerErrors] | None = None,
    model: Model | None = None,
    pictures_from: Any = None,
) -> Evidence:
    """Puts together what a report of `comparison` can show; every part may be missing.

    Args:
        comparison: the run.
        statistics: of the calibration data.
        calibrations: candidate → its ranges; those of tensors that `statistics` lacks are of no use.
        layers: candidate → its layer errors.
        model: the FP32 model, ready for quantizing, whose weights are looked at.
        pictures_from: the evaluation data, where thumbnails of its worst samples are wanted.
    """
    names = [sample.name for sample in worst_samples(comparison)]
    return Evidence(
        statistics=statistics,
        calibrations=dict(calibrations or {}),
        layers=dict(layers or {}),
        curves=curves(statistics) if statistics else {},
        weights=spreads(model) if model else (),
        pictures={} if pictures_from is None else thumbnails(pictures_from, names),
    )


def curves(statistics: Statistics) -> dict[str, dict[str, Curve]]:
    """Tensor → ``"entropy"`` and ``"mse"`` → what the rule minimizes."""
    return {
        name: {"entropy": divergence_curve(histogram), "mse": error_curve(histogram)}
        for name, histogram in statistics.histograms.items()
    }


def spreads(model: Model) -> tuple[Spread, ...]:
    """How unequal the channels of each weight are that may have a scale for each, in graph order."""
    weights = {tensor.name: tensor for tensor in model.proto.graph.initializer}
    nodes = list(model.proto.graph.node)
    constants = [pair for pair in place(model, "ort-cpu").constants if pair.scheme.axis is not None and pair.multiplies]
    return tuple(
        _spread(pair.tensor, nodes[pair.readers[0].node].op_type, array(weights[pair.tensor], model.folder), axis)
        for pair in constants
        if (axis := pair.scheme.axis) is not None and pair.tensor in weights
    )


def _spread(tensor: str, operator: str, values: Array, axis: int) -> Spread:
    largest = np.abs(np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)).max(axis=1, initial=0.0)
    top = float(largest.max(initial=0.0)) or 1.0
    low, first, middle, third, high = (
        float(q) / top for q in np.quantile(largest.astype(np.float64), [0, 0.25, 0.5, 0.75, 1])
    )
    return Spread(tensor, operator, len(largest), (low, first, middle, third, high))

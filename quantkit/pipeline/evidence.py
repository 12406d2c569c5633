"""From what a run left behind to everything that a full report shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from onnx import NodeProto

from quantkit.calibrators._curves import divergence_curve, error_curve
from quantkit.core import plugins
from quantkit.core.arrays import Array
from quantkit.core.calibration import Calibration
from quantkit.core.comparison import Comparison
from quantkit.core.errors import ArtifactError, QuantkitError, UsageError
from quantkit.core.evidence import Curve, Evidence, Spread
from quantkit.core.layer_errors import LayerErrors
from quantkit.core.statistics import Statistics
from quantkit.core.verdict import Judgement
from quantkit.core.worst import worst_samples
from quantkit.data.thumbnails import thumbnails
from quantkit.gate.baseline import Baseline
from quantkit.gate.judging import judge
from quantkit.gate.rules import Rules
from quantkit.graph.editing.tensors import array
from quantkit.graph.model import Model
from quantkit.graph.placement import place
from quantkit.pipeline.ranges import PACKAGE as RULES
from quantkit.pipeline.ranges import calibrate_ranges


def evidence(
    comparison: Comparison,
    *,
    judgement: Judgement | None = None,
    statistics: Statistics | None = None,
    calibrations: Mapping[str, Calibration] | None = None,
    layers: Mapping[str, LayerErrors] | None = None,
    model: Model | None = None,
    pictures_from: Any = None,
) -> Evidence:
    """Puts together what a report of `comparison` can show; every part may be missing.

    Args:
        comparison: the run.
        judgement: the verdicts on it.
        statistics: of the calibration data.
        calibrations: candidate → its ranges; those of tensors that `statistics` lacks are of no use.
        layers: candidate → its layer errors.
        model: the FP32 model, ready for quantizing, whose weights are looked at.
        pictures_from: the evaluation data, where thumbnails of its worst samples are wanted.
    """
    names = [sample.name for sample in worst_samples(comparison)]
    return Evidence(
        judgement=judgement,
        statistics=statistics,
        calibrations=dict(calibrations or {}),
        alternatives=alternatives(statistics, (calibrations or {}).values()) if statistics else {},
        layers=dict(layers or {}),
        curves=curves(statistics) if statistics else {},
        weights=spreads(model) if model else (),
        pictures={} if pictures_from is None else thumbnails(pictures_from, names),
    )


def judged(comparison: Comparison, rules: Rules | None = None, baseline: Baseline | None = None) -> Judgement:
    """The verdicts on a run for a report; where there can be none, a judgement without checks whose note says why.

    A report is made of any run. Only limits and baselines that do not fit it are refused, as somebody chose them.

    Raises:
        UsageError: the rules name what the run has not.
        ArtifactError: the baseline is of another data set.
    """
    chosen = rules not in (None, Rules()) or baseline is not None
    try:
        return judge(comparison, rules, baseline)
    except QuantkitError as refusal:
        if chosen and isinstance(refusal, UsageError | ArtifactError):
            raise
        told = [f"not judged: {refusal.title}", refusal.cause, *refusal.hints[:1]]
        return Judgement(comparison, (), notes=("; ".join(filter(None, told)),))


def alternatives(statistics: Statistics, made: Iterable[Calibration]) -> dict[str, Calibration]:
    """Rule → the ranges that it would choose, for every rule that none of `made` is by."""
    known = list(made)
    used = {calibration.rule.partition("(")[0] for calibration in known}
    symmetric = any(calibration.symmetric for calibration in known)
    # A tensor that was never finite has no range by any rule.
    seen = {name: histogram for name, histogram in statistics.histograms.items() if histogram.count}
    finite = replace(statistics, histograms=seen)
    return {
        rule: calibrate_ranges(finite, rule, symmetric=symmetric) for rule in plugins.names(RULES) if rule not in used
    }


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
        _spread(pair.tensor, nodes[pair.readers[0].node], array(weights[pair.tensor], model.folder), axis)
        for pair in constants
        if (axis := pair.scheme.axis) is not None and pair.tensor in weights
    )


def _spread(tensor: str, node: NodeProto, values: Array, axis: int) -> Spread:
    largest = np.abs(np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)).max(axis=1, initial=0.0)
    top = float(largest.max(initial=0.0)) or 1.0
    low, first, middle, third, high = (
        float(q) / top for q in np.quantile(largest.astype(np.float64), [0, 0.25, 0.5, 0.75, 1])
    )
    groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
    is_depthwise = node.op_type == "Conv" and groups == len(largest) > 1
    return Spread(tensor, node.op_type, len(largest), (low, first, middle, third, high), is_depthwise)

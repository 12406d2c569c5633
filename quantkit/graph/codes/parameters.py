"""Scales and zero points for the pairs of a placement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from typing import TypeAlias

import numpy as np

from quantkit.core.arrays import Array, Floats
from quantkit.core.calibration import Calibration
from quantkit.core.errors import ArtifactError
from quantkit.core.plugins import did_you_mean
from quantkit.core.qparams import QParams
from quantkit.core.ranges import Range
from quantkit.core.scheme import INT7, Scheme
from quantkit.graph.codes.weights import QuantizedConstant, quantized, quantized_weight, smallest_scale
from quantkit.graph.placement import ActivationPair, ConstantPair, Placement

Constants: TypeAlias = Mapping[ConstantPair, QuantizedConstant]


def activation_ranges(placement: Placement, calibration: Calibration) -> dict[str, Range]:
    """Tensor → range, for every activation that gets a pair.

    Tensors that share a scale get the union of their ranges; one that follows another gets that one's. Codes that no
    observed value needs are given back: behind a ReLU those below 0.

    Raises:
        ArtifactError: a range is missing, because the calibration was made for another target or exclusion.
    """
    ranges = {name: _range(calibration, name) for name in placement.tensors}
    for group in placement.shared:
        joint = reduce(Range.union, (ranges[name] for name in group))
        ranges |= dict.fromkeys(group, joint)
    sources = {pair.tensor: placement.source(pair.tensor) for pair in placement.activations}
    return {name: _multiplied(ranges[source.tensor], source.factor) for name, source in sources.items()}


def _multiplied(interval: Range, factor: float) -> Range:
    return interval if factor == 1 else Range(interval.low * factor, interval.high * factor)


def _range(calibration: Calibration, tensor: str) -> Range:
    found = calibration.tensors.get(tensor)
    if found is None:
        raise ArtifactError(
            "QK3223",
            f"the calibration has no range for tensor {tensor!r}",
            cause="it was made for another target or with other exclusions",
            hints=[
                *did_you_mean(tensor, list(calibration.tensors)),
                "calibrate again for this target and with these exclusions",
            ],
        )
    return found.range.with_zero().within(found.observed.with_zero())


def activation_parameters(placement: Placement, ranges: Mapping[str, Range]) -> dict[str, QParams]:
    """Tensor → scale and zero point, for every activation that gets a pair."""
    own = {pair.tensor: _parameters(ranges[pair.tensor], pair) for pair in placement.activations}
    sources = {name: placement.source(name) for name in own}
    return {name: rescaled(own[source.tensor], source.factor) for name, source in sources.items()}


def rescaled(parameters: QParams, factor: float) -> QParams:
    """The parameters of `factor` times the values that the codes stood for."""
    if factor == 1:
        return parameters
    return replace(parameters, scale=np.asarray(parameters.scale * np.float32(factor), np.float32))


def _parameters(interval: Range, pair: ActivationPair) -> QParams:
    parameters = QParams.of(interval, pair.scheme)
    return parameters if pair.reach is None else within_reach(parameters, *pair.reach)


def within_reach(parameters: QParams, low: float, high: float) -> QParams:
    """The same zero point with a scale under which no code lies outside `low` to `high`, which hold 0.

    Rounding the zero point moves both ends of a range by up to half a code.

    >>> from quantkit.core.scheme import UINT8
    >>> loose = QParams.of(Range(-1.0, 1.0), UINT8)
    >>> bool(loose.dequantize(np.array([255])) > 1)
    True
    >>> within_reach(loose, -1.0, 1.0).dequantize(np.array([0, 255])).tolist()
    [-0.9921875, 1.0]
    """
    zero_point, scale = int(parameters.zero_point), np.float32(parameters.scale)
    for bound, steps in ((-low, zero_point - parameters.scheme.lowest), (high, parameters.scheme.highest - zero_point)):
        if steps > 0 and scale * np.float32(steps) > np.float32(bound):
            scale = np.float32(bound / steps)
            scale = scale if scale * np.float32(steps) <= np.float32(bound) else np.nextafter(scale, np.float32(0))
    return replace(parameters, scale=np.asarray(scale, np.float32)) if scale > 0 else parameters


def quantized_constants(
    placement: Placement,
    weights: Mapping[str, Array],
    ranges: Mapping[str, Range],
    parameters: Mapping[str, QParams],
    *,
    reduce_range: bool = False,
) -> Constants:
    """The codes of every constant of a placement.

    Args:
        placement: which constants.
        weights: tensor → its float32 values.
        ranges: of the activations that weights are multiplied with.
        parameters: of the same; the scale of a bias depends on them.
        reduce_range: weights within 7 bits.
    """

    def codes(pair: ConstantPair) -> QuantizedConstant:
        if not pair.multiplies:
            return quantized(weights[pair.tensor], pair.scheme)
        return quantized_weight(
            weights[pair.tensor],
            weight_scheme(pair.scheme, reduce_range=reduce_range),
            floor=_floor(placement, pair, weights, parameters),
            across_channels=all(ranges[name].low >= 0 for name in pair.multiplies),
        )

    return {pair: codes(pair) for pair in placement.constants}


def weight_scheme(scheme: Scheme, *, reduce_range: bool) -> Scheme:
    """The codes of a weight, on request within 7 bits."""
    return replace(INT7, axis=scheme.axis) if reduce_range else scheme


def _floor(
    placement: Placement, pair: ConstantPair, weights: Mapping[str, Array], parameters: Mapping[str, QParams]
) -> Floats:
    """The smallest scale of each channel that the biases beside this weight allow."""
    nodes = {slot.node for slot in pair.readers}
    floors = [
        smallest_scale(weights[bias.tensor].reshape(-1), parameters[bias.activation].scale)
        for bias in placement.biases
        if bias.reader.node in nodes and bias.weight == pair.tensor
    ]
    highest = reduce(np.maximum, floors, np.zeros(1, np.float32))
    return highest if pair.scheme.axis is not None else highest.max()

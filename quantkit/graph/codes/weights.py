"""Weights, biases and other constants in codes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from quantkit.core.arrays import Array, Floats
from quantkit.core.qparams import QParams
from quantkit.core.ranges import Range
from quantkit.core.scheme import Scheme
from quantkit.graph.codes.rounding import rounded_together

# A Conv adds its bias to a sum of products of codes in 32 bits; half of them are the bias's, so that the sum cannot
# overflow.
LARGEST_BIAS_CODE = 2**30


class QuantizedConstant(NamedTuple):
    """Codes, and the scale and zero point that they were made with: one for all, or one for each index along
    `axis`."""

    codes: Array
    scale: Floats
    zero_point: Array
    axis: int | None


def quantized(values: Array, scheme: Scheme) -> QuantizedConstant:
    """A constant that is not a weight, by its smallest and largest value."""
    parameters = QParams.of(Range(values.min(initial=0), values.max(initial=0)), scheme)
    return QuantizedConstant(parameters.quantize(values), parameters.scale, parameters.zero_point, None)


def quantized_weight(
    values: Array, scheme: Scheme, *, floor: Floats | float = 0.0, across_channels: bool = False
) -> QuantizedConstant:
    """A weight in codes, by the largest magnitude of each channel, rounded so that its errors cancel.

    A channel of zeros gets the largest scale of the others.

    Args:
        values: float32, any shape.
        scheme: symmetric codes and the axis that counts output channels.
        floor: the smallest scale that the biases allow, float32, for each channel or for all; see `smallest_scale`.
        across_channels: what the weight is multiplied with is never negative; see `rounded_together`.
    """
    axis = scheme.axis
    others = None if axis is None else tuple(place for place in range(values.ndim) if place != axis)
    limit = np.max(np.abs(values), axis=others, initial=0)
    largest = limit.max(initial=0)
    scale = QParams.of(Range.symmetric(np.where(limit > 0, limit, largest)), scheme).scale
    scale = np.maximum(scale, np.asarray(floor, np.float32))
    zero_point = np.zeros(scale.shape, scheme.dtype)
    if axis is None:
        codes = np.rint(values / scale)
    else:
        codes = rounded_together(np.moveaxis(values, axis, 0), scale, across_channels=across_channels)
        codes = np.moveaxis(codes, 0, axis)
    codes = np.clip(codes, scheme.lowest, scheme.highest).astype(scheme.dtype)
    return QuantizedConstant(codes, scale, zero_point, axis)


def smallest_scale(bias: Array, activation_scale: Array) -> Floats:
    """The smallest weight scale of each channel with which its bias fits 32 bits.

    code = bias / (activation scale · weight scale) must not exceed `LARGEST_BIAS_CODE`. Only a channel whose
    weights are next to nothing beside its bias is coarsened by this.

    >>> smallest_scale(np.array([1.0], np.float32), np.float32(2**-10)) == 2**-20
    array([ True])
    """
    return np.asarray(np.abs(bias) / (np.float64(activation_scale) * LARGEST_BIAS_CODE), np.float32)


def quantized_bias(bias: Array, activation_scale: Array, weight_scale: Array) -> QuantizedConstant:
    """A bias as int32 codes whose scale is activation scale × weight scale.

    >>> bias = quantized_bias(np.array([0.5], np.float32), np.float32(0.25), np.array([0.5], np.float32))
    >>> bias.codes, bias.scale
    (array([4], dtype=int32), array([0.125], dtype=float32))
    """
    scale = np.broadcast_to(np.asarray(activation_scale * weight_scale, np.float32), bias.shape).copy()
    codes = np.rint(bias.astype(np.float64) / scale).astype(np.int32)
    return QuantizedConstant(codes, scale, np.zeros_like(codes), 0)

"""Scaling and shifting channel by channel: what a BatchNormalization does, and a product's weights that do it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import NodeProto

from quantkit.core.arrays import Array, Doubles, Floats
from quantkit.graph.editing.attributes import number

_EPSILON = 1e-5
"""The default of BatchNormalization."""


@dataclass(frozen=True, slots=True)
class Affine:
    """``factor · y + shift`` for each channel: float64[channels] both."""

    factor: Doubles
    shift: Doubles


def normalization(node: NodeProto, scale: Array, offset: Array, mean: Array, variance: Array) -> Affine | None:
    """What the BatchNormalization `node` does in inference; None where its parameters, one a channel, leave no number.

    ``factor = scale / sqrt(variance + epsilon)``, ``shift = offset − factor · mean``.
    """
    scale, offset, mean, variance = (values.astype(np.float64) for values in (scale, offset, mean, variance))
    with np.errstate(all="ignore"):
        factor = scale / np.sqrt(variance + number(node, "epsilon", _EPSILON))
        shift = offset - factor * mean
    return Affine(factor, shift) if np.isfinite([factor, shift]).all() else None


def scaled_weight(node: NodeProto, weight: Array, affine: Affine) -> Floats | None:
    """The weight with which `node` gives ``factor · y``; None where the channels do not agree.

    Args:
        node: a Conv (weight [out, in/groups, …]), ConvTranspose ([in, out/groups, …]) or Gemm ([in, out], or the other
            way round with ``transB``).
        weight: float32, its present weight.
        affine: one factor for each output channel.
    """
    if weight.ndim < 2:
        return None
    if node.op_type == "ConvTranspose":
        return _scaled_by_group(weight, affine.factor, number(node, "group", 1))
    axis = 1 if node.op_type == "Gemm" and not number(node, "transB", 0) else 0
    if weight.shape[axis] != affine.factor.size:
        return None
    return _rounded(weight * np.expand_dims(affine.factor, [other for other in range(weight.ndim) if other != axis]))


def scaled_bias(node: NodeProto, bias: Array | None, affine: Affine) -> Floats | None:
    """The bias with which `node` gives ``factor · y + shift``: float32[channels]; None where rows differ."""
    if bias is None:
        return _rounded(affine.shift)
    # Gemm adds any matrix that broadcasts; only a row is the same for every sample.
    if bias.size not in (1, affine.factor.size) or (bias.size > 1 and bias.shape[-1] != bias.size):
        return None
    strength = number(node, "beta", 1.0) if node.op_type == "Gemm" else 1.0
    return _rounded(affine.factor * strength * bias.reshape(-1) + affine.shift)


def _scaled_by_group(weight: Array, factor: Doubles, groups: int) -> Floats | None:
    """Input channels come in groups; each group has output channels, and so factors, of its own."""
    inputs, outputs, *sides = weight.shape
    if groups < 1 or inputs % groups or factor.size != groups * outputs:
        return None
    by_group = weight.reshape(groups, inputs // groups, outputs, *sides)
    spread = factor.reshape(groups, 1, outputs, *[1] * len(sides))
    return _rounded((by_group * spread).reshape(weight.shape))


def _rounded(values: Doubles) -> Floats | None:
    """float32 again; None where that overflows."""
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    return narrow if np.isfinite(narrow).all() else None

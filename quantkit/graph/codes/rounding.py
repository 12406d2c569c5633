"""Rounding weights so that their errors cancel where they are added up.

A convolution adds up products with neighbouring values of one channel, which are much alike. What is left of the
rounding errors there is mostly their sum, times the common value: rounding each weight to the nearest code leaves a
sum of up to half a code for each tap, while rounding a few of them the other way, those that were nearly half-way,
leaves a sum below half a code for the whole kernel. Where all inputs are at least zero, as behind a ReLU, the same
holds across channels.

Needs no data and costs the runtime nothing. Source: Guo et al., "SQuant: On-the-Fly Data-Free Quantization via
Diagonal Hessian Approximation" (ICLR 2022), of which this is the kernel-wise and the channel-wise step.
"""

from __future__ import annotations

from math import prod

import numpy as np

from quantkit.core.arrays import Array, Counts, Doubles

# Errors are whole numbers of 2^-30 codes, so that sums and ties are the same on every processor.
UNIT_BITS = 30
POSITION_BITS = 24

# Values that are worked on at once: few enough to stay in a processor's cache.
BLOCK = 1 << 16


def rounded_together(weights: Array, scale: Array, *, across_channels: bool) -> Doubles:
    """Codes of `weights`, as whole float64 numbers of the same shape, not clipped.

    Args:
        weights: output channel, input channel, then the kernel's axes, if any.
        scale: one for each output channel.
        across_channels: make errors cancel across input channels too, not only within each kernel.

    >>> rounded_together(np.array([[[0.4, 0.4, 0.4]]]), np.ones(1), across_channels=False)
    array([[[1., 0., 0.]]])
    """
    kernels = weights.reshape(*weights.shape[:2], prod(weights.shape[2:]))
    outputs = max(1, BLOCK // max(1, kernels[:1].size))
    blocks = [slice(start, start + outputs) for start in range(0, len(kernels), outputs)]
    codes = [_rounded(kernels[rows], scale[rows], across_channels=across_channels) for rows in blocks]
    return np.concatenate([np.empty((0, *kernels.shape[1:])), *codes]).reshape(weights.shape)


def _rounded(kernels: Array, scale: Array, *, across_channels: bool) -> Doubles:
    exact = kernels / scale.astype(np.float64).reshape(-1, 1, 1)
    codes = np.rint(exact)
    _, inputs, taps = kernels.shape
    if taps > 1:
        codes += _steps(_errors(exact, codes))
    if across_channels and inputs > 1:
        errors = _errors(exact, codes)
        steps = _steps(errors.sum(axis=2))
        # Within a kernel the step is taken where it was nearest.
        places = np.argmax(errors * steps[:, :, None], axis=2)[:, :, None]
        np.put_along_axis(codes, places, np.take_along_axis(codes, places, 2) + steps[:, :, None], 2)
    return codes


def _errors(exact: Doubles, codes: Doubles) -> Counts:
    return np.rint((exact - codes) * 2.0**UNIT_BITS).astype(np.int64)


def _steps(errors: Counts) -> Counts:
    """Along the last axis, −1, 0 or 1 for each error, such that what remains sums up to half a code at most.

    The largest errors in the direction of the sum take a step; among equals the first.

    >>> _steps(np.array([[1, 1, 1, -1]]) * 2**28)
    array([[0, 0, 0, 0]])
    >>> _steps(np.array([[3, 3, 2, 1]]) * 2**27)
    array([[1, 0, 0, 0]])
    """
    total = errors.sum(axis=-1, keepdims=True)
    direction = np.sign(total)
    count = (np.abs(total) + (1 << (UNIT_BITS - 1)) - 1) >> UNIT_BITS
    size = errors.shape[-1]
    urgency = ((errors * direction) << POSITION_BITS) | np.arange(size - 1, -1, -1)
    # A position beyond the last stands for a threshold that nothing reaches.
    ordered = np.sort(urgency, axis=-1)
    least = np.take_along_axis(ordered, np.minimum(size - count, size - 1), axis=-1)
    return np.where((urgency >= least) & (count > 0), direction, 0)

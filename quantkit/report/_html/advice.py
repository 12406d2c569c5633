"""What the numbers suggest to try next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from quantkit.core.calibration import Calibration
from quantkit.core.evidence import Curve, Evidence
from quantkit.core.layer_errors import LayerErrors
from quantkit.core.text import enumerated, shortened
from quantkit.report._html.layers import LOW_DB
from quantkit.report._html.markup import Section, listed
from quantkit.report._html.weights import bits_gained

_MOST_NAMED = 5
_SATURATED = 0.01
_UNEQUAL_BITS = 3.0

# Where not clipping at all comes so close to the least loss, the rule has nothing to choose.
FLAT = 1.05

# The first and the last quantized activation are named where they are among so many worst ones.
_WORST = 3

_OF_TENSORS = {
    "constant": "hold a single value",
    "denormal": "are narrower than the smallest scale resolves",
    "dominated": "have a largest value more than 10 times what 99.99 % of the values stay within: try --method "
    "percentile for them",
}

# Operators whose outputs have a known range, whatever the data is, and its upper end.
_FIXED = {"Softmax": 1.0, "Sigmoid": 1.0, "HardSigmoid": 1.0, "Tanh": 1.0}
_FULL = 0.9


def section(evidence: Evidence) -> Section | None:
    """A sentence for each thing that stands out; nothing where nothing does."""
    lines = [*_of_ranges(evidence), *_of_curves(evidence), *_of_layers(evidence), *_of_weights(evidence)]
    return Section("advice", "What to try", listed(lines)) if lines else None


def _of_ranges(evidence: Evidence) -> Iterator[str]:
    first = next(iter(evidence.calibrations.values()), None)
    for note, meaning in _OF_TENSORS.items():
        if first is not None and (names := first.noted(note)):
            yield f"{_named(names)} {meaning}."
    for candidate, calibration in evidence.calibrations.items():
        if names := calibration.noted("over-clipped"):
            yield (
                f"{candidate}: {_named(names)} lose more than 0.2 % of their energy to saturation: try mse or max for "
                "them."
            )
        saturated = [name for name, tensor in calibration.tensors.items() if tensor.clipped > _SATURATED]
        if saturated:
            yield f"{candidate}: more than 1 % of the values saturate in {_named(saturated)}."
        if candidate in evidence.layers and (cut := list(_cut_short(calibration, evidence.layers[candidate]))):
            yield (
                f"{candidate}: outputs of softmax and sigmoid reach to 1 whatever the data, and are cut off below "
                f"{_FULL:g} in {_named(cut)}: use --override with max for them."
            )


def _cut_short(calibration: Calibration, errors: LayerErrors) -> Iterator[str]:
    for layer in errors.layers:
        own, end = calibration.tensors.get(layer.tensor), _FIXED.get(layer.operator)
        if own is not None and end is not None and own.clipped and own.range.high < _FULL * end:
            yield layer.tensor


def _of_curves(evidence: Evidence) -> Iterator[str]:
    entropy = {name: own["entropy"] for name, own in evidence.curves.items() if "entropy" in own}
    flat = [name for name, curve in entropy.items() if _is_flat(curve)]
    if flat and any(calibration.rule.startswith("entropy") for calibration in evidence.calibrations.values()):
        yield (
            f"In {len(flat)} of {len(entropy)} activations the divergence is flat, within 5 % of the least without any "
            f"clipping, so that entropy gains nothing over max there: {_named(flat)}."
        )


def _is_flat(curve: Curve) -> bool:
    if not curve.losses.size or np.argmin(curve.losses) == curve.losses.size - 1:
        return False
    return bool(curve.losses[-1] <= FLAT * np.min(curve.losses))


def _of_layers(evidence: Evidence) -> Iterator[str]:
    for candidate, errors in evidence.layers.items():
        low = [layer.tensor for layer in errors.layers if layer.isolated_db < LOW_DB]
        if low:
            yield (
                f"{candidate}: below {LOW_DB:.0f} dB by themselves: {_named(low)}. Another rule for them (--override), "
                "or leaving their nodes in FP32 (--exclude-nodes), helps most."
            )
        yield from _ends(candidate, errors)


def _ends(candidate: str, errors: LayerErrors) -> Iterator[str]:
    """The first and the last activation, which many networks cannot spare and which cost little in floats."""
    if len(errors.layers) <= 2 * _WORST:
        return
    worst = sorted(errors.layers, key=lambda layer: layer.isolated_db)[:_WORST]
    for which, layer in (("first", errors.layers[0]), ("last", errors.layers[-1])):
        if layer in worst:
            yield (
                f"{candidate}: the {which} layer, {shortened(layer.tensor, 60)}, is among the {_WORST} that lose most "
                "by themselves. Leaving it in FP32 (--exclude-nodes) costs little time."
            )


def _of_weights(evidence: Evidence) -> Iterator[str]:
    unequal = [spread.tensor for spread in evidence.weights if bits_gained(spread) > _UNEQUAL_BITS]
    if unequal:
        yield f"A scale for each channel is worth more than {_UNEQUAL_BITS:.0f} bits in {_named(unequal)}: keep it."
    dead = [spread.tensor for spread in evidence.weights if spread.quantiles[0] == 0]
    if dead:
        yield f"Some output channels are all zeros in {_named(dead)}: they could be pruned."
    depthwise = [spread.tensor for spread in evidence.weights if spread.is_depthwise]
    if depthwise:
        yield (
            f"Depthwise convolutions lose most in INT8, as no sum over channels evens out their rounding: look at "
            f"{_named(depthwise)} first."
        )


def _named(names: Iterable[str]) -> str:
    return enumerated([shortened(name, 60) for name in names], _MOST_NAMED)

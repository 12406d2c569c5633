"""What the numbers suggest to try next."""

from __future__ import annotations

from collections.abc import Iterator

from quantkit.core.evidence import Evidence
from quantkit.core.text import shortened
from quantkit.report._html.markup import Section, listed
from quantkit.report._html.weights import bits_gained

_MOST_NAMED = 5

# Half of the noise's amplitude is then more than a twentieth of the signal's: such a tensor is worth a look.
_LOW_DB = 20.0
_SATURATED = 0.01
_UNEQUAL_BITS = 3.0

_NOTES = {
    "constant": "hold a single value",
    "denormal": "are narrower than the smallest scale resolves",
    "dominated": "have a largest value far beyond all others: try --method percentile for them",
    "over-clipped": "lose more than 0.2 % of their energy to saturation: try mse or max for them",
}


def section(evidence: Evidence) -> Section | None:
    """A sentence for each thing that stands out; nothing where nothing does."""
    lines = [*_of_ranges(evidence), *_of_layers(evidence), *_of_weights(evidence)]
    return Section("advice", "What to try", listed(lines)) if lines else None


def _of_ranges(evidence: Evidence) -> Iterator[str]:
    for rule, calibration in evidence.calibrations.items():
        for note, meaning in _NOTES.items():
            if names := calibration.noted(note):
                yield f"{rule}: {_named(names)} {meaning}."
        saturated = [name for name, tensor in calibration.tensors.items() if tensor.clipped > _SATURATED]
        if saturated:
            yield f"{rule}: more than 1 % of the values saturate in {_named(saturated)}."


def _of_layers(evidence: Evidence) -> Iterator[str]:
    for name, errors in evidence.layers.items():
        low = [layer.tensor for layer in errors.layers if layer.isolated_db < _LOW_DB]
        if low:
            yield (
                f"{name}: below {_LOW_DB:.0f} dB by themselves: {_named(low)}. Another rule for them (--override), or "
                "leaving their nodes in FP32 (--exclude-nodes), helps most."
            )


def _of_weights(evidence: Evidence) -> Iterator[str]:
    unequal = [spread.tensor for spread in evidence.weights if bits_gained(spread) > _UNEQUAL_BITS]
    if unequal:
        yield f"A scale for each channel is worth more than {_UNEQUAL_BITS:.0f} bits in {_named(unequal)}: keep it."
    dead = [spread.tensor for spread in evidence.weights if spread.quantiles[0] == 0]
    if dead:
        yield f"Some output channels are all zeros in {_named(dead)}: they could be pruned."


def _named(names: list[str]) -> str:
    shown = ", ".join(shortened(name, 60) for name in names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more"

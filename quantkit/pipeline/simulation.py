"""Models whose Q/DQ pairs a runtime computes in floats: their accuracy is what it shows, and not their speed."""

from __future__ import annotations

from collections.abc import Iterable

from quantkit.core.comparison import Subject

_SHOWN = "which shows what they cost in accuracy, not the speed"


def notes_on_simulation(candidates: Iterable[Subject]) -> list[str]:
    """A note on all models for TensorRT, and one on all others of whose pairs none became an integer kernel.

    Args:
        candidates: models that ONNX Runtime ran; engines of TensorRT are passed over.
    """
    alike: dict[tuple[bool, bool], list[str]] = {}
    for candidate in candidates:
        coverage = candidate.coverage
        if coverage is None or coverage.engine is not None or not coverage.pairs:
            continue
        if candidate.is_simulated or not coverage.integer:
            alike.setdefault((candidate.is_simulated, coverage.integer > 0), []).append(candidate.name)
    return [_note(names, elsewhere=elsewhere, some=some) for (elsewhere, some), names in alike.items()]


def _note(names: list[str], *, elsewhere: bool, some: bool) -> str:
    is_one = len(names) == 1
    told = f"{', '.join(names)}{(' is' if is_one else ' are') + ' written for TensorRT' if elsewhere else ''}"
    pairs = f"{'some of ' if some else ''}{'its' if is_one else 'their'} Q/DQ pairs"
    return f"{told}: ONNX Runtime computes {pairs} in floats, {_SHOWN}"

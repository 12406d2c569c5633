"""Two calibrations, tensor by tensor."""

from __future__ import annotations

import math

from quantkit.cli.work.differences.sheet import Sheet
from quantkit.core.calibration import Calibration


def between(before: Calibration, after: Calibration) -> Sheet:
    """Every range that is not the same, the largest change first."""
    shared = sorted(before.tensors.keys() & after.tensors.keys())
    lost, won = (sorted(one.tensors.keys() - two.tensors.keys()) for one, two in ((before, after), (after, before)))
    widths = {name: (_width(before, name), _width(after, name)) for name in shared}
    unequal = [name for name in shared if _limits(before, name) != _limits(after, name)]
    changed = sorted(unequal, key=lambda name: _rank(*widths[name]))
    same = before.provenance.model == after.provenance.model
    rules = " and ".join(f"{one.rule} from {one.provenance.samples} samples" for one in (before, after))
    return Sheet(
        title=f"{len(changed)} of {len(shared)} ranges differ",
        lines=[
            rules,
            *([] if same else ["the calibrations are of different models"]),
            f"{len(changed)} of {len(shared)} ranges differ",
        ],
        head=["tensor", "before", "after", "times as wide"],
        rows=[[name, _shown(before, name), _shown(after, name), f"{ratio(*widths[name]):.4f}"] for name in changed],
        document={
            "kind": "calibration",
            "same_model": same,
            "ranges": len(shared),
            "changed": [
                {"tensor": name, "before": widths[name][0], "after": widths[name][1], "ratio": ratio(*widths[name])}
                for name in changed
            ],
            "only_before": lost,
            "only_after": won,
        },
        remarks=[*(f"only before: {name}" for name in lost), *(f"only after: {name}" for name in won)],
    )


def _limits(calibration: Calibration, name: str) -> tuple[float, float]:
    kept = calibration.tensors[name].range
    return float(kept.low), float(kept.high)


def _shown(calibration: Calibration, name: str) -> str:
    low, high = _limits(calibration, name)
    return f"[{low:.5g}, {high:.5g}]"


def _width(calibration: Calibration, name: str) -> float:
    low, high = _limits(calibration, name)
    return high - low


def ratio(before: float, after: float) -> float:
    """How many times as wide a range became.

    >>> ratio(2.0, 1.0), ratio(0.0, 1.0), ratio(0.0, 0.0)
    (0.5, inf, 1.0)
    """
    if before == 0:
        return 1.0 if after == 0 else math.inf
    return after / before


def _rank(before: float, after: float) -> float:
    """Large changes first, whether a range grew or shrank."""
    change = ratio(before, after)
    return -math.inf if change in (0, math.inf) else -abs(math.log(change))

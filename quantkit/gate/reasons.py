"""Verdicts in a sentence: what they rest on, and what would settle an open question."""

from __future__ import annotations

from collections.abc import Mapping

from quantkit.core.comparison import Interval
from quantkit.core.figures import change, plain, value
from quantkit.core.verdict import Verdict

_PAIRS = "pairs"
"""The fact of metrics that are counted by pairs of samples."""

SHARED_RISK = "; alone it would fail, but the risk of that by chance is shared by all checks"


def reason(
    verdict: Verdict, drop: Interval, limit: float, unit: str, *, samples: int, facts: Mapping[str, float]
) -> str:
    """Why the verdict is what it is; where `facts` know of pairs, these are what `samples` counts.

    >>> reason(Verdict.PASS, Interval(-0.001, -0.006, 0.004), 0.01, "share", samples=5000, facts={})
    'rose by 0.10 pp; the drop is at most 0.40 pp, and 1.00 pp is tolerated'
    """
    tolerated, noise = f"{_size(limit, unit)} is tolerated", _noise(facts, unit)
    found = _moved(drop.estimate, unit)
    if verdict is Verdict.FAIL:
        return f"{found}; the drop is at least {_size(drop.low, unit)}, and {tolerated}{noise}"
    if verdict is Verdict.PASS:
        return f"{found}; {_worst(drop.high, unit)}, and {tolerated}{noise}"
    shared = SHARED_RISK if drop.low > limit else ""
    power = f"; {_power(facts, limit, unit)}{_needed(facts, unit)}"
    pairs = f" {_PAIRS}" if _PAIRS in facts else ""
    return f"n = {samples}{pairs}{_flips(samples, facts)}, {found}{power}{noise}{shared}"


def reached(figure: Interval, asked: float, unit: str) -> str:
    """How a figure that is no difference stands to what is asked of it.

    >>> reached(Interval(0.98, 0.97, 0.99), 0.95, "share")
    '98.00 %, between 97.00 % and 99.00 %; 95.00 % is asked for'
    """
    low, high = value(figure.low, unit), value(figure.high, unit)
    return f"{value(figure.estimate, unit)}, between {low} and {high}; {value(asked, unit)} is asked for"


def _worst(high: float, unit: str) -> str:
    return f"the drop is at most {_size(high, unit)}" if high >= 0 else "it is shown to be better"


def _moved(drop: float, unit: str) -> str:
    if drop == 0:
        return "did not move"
    return f"{'dropped' if drop > 0 else 'rose'} by {_size(abs(drop), unit)}"


def _size(figure: float, unit: str) -> str:
    return change(figure, unit).removeprefix("+")


def _flips(samples: int, facts: Mapping[str, float]) -> str:
    if "regressed" not in facts:
        return ""
    return f", flips {plain(100 * (facts['regressed'] + facts['fixed']) / samples, digits=2)} %"


def _power(facts: Mapping[str, float], limit: float, unit: str) -> str:
    """The minimum detectable effect beside the limit."""
    detectable, tolerance = facts.get("minimum_detectable_drop"), f"tolerance {_size(limit, unit)}"
    if detectable is None:
        few = "so few flips show no drop, " if "regressed" in facts else ""
        return f"{few}{tolerance}"
    return f"MDE {_size(detectable, unit)} {'>' if detectable > limit else '≤'} {tolerance}"


def _needed(facts: Mapping[str, float], unit: str) -> str:
    # Where something is lost, more are needed, and where as much as the limit is lost, none are enough.
    if "needed" not in facts:
        return ""
    supposed = facts.get("supposed_drop", 0.0)
    told = "if nothing is lost" if supposed == 0 else f"if it really {_moved(supposed, unit)}"
    return f"; need ≈ {facts['needed']:.0f} {_PAIRS if _PAIRS in facts else 'samples'} {told}"


def _noise(facts: Mapping[str, float], unit: str) -> str:
    floor = facts.get("noise_floor")
    return f"; noise floor {_size(floor, unit)}, which is on top of both bounds" if floor else ""

"""Limits on figures that are counted, and so have no interval: exceeded or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from quantkit.core.comparison import Comparison, Outcome
from quantkit.core.errors import TooLittleError
from quantkit.core.figures import value
from quantkit.core.verdict import Check, Verdict
from quantkit.gate.rules import Rules

_MOST_NAMED = 3


def exceeded(comparison: Comparison, outcome: Outcome, rules: Rules) -> Iterator[Check]:
    """A check for each limit that is set.

    Args:
        comparison: the run.
        outcome: the candidate.
        rules: the limits.

    Raises:
        TooLittleError: what is limited was not measured; silence would look like success.
    """
    if rules.max_flips is not None:
        share = _flips(outcome)
        why = f"{value(share, 'share')} of samples are right in one model only; {_allowed(rules.max_flips)}"
        yield _check(outcome, "flips", share, rules.max_flips, why, over=share > rules.max_flips)
    if rules.max_size is not None:
        share = outcome.subject.size_bytes / max(comparison.reference.size_bytes, 1)
        why = f"{value(share, 'share')} of the reference's bytes; {_allowed(rules.max_size)}"
        yield _check(outcome, "size", share, rules.max_size, why, over=share > rules.max_size)
    if rules.min_int8_share is not None:
        yield _coverage(outcome, rules.min_int8_share)
    if rules.max_missing_scales is not None:
        yield _scales(outcome, rules.max_missing_scales)


def _allowed(limit: float) -> str:
    return f"{value(limit, 'share')} is allowed"


def _check(outcome: Outcome, metric: str, figure: float, limit: float, why: str, *, over: bool) -> Check:
    return Check(
        model=outcome.subject.name,
        metric=metric,
        against="limit",
        verdict=Verdict.FAIL if over else Verdict.PASS,
        samples=0,
        candidate=figure,
        limit=limit,
        unit="share",
        reason=why,
    )


def _flips(outcome: Outcome) -> float:
    before, now = outcome.rows.get("top1_reference"), outcome.rows.get("top1")
    if before is None or now is None or not len(now):
        raise unmeasured("flips", outcome, "top1 was not measured")
    return float(np.count_nonzero(before != now)) / len(now)


def _coverage(outcome: Outcome, least: float) -> Check:
    coverage = outcome.subject.coverage
    if coverage is None:
        raise unmeasured("INT8 nodes", outcome, "the runtime was not asked, or its answer not understood")
    refuse_elsewhere("INT8 nodes", outcome)
    simulated = ", as the Q/DQ pairs are computed in floats" if coverage.pairs and not coverage.integer else ""
    found = f"{coverage.integer} of {coverage.total} nodes run in integers{simulated}"
    why = f"{found}; {value(least, 'share')} is asked for"
    return _check(outcome, "int8-share", coverage.share, least, why, over=coverage.share < least)


def _scales(outcome: Outcome, most: int) -> Check:
    """None is missing in an engine that has its scales in its model."""
    coverage = outcome.subject.coverage
    if coverage is None or coverage.engine is None:
        raise unmeasured("missing scales", outcome, "it is no TensorRT engine")
    missing = coverage.engine.missing
    listed = f" ({', '.join(missing[:_MOST_NAMED])}{', …' if len(missing) > _MOST_NAMED else ''})" if missing else ""
    why = f"{len(missing)} tensors lack a scale{listed}; {most} are allowed"
    check = _check(outcome, "missing-scales", len(missing), most, why, over=len(missing) > most)
    return replace(check, unit="")


def refuse_elsewhere(what: str, outcome: Outcome) -> None:
    """Refuses limits on how a model for TensorRT ran in ONNX Runtime, which computes its Q/DQ pairs in floats.

    Raises:
        TooLittleError: it did.
    """
    if outcome.subject.coverage is not None and outcome.subject.is_simulated:
        cause = "it is written for TensorRT, and ONNX Runtime ran it, which computes its Q/DQ pairs in floats"
        raise unmeasured(what, outcome, cause, "compare in TensorRT: --backend tensorrt")


def unmeasured(what: str, outcome: Outcome, cause: str, hint: str = "compare again, with it") -> TooLittleError:
    """The error for a limit on what this run does not know."""
    title = f"{what} of {outcome.subject.name} is limited but not known"
    return TooLittleError("QK6020", title, where=outcome.subject.path, cause=cause, hints=[hint])

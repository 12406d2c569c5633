"""Limits on figures that are counted or measured once, and so have no interval: exceeded or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from quantkit.core.comparison import Comparison, Latency, Outcome
from quantkit.core.errors import TooLittleError, UsageError
from quantkit.core.verdict import Check, Verdict
from quantkit.gate.baseline import Timing, differences, timing
from quantkit.gate.rules import Rules
from quantkit.report._figures import value
from quantkit.report._numbers import milliseconds, times

PERCENTILES = ("p50", "p90")

_MOST_NAMED = 3


def exceeded(comparison: Comparison, outcome: Outcome, rules: Rules, then: Timing | None = None) -> Iterator[Check]:
    """A check for each limit that is set.

    Args:
        comparison: the run.
        outcome: the candidate.
        rules: the limits.
        then: how long it took when the baseline was made.

    Raises:
        TooLittleError: what is limited was not measured; silence would look like success.
    """
    yield from _latency(comparison, outcome, rules, then)
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
        raise _unmeasured("flips", outcome, "top1 was not measured")
    return float(np.count_nonzero(before != now)) / len(now)


def _coverage(outcome: Outcome, least: float) -> Check:
    coverage = outcome.subject.coverage
    if coverage is None:
        raise _unmeasured("INT8 nodes", outcome, "the runtime was not asked")
    why = f"{coverage.integer} of {coverage.total} nodes run in integers; {value(least, 'share')} is asked for"
    return _check(outcome, "int8-share", coverage.share, least, why, over=coverage.share < least)


def _scales(outcome: Outcome, most: int) -> Check:
    """None is missing in an engine that has its scales in its model."""
    coverage = outcome.subject.coverage
    if coverage is None or coverage.engine is None:
        raise _unmeasured("missing scales", outcome, "it is no TensorRT engine")
    missing = coverage.engine.missing
    listed = f" ({', '.join(missing[:_MOST_NAMED])}{', …' if len(missing) > _MOST_NAMED else ''})" if missing else ""
    why = f"{len(missing)} tensors lack a scale{listed}; {most} are allowed"
    check = _check(outcome, "missing-scales", len(missing), most, why, over=len(missing) > most)
    return replace(check, unit="")


def _latency(comparison: Comparison, outcome: Outcome, rules: Rules, then: Timing | None) -> Iterator[Check]:
    """Against the reference in this job and, as a part of its time, against the baseline.

    What a job shares its machine with moves both models alike, and so far less the one as a part of the other.
    """
    now = timing(comparison, outcome)
    for percentile, allowed in rules.latency.items():
        if now is None:
            raise _unmeasured("latency", outcome, "it was not timed in this run")
        yield _slower(comparison, outcome, rules, now, percentile)
        if then is None or not min(_at(percentile, then.fp32), _at(percentile, now.fp32)) > 0:
            continue
        was, found = (_at(percentile, one.int8) / _at(percentile, one.fp32) for one in (then, now))
        elsewhere = bool(differences(then.environment, now.environment)) and not rules.allow_cross_env
        yield Check(
            model=outcome.subject.name,
            metric=f"latency-{percentile}",
            against="baseline",
            verdict=Verdict.FAIL if found > was * (1 + allowed) else Verdict.PASS,
            samples=now.int8.runs,
            candidate=found,
            reference=was,
            limit=was * (1 + allowed),
            reason=f"{times(found)} the time of {comparison.reference.name} in the same job, {times(was)} then; "
            f"{_slack(allowed, rules)}",
            advisory=rules.shared_machine or elsewhere,
        )


def _slower(comparison: Comparison, outcome: Outcome, rules: Rules, now: Timing, percentile: str) -> Check:
    was, found, allowed = _at(percentile, now.fp32), _at(percentile, now.int8), rules.latency[percentile]
    return Check(
        model=outcome.subject.name,
        metric=f"latency-{percentile}",
        against=comparison.reference.name,
        verdict=Verdict.FAIL if found > was * (1 + allowed) else Verdict.PASS,
        samples=now.int8.runs,
        candidate=found,
        reference=was,
        limit=was * (1 + allowed),
        unit="ms",
        reason=f"{milliseconds(found)} against {milliseconds(was)}; {_slack(allowed, rules)}",
        advisory=rules.shared_machine,
    )


def _slack(allowed: float, rules: Rules) -> str:
    shared = ", and the machine is shared with other jobs" if rules.shared_machine else ""
    return f"{value(allowed, 'share')} slower is allowed{shared}"


def _at(percentile: str, latency: Latency) -> float:
    if percentile not in PERCENTILES:
        hints = [f"there are: {', '.join(PERCENTILES)}"]
        raise UsageError("QK6006", f"latency has no percentile {percentile!r}", hints=hints)
    return latency.p50_ms if percentile == "p50" else latency.p90_ms


def _unmeasured(what: str, outcome: Outcome, cause: str) -> TooLittleError:
    title = f"{what} of {outcome.subject.name} is limited but not known"
    return TooLittleError("QK6020", title, where=outcome.subject.path, cause=cause, hints=["compare again, with it"])

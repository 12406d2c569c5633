"""The questions that calls answer: does a model take longer than is tolerated, now or since the baseline?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from quantkit.core.comparison import Comparison, Interval, Latency, MetricSummary, Outcome
from quantkit.core.errors import UsageError
from quantkit.core.figures import milliseconds, times, value
from quantkit.core.timing import PERCENTILES, time_ratio
from quantkit.core.verdict import Check, Verdict
from quantkit.gate.baseline import Timing, differences
from quantkit.gate.deciding import Question
from quantkit.gate.evidence import Evidence, Stored, apart
from quantkit.gate.limits import refuse_elsewhere, unmeasured
from quantkit.gate.reasons import SHARED_RISK
from quantkit.gate.rules import Rules
from quantkit.gate.trials import Trial

# What is just as slow as allowed passes, whichever way its logarithm is rounded.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Timed:
    """The logarithm of how many times as long a candidate takes as the reference in the same job."""

    candidate: Latency
    reference: Latency
    percentile: str
    detectable: float | None = field(default=None, init=False)
    facts: Mapping[str, float] = field(default_factory=dict, init=False)

    @property
    def samples(self) -> int:
        """Calls of the candidate."""
        return self.candidate.runs

    def bounds(self, alpha: float) -> Interval:
        """The median of the ratios of blocks of calls, and two of them; as if certain where no blocks are known."""
        level = 1 - 2 * alpha
        found = time_ratio(self.candidate, self.reference, percentile=self.percentile, level=level)
        return _logarithm(found or _certain(_ratio(self.candidate, self.reference, self.percentile)))

    def needed(self, away: float) -> float:
        """No number of samples makes calls steadier."""
        del away
        return math.inf


@dataclass(frozen=True, slots=True)
class Slower(Trial):
    """Whether a percentile is beyond so many times another one: the limit is the logarithm of how many times.

    Args:
        ceiling: the largest figure that is allowed.
        told: the figures, for people.
        slack: what is allowed, for people.
    """

    ceiling: float = math.inf
    told: str = ""
    slack: str = ""

    def check(self, question: Question, verdict: Verdict, alpha: float) -> Check:
        """The answer, with the ratio that it rests on."""
        found = question.evidence.bounds(alpha)
        shared = SHARED_RISK if verdict is Verdict.INCONCLUSIVE and found.low > question.limit else ""
        low, ratio, high = (math.exp(figure) for figure in (found.low, found.estimate, found.high))
        return Check(
            model=self.model,
            metric=self.summary.metric,
            against=self.against,
            verdict=verdict,
            samples=self.summary.samples,
            candidate=self.summary.candidate,
            reference=self.reference,
            limit=self.ceiling,
            unit=self.summary.unit,
            reason=f"{self.told}{_bounded(verdict, low, ratio, high)}; {self.slack}{shared}",
            advisory=self.advisory,
            facts={"ratio": ratio, "ratio_low": low, "ratio_high": high},
        )


def slower(comparison: Comparison, outcome: Outcome, rules: Rules, then: Timing | None = None) -> Iterator[Slower]:
    """Against the reference in this job and, as a part of its time, against the baseline.

    What a job shares its machine with moves both models alike, and so far less the one as a part of the other.

    Args:
        comparison: the run.
        outcome: the candidate.
        rules: the limits.
        then: how long it took when the baseline was made.

    Raises:
        UsageError: a latency has no such percentile.
        TooLittleError: it was not timed, or not in the runtime that it is for; silence would look like success.
    """
    fp32, int8 = comparison.reference.latency, outcome.subject.latency
    for percentile in rules.latency:
        refuse_elsewhere("latency", outcome)
        if fp32 is None or int8 is None:
            raise unmeasured("latency", outcome, "it was not timed in this run")
        yield _now(comparison, outcome, rules, Timed(int8, fp32, percentile))
        if then is not None and min(_at(percentile, each) for each in (then.fp32, then.int8, fp32, int8)) > 0:
            yield _since(comparison, outcome, rules, Timed(int8, fp32, percentile), then)


def _now(comparison: Comparison, outcome: Outcome, rules: Rules, timed: Timed) -> Slower:
    percentile, reference = timed.percentile, comparison.reference.name
    was, found = _at(percentile, timed.reference), _at(percentile, timed.candidate)
    return Slower(
        outcome.subject.name,
        _summary(timed, found, "ms"),
        reference,
        was,
        timed,
        _limit(rules.latency[percentile]),
        advisory=rules.shared_machine,
        ceiling=was * (1 + rules.latency[percentile]),
        told=f"{milliseconds(found)} against {milliseconds(was)}",
        slack=_slack(rules.latency[percentile], rules),
    )


def _since(comparison: Comparison, outcome: Outcome, rules: Rules, timed: Timed, then: Timing) -> Slower:
    percentile = timed.percentile
    before = then.ratios.get(percentile) or _certain(_ratio(then.int8, then.fp32, percentile))
    now = time_ratio(timed.candidate, timed.reference, percentile=percentile, level=before.level)
    was, found = before.estimate, now.estimate if now else _ratio(timed.candidate, timed.reference, percentile)
    elsewhere = bool(differences(then.environment, comparison.environment)) and not rules.allow_cross_env
    return Slower(
        outcome.subject.name,
        _summary(timed, found, ""),
        "baseline",
        was,
        _apart(before, now or _certain(found, before.level), timed.samples),
        _limit(rules.latency[percentile]),
        advisory=rules.shared_machine or elsewhere,
        ceiling=was * (1 + rules.latency[percentile]),
        told=f"{times(found)} the time of {comparison.reference.name} in the same job, {times(was)} then",
        slack=_slack(rules.latency[percentile], rules),
    )


def _apart(then: Interval, now: Interval, samples: int) -> Evidence:
    """By how much the logarithm of a ratio moved; open where either of them is."""
    found = apart(_logarithm(then), _logarithm(now), samples)
    return found or Stored(Interval(math.log(now.estimate / then.estimate), -math.inf, math.inf), samples)


def _summary(timed: Timed, found: float, unit: str) -> MetricSummary:
    return MetricSummary(f"latency-{timed.percentile}", timed.samples, found, unit=unit, higher_is_better=False)


def _limit(allowed: float) -> float:
    return math.log1p(allowed) + _ROUNDING if allowed > -1 else -math.inf


def _ratio(one: Latency, other: Latency, percentile: str) -> float:
    mine, its = _at(percentile, one), _at(percentile, other)
    return mine / its if its > 0 else math.inf


def _certain(ratio: float, level: float = 0.95) -> Interval:
    return Interval(ratio, ratio, ratio, level)


def _logarithm(ratio: Interval) -> Interval:
    low, estimate, high = (math.log(end) if end > 0 else -math.inf for end in (ratio.low, ratio.estimate, ratio.high))
    return Interval(estimate, low, high, ratio.level, ratio.method)


def _bounded(verdict: Verdict, low: float, ratio: float, high: float) -> str:
    """The bound that the verdict rests on, or both; nothing where there are none."""
    if low == high:
        return ""
    if verdict is Verdict.INCONCLUSIVE:
        return f"; {times(ratio)}, between {times(low)} and {times(high)}: time it on a quieter machine"
    return f"; {times(ratio)}, at {f'least {times(low)}' if verdict is Verdict.FAIL else f'most {times(high)}'}"


def _slack(allowed: float, rules: Rules) -> str:
    shared = ", and the machine is shared with other jobs" if rules.shared_machine else ""
    return f"{value(allowed, 'share')} slower is allowed{shared}"


def _at(percentile: str, latency: Latency) -> float:
    if percentile not in PERCENTILES:
        hints = [f"there are: {', '.join(PERCENTILES)}"]
        raise UsageError("QK6006", f"latency has no percentile {percentile!r}", hints=hints)
    return latency.p50_ms if percentile == "p50" else latency.p90_ms

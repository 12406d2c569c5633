"""The questions that samples answer: has a metric dropped by more than is tolerated?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from quantkit.core import plugins
from quantkit.core.comparison import DOUBTFUL, Comparison, Interval, MetricSummary, Outcome
from quantkit.core.errors import DataError, TooLittleError, UsageError
from quantkit.core.tolerance import Tolerance
from quantkit.core.verdict import Check, Verdict
from quantkit.gate.deciding import Question, power
from quantkit.gate.evidence import Evidence, Noisy, Pairs, Stored
from quantkit.gate.paired import against_reference, clusters_by
from quantkit.gate.reasons import reached, reason
from quantkit.gate.rules import Rules


@dataclass(frozen=True, slots=True)
class Trial:
    """A question about one metric of one candidate, with what it is about."""

    model: str
    summary: MetricSummary
    against: str
    reference: float | None
    evidence: Evidence | Pairs
    limit: float
    advisory: bool = False
    floor: float | None = None

    def question(self, evidence: Evidence) -> Question:
        """What is asked of the evidence, once it is drawn."""
        return Question(evidence if self.floor is None else Noisy(evidence, self.floor), self.limit)

    def check(self, question: Question, verdict: Verdict, alpha: float) -> Check:
        """The answer, with everything that a reader needs to follow it."""
        evidence = question.evidence
        drop = evidence.bounds(alpha)
        facts = {**evidence.facts, **power(question)}
        if verdict is not Verdict.INCONCLUSIVE:
            facts = {name: fact for name, fact in facts.items() if name not in ("needed", "supposed_drop")}
        told = {**facts, **{name: fact for name, fact in self.summary.facts.items() if name == "pairs"}}
        return Check(
            model=self.model,
            metric=self.summary.metric,
            against=self.against,
            verdict=verdict,
            samples=evidence.samples,
            candidate=self.summary.candidate,
            reference=self.reference,
            drop=drop,
            limit=self.limit,
            unit=self.summary.unit,
            title=self.summary.title,
            reason=reason(verdict, drop, self.limit, self.summary.unit, samples=evidence.samples, facts=told),
            improved=drop.high < 0,
            advisory=self.advisory,
            facts=facts,
        )


def tolerated(comparison: Comparison, outcome: Outcome, rules: Rules) -> Mapping[str, Tolerance]:
    """Metric → tolerance: those that the rules name, or the preset for the first metric with a reference value.

    Raises:
        UsageError: a metric that was not measured.
        TooLittleError: nothing is named, and no accuracy was measured.
    """
    for metric in (*rules.tolerances, *rules.minimums):
        measured(outcome, metric)
    if rules.tolerances:
        return rules.tolerances
    primary = next((summary.metric for summary in outcome.metrics if summary.reference is not None), None)
    if primary is not None:
        return {primary: rules.preset}
    limits = (rules.min_int8_share, rules.max_missing_scales, rules.max_size)
    if rules.minimums or rules.latency or any(limit is not None for limit in limits):
        return {}
    known = ", ".join(summary.metric for summary in outcome.metrics) or "nothing"
    told = f"measured: {known}, none of which the reference has a value of; {len(comparison.samples)} samples"
    cause = "; ".join([told, *(note.removeprefix(DOUBTFUL) for note in comparison.notes if note.startswith(DOUBTFUL))])
    hints = ["compare with labels", "or name a bound, such as --min agreement=0.98"]
    raise TooLittleError("QK6008", "there is no accuracy to judge", cause=cause, hints=hints)


def measured(outcome: Outcome, metric: str) -> MetricSummary:
    """The summary of a metric.

    Raises:
        UsageError: there is none.
        DataError: it is NaN.
    """
    summary = outcome.metric(metric)
    if summary is None:
        known = [found.metric for found in outcome.metrics]
        hints = [*plugins.did_you_mean(metric, known), f"there are: {', '.join(known)}"]
        raise UsageError("QK6006", f"the run has no metric called {metric!r}", hints=hints)
    if math.isnan(summary.candidate) or math.isnan(summary.reference or 0.0):
        title = f"{metric} of {outcome.subject.name} or of the reference is NaN"
        raise DataError("QK6005", title, hints=["look at the data and the FP32 model, then compare again"])
    return summary


def drops(comparison: Comparison, outcome: Outcome, rules: Rules) -> Iterator[Trial]:
    """What each metric lost against the reference, now."""
    clusters = clusters_by(rules.cluster, comparison, outcome)
    for metric, tolerance in tolerated(comparison, outcome, rules).items():
        summary = measured(outcome, metric)
        evidence = against_reference(outcome, summary, clusters)
        if evidence is None or summary.reference is None:
            title = f"{metric} has no value for the reference, so nothing can have dropped"
            raise UsageError("QK6007", title, hints=[f"give a bound instead: --min {metric}=VALUE"])
        if summary.reference == 0 and summary.higher_is_better:
            title = f"{metric} of the reference is 0: there is nothing to lose"
            hints = ["look at the labels and the preprocessing"]
            raise TooLittleError("QK6004", title, where=comparison.reference.path, hints=hints)
        limit = tolerance.limit(summary.reference, summary.unit, metric, higher_is_better=summary.higher_is_better)
        name = comparison.reference.name
        floor = noise_floor(comparison, (name, outcome.subject.name), metric)
        yield Trial(outcome.subject.name, summary, name, summary.reference, evidence, limit, floor=floor)


def noise_floor(comparison: Comparison, models: tuple[str, str], metric: str) -> float | None:
    """The drop from one model to the other that running both once more can make; none where that was not tried."""
    found = [comparison.noise[name].floors.get(metric) for name in models if name in comparison.noise]
    known = [floor for floor in found if floor is not None]
    return sum(known) if len(known) == len(models) else None


@dataclass(frozen=True, slots=True)
class Bound(Trial):
    """A question about the figure itself: does it reach `least`? How far it is from that is the drop."""

    least: float = 0.0

    def check(self, question: Question, verdict: Verdict, alpha: float) -> Check:
        """The answer; there is nothing that the figure could have dropped from."""
        short = question.evidence.bounds(alpha)
        sign = 1 if self.summary.higher_is_better else -1
        low, high = sorted((self.least - sign * short.high, self.least - sign * short.low))
        return Check(
            model=self.model,
            metric=self.summary.metric,
            against=self.against,
            verdict=verdict,
            samples=self.summary.samples,
            candidate=self.summary.candidate,
            limit=self.least,
            unit=self.summary.unit,
            title=self.summary.title,
            reason=reached(Interval(self.summary.candidate, low, high), self.least, self.summary.unit),
            facts={"low": low, "high": high},
        )


def bounds(outcome: Outcome, rules: Rules) -> Iterator[Trial]:
    """Whether figures reach the values that are asked of them."""
    for metric, least in rules.minimums.items():
        summary = measured(outcome, metric)
        found = summary.interval
        if found is None:
            found = Interval(summary.candidate, summary.candidate, summary.candidate, method="no interval is known")
        sign = 1 if summary.higher_is_better else -1
        low, high = sorted((sign * (least - found.low), sign * (least - found.high)))
        short = Interval(sign * (least - found.estimate), low, high, found.level, found.method)
        evidence = Stored(short, summary.samples)
        yield Bound(outcome.subject.name, summary, "limit", None, evidence, 0.0, least=least)

"""The whole judgement: every question, one correction over all of them, and what counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from quantkit.core.comparison import Comparison, Outcome
from quantkit.core.errors import ArtifactError, ExitCode
from quantkit.core.verdict import Check, Judgement, Verdict
from quantkit.gate import baseline as stored
from quantkit.gate.baseline import Baseline
from quantkit.gate.deciding import verdicts
from quantkit.gate.limits import exceeded
from quantkit.gate.paired import between, clusters_by, own_values
from quantkit.gate.refusals import judged
from quantkit.gate.rules import Rules
from quantkit.gate.trials import Trial, bounds, drops, measured, tolerated

FAIL_ON = ("regression", "inconclusive", "warning")
"""What ends with another exit code than 0, each with those before it."""


def judge(comparison: Comparison, rules: Rules | None = None, baseline: Baseline | None = None) -> Judgement:
    """Checks every candidate against the reference, against its baseline, and against every limit that is set.

    Tolerances that the rules do not name are those of the baseline.

    Raises:
        TooLittleError: the run allows no verdict at all.
        DataError: a metric is NaN, or samples were calibrated on and evaluated.
        ArtifactError: the baseline is of another data set.
        UsageError: the rules name what the run has not.
    """
    rules = rules or Rules()
    if baseline is not None and baseline.tolerances and not rules.tolerances:
        rules = replace(rules, tolerances=baseline.tolerances)
    outcomes = judged(comparison, rules)
    court = _Court(comparison, rules, baseline)
    trials = [trial for outcome in outcomes for trial in court.trials(outcome)]
    found = court.answered(trials)
    limits = [check for outcome in outcomes for check in exceeded(comparison, outcome, rules)]
    return Judgement(comparison, (*found, *limits), rules.alpha, tuple(court.notes(outcomes)))


@dataclass(frozen=True, slots=True)
class _Court:
    """What all questions share."""

    comparison: Comparison
    rules: Rules
    baseline: Baseline | None

    def __post_init__(self) -> None:
        if self.baseline is None:
            return
        then, now = self.baseline.dataset, stored.dataset(self.comparison)
        if then.manifest != now.manifest:
            raise ArtifactError(
                "QK6012",
                "the baseline is of another data set",
                cause=f"{then.samples} samples then, {now.samples} now, or others, or with other labels",
                hints=["compare on the data of the baseline", "quantkit baseline update --new-dataset, with a reason"],
            )

    def trials(self, outcome: Outcome) -> Iterator[Trial]:
        """Every question about one candidate that samples answer."""
        yield from drops(self.comparison, outcome, self.rules)
        yield from self._regressions(outcome)
        yield from bounds(outcome, self.rules)

    def _regressions(self, outcome: Outcome) -> Iterator[Trial]:
        """What each metric lost against the same model's baseline."""
        if self.baseline is None:
            return
        order = stored.order(self.comparison)
        clusters = clusters_by(self.rules.cluster, self.comparison, outcome)
        for metric, tolerance in tolerated(self.comparison, outcome, self.rules).items():
            record = self.baseline.records.get(stored.key(outcome, metric))
            summary = measured(outcome, metric)
            now = own_values(outcome, summary)
            if record is None or record.outcomes is None or now is None:
                continue
            grouped = None if clusters is None else clusters[order]
            better = summary.higher_is_better
            evidence = between(record.outcomes, now[order], grouped, higher_is_better=better)
            limit = tolerance.limit(record.int8, summary.unit, metric, higher_is_better=better)
            elsewhere = bool(self._differences(record)) and not self.rules.allow_cross_env
            yield Trial(outcome.subject.name, summary, "baseline", record.int8, evidence, limit, advisory=elsewhere)

    def answered(self, trials: Sequence[Trial]) -> list[Check]:
        """Checks in the order of the questions; those that decide nothing do not make the others stricter."""
        counted = [trial for trial in trials if not trial.advisory]
        others = [trial for trial in trials if trial.advisory]
        found: dict[int, Verdict] = {}
        for group in (counted, others):
            answers = verdicts([trial.question for trial in group], self.rules.alpha)
            found.update({id(trial): answer for trial, answer in zip(group, answers, strict=True)})
        return [trial.check(found[id(trial)], self.rules.alpha) for trial in trials]

    def notes(self, outcomes: Sequence[Outcome]) -> list[str]:
        """What a reader has to know: gaps in the baseline, and another environment."""
        if self.baseline is None:
            return []
        found: dict[str, None] = {}
        for outcome in outcomes:
            for metric in tolerated(self.comparison, outcome, self.rules):
                key = stored.key(outcome, metric)
                record = self.baseline.records.get(key)
                if record is None or record.outcomes is None:
                    found[f"the baseline has no outcomes of {key}: only FP32 is compared with"] = None
                elif changes := self._differences(record):
                    weight = "in full" if self.rules.allow_cross_env else "as a warning only"
                    found[f"the baseline is from another environment and counts {weight}: {'; '.join(changes)}"] = None
        return list(found)

    def _differences(self, record: stored.Record) -> list[str]:
        then, now = record.environment, self.comparison.environment
        return [
            f"{name} {then.get(name, 'unknown')} then, {now.get(name, 'unknown')} now"
            for name in sorted(then.keys() | now.keys())
            if then.get(name) != now.get(name)
        ]


def exit_code(judgement: Judgement, fail_on: str = "regression") -> ExitCode:
    """What a CI job branches on: 1 for a regression, 5 for an open question where that was asked for."""
    if judgement.verdict is Verdict.FAIL:
        return ExitCode.GATE_FAILED
    if fail_on == "warning" and (judgement.warnings or judgement.notes):
        return ExitCode.GATE_FAILED
    if fail_on != "regression" and judgement.verdict is Verdict.INCONCLUSIVE:
        return ExitCode.TOO_LITTLE
    return ExitCode.OK

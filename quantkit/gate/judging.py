"""The whole judgement: every question, one correction over all of them, and what counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from quantkit.core import arguments
from quantkit.core.comparison import DOUBTFUL, Comparison, MetricSummary, Outcome
from quantkit.core.errors import ExitCode, TooLittleError
from quantkit.core.verdict import Check, Judgement, Verdict
from quantkit.gate import baseline as stored
from quantkit.gate.baseline import Baseline, Record, differences
from quantkit.gate.consistency import refuse_other_data
from quantkit.gate.deciding import verdicts
from quantkit.gate.evidence import Evidence, Pairs, apart, drawn
from quantkit.gate.limits import exceeded
from quantkit.gate.paired import between, clusters_by, drop_of, own_values
from quantkit.gate.refusals import judged
from quantkit.gate.rules import Rules
from quantkit.gate.slowness import slower
from quantkit.gate.trials import Trial, bounds, drops, measured, noise_floor, tolerated


@arguments.checked
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
    if baseline is not None:
        rules = replace(rules, tolerances={**baseline.tolerances, **rules.tolerances})
    outcomes = judged(comparison, rules)
    court = _Court(comparison, rules, baseline)
    if baseline is not None:
        _refuse_strangers(baseline, outcomes)
    trials = [trial for outcome in outcomes for trial in court.trials(outcome)]
    found = court.answered(trials)
    limits = [check for outcome in outcomes for check in exceeded(comparison, outcome, rules)]
    return Judgement(comparison, (*found, *limits), rules.alpha, tuple(court.notes(outcomes)))


def _refuse_strangers(baseline: Baseline, outcomes: Sequence[Outcome]) -> None:
    """A baseline that knows none of the models judges nothing: a new name must not switch the gate off."""
    keys = {stored.key(outcome, summary.metric) for outcome in outcomes for summary in outcome.metrics}
    if not keys & baseline.records.keys():
        held = ", ".join(sorted({key.rpartition("/")[0] for key in baseline.records})) or "nothing"
        raise TooLittleError(
            "QK6017",
            "the baseline has none of the models of this run",
            cause=f"it holds {held}; the run has {', '.join(outcome.subject.name for outcome in outcomes)}",
            hints=[
                "give the model file the name that it had, as a model is known by it",
                'quantkit baseline update RUN --reason "..." takes the new ones in',
            ],
        )


@dataclass(frozen=True, slots=True)
class _Court:
    """What all questions share."""

    comparison: Comparison
    rules: Rules
    baseline: Baseline | None

    def __post_init__(self) -> None:
        if self.baseline is not None:
            refuse_other_data(self.baseline, self.comparison)

    def trials(self, outcome: Outcome) -> Iterator[Trial]:
        """Every question about one candidate that samples or calls answer."""
        yield from drops(self.comparison, outcome, self.rules)
        yield from self._regressions(outcome)
        yield from bounds(outcome, self.rules)
        timings = {} if self.baseline is None else self.baseline.timings
        yield from slower(self.comparison, outcome, self.rules, timings.get(stored.model_key(outcome)))

    def _regressions(self, outcome: Outcome) -> Iterator[Trial]:
        """What each metric lost against the same model's baseline."""
        if self.baseline is None:
            return
        for metric, tolerance in tolerated(self.comparison, outcome, self.rules).items():
            record = self.baseline.records.get(stored.key(outcome, metric))
            summary = measured(outcome, metric)
            evidence = None if record is None else self._regression(outcome, summary, record)
            if record is None or evidence is None:
                continue
            limit = tolerance.limit(record.int8, summary.unit, metric, higher_is_better=summary.higher_is_better)
            moved = differences(record.environment, self.comparison.environment)
            elsewhere = bool(moved) and not self.rules.allow_cross_env
            name = outcome.subject.name
            floor = noise_floor(self.comparison, (name, name), metric)
            yield Trial(name, summary, "baseline", record.int8, evidence, limit, advisory=elsewhere, floor=floor)

    def _regression(self, outcome: Outcome, summary: MetricSummary, record: Record) -> Evidence | Pairs | None:
        """Sample by sample where the baseline holds outcomes; otherwise from what both runs lost against one FP32."""
        now, better = own_values(outcome, summary), summary.higher_is_better
        if record.outcomes is None or now is None:
            same = record.fp32 == summary.reference
            drop = drop_of(summary)
            return apart(record.drop, drop, summary.samples) if same and record.drop and drop else None
        order = stored.order(self.comparison)
        clusters = clusters_by(self.rules.cluster, self.comparison, outcome)
        grouped = None if clusters is None else clusters[order]
        return between(record.outcomes, now[order], grouped, higher_is_better=better)

    def answered(self, trials: Sequence[Trial]) -> list[Check]:
        """Checks in the order of the questions; those that decide nothing do not make the others stricter."""
        evidence = drawn([trial.evidence for trial in trials])
        questions = [trial.question(own) for trial, own in zip(trials, evidence, strict=True)]
        found: dict[int, Verdict] = {}
        for advisory in (False, True):
            group = [number for number, trial in enumerate(trials) if trial.advisory is advisory]
            answers = verdicts([questions[number] for number in group], self.rules.alpha)
            found.update(zip(group, answers, strict=True))
        return [trial.check(questions[number], found[number], self.rules.alpha) for number, trial in enumerate(trials)]

    def notes(self, outcomes: Sequence[Outcome]) -> list[str]:
        """What a reader has to know: doubts about the run, gaps in the baseline, and another environment."""
        doubts = [note.removeprefix(DOUBTFUL) for note in self.comparison.notes if note.startswith(DOUBTFUL)]
        if self.baseline is None:
            return doubts
        found = dict.fromkeys(doubts)
        for outcome in outcomes:
            for metric in tolerated(self.comparison, outcome, self.rules):
                key = stored.key(outcome, metric)
                record = self.baseline.records.get(key)
                if record is None or self._regression(outcome, measured(outcome, metric), record) is None:
                    found[f"the baseline has no outcomes of {key}: only FP32 is compared with"] = None
                elif changes := differences(record.environment, self.comparison.environment):
                    weight = "in full" if self.rules.allow_cross_env else "as a warning only"
                    found[f"the baseline is from another environment and counts {weight}: {'; '.join(changes)}"] = None
        return list(found)


def exit_code(judgement: Judgement, fail_on: str = "regression") -> ExitCode:
    """What a CI job branches on: 1 for a regression, 5 for an open question where that was asked for.

    Args:
        judgement: what was found.
        fail_on: what ends with another code than 0: ``"regression"``, ``"inconclusive"`` or ``"warning"``, each with
            those before it.
    """
    if judgement.verdict is Verdict.FAIL:
        return ExitCode.GATE_FAILED
    if fail_on == "warning" and (judgement.warnings or judgement.notes):
        return ExitCode.GATE_FAILED
    if fail_on != "regression" and judgement.verdict is Verdict.INCONCLUSIVE:
        return ExitCode.TOO_LITTLE
    return ExitCode.OK

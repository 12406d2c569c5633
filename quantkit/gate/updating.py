"""A new baseline from a judged run; a gate that moves by itself would be none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from quantkit.core.comparison import DOUBTFUL, Comparison, Outcome
from quantkit.core.errors import ArtifactError, GateError, TooLittleError, UsageError
from quantkit.core.tolerance import Tolerance
from quantkit.core.verdict import Judgement, Verdict
from quantkit.gate.baseline import Baseline, Record, Timing, dataset, key, model_key, record, timing
from quantkit.gate.paired import own_values
from quantkit.gate.rules import Rules
from quantkit.gate.trials import measured, tolerated


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes a baseline and how far they may go.

    Args:
        reason: why; stands in the file.
        updated: the day, as ``2026-11-21``.
        commit: where known.
        new_dataset: other samples than before are meant.
        force: a model that fails, or is not shown to pass, is meant.
    """

    reason: str
    updated: str
    commit: str = ""
    new_dataset: bool = False
    force: bool = False


def updated(judgement: Judgement, rules: Rules, before: Baseline | None, change: Change) -> Baseline:
    """The baseline with this run's models in place of what it had of them; models that the run lacks are kept.

    Args:
        judgement: of the run against FP32 alone.
        rules: those it was judged by.
        before: the baseline so far.
        change: by whom, why.

    Raises:
        UsageError: no reason is given.
        GateError: the run fails.
        TooLittleError: the run is not shown to pass.
        ArtifactError: the data set is another.
    """
    _refuse_unexplained(change)
    if not change.force:
        _refuse_unproven(judgement)
    data = dataset(judgement.comparison)
    changed = before is not None and before.dataset.manifest != data.manifest
    if changed and not change.new_dataset:
        raise ArtifactError("QK6012", "the baseline is of another data set", hints=["--new-dataset replaces it"])
    fresh: dict[str, Record] = {}
    tolerances: dict[str, Tolerance] = {}
    timings: dict[str, Timing] = {}
    for outcome in judgement.comparison.candidates:
        if rules.models is None or outcome.subject.name in rules.models:
            fresh.update(_records(judgement.comparison, outcome, rules))
            tolerances.update(tolerated(judgement.comparison, outcome, rules))
            if took := timing(judgement.comparison, outcome):
                timings[model_key(outcome)] = took
    if before is not None:
        fresh = fresh if changed else {**before.records, **fresh}
        timings = timings if changed else {**before.timings, **timings}
        tolerances = {**before.tolerances, **tolerances}
    return Baseline(change.updated, change.reason, change.commit, data, fresh, tolerances, timings)


def _records(comparison: Comparison, outcome: Outcome, rules: Rules) -> Iterator[tuple[str, Record]]:
    for metric in tolerated(comparison, outcome, rules):
        summary = measured(outcome, metric)
        yield key(outcome, metric), record(comparison, outcome, summary, own_values(outcome, summary))


def _refuse_unexplained(change: Change) -> None:
    if not change.reason.strip():
        hints = ['--reason "switch conv1 to per-channel"']
        raise UsageError("QK6013", "a baseline is not changed without a reason", hints=hints)


def _refuse_unproven(judgement: Judgement) -> None:
    for note in judgement.comparison.notes:
        if note.startswith(DOUBTFUL):
            cause = note.removeprefix(DOUBTFUL)
            hints = ["compare again, with the right labels and preprocessing", "--force takes it all the same"]
            raise TooLittleError("QK6018", "a run whose accuracy is in doubt is no baseline", cause=cause, hints=hints)
    doubtful = [check for check in judgement.checks if check.verdict is not Verdict.PASS]
    if not doubtful:
        return
    worst = next((check for check in doubtful if check.verdict is Verdict.FAIL), doubtful[0])
    cause, hints = f"{worst.name}: {worst.reason}", ["--force takes it all the same"]
    if worst.verdict is Verdict.FAIL:
        raise GateError("QK6014", "a run that fails is no baseline", cause=cause, hints=hints)
    title = "a run that is not shown to pass is no baseline"
    raise TooLittleError("QK6015", title, cause=cause, hints=["compare on more samples", *hints])

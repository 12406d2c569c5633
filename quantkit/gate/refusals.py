"""Runs on which no verdict may rest: nothing evaluated, nothing quantized, made-up or shared data."""

from __future__ import annotations

import json
from collections.abc import Sequence

from quantkit.core import plugins
from quantkit.core.comparison import Comparison, Outcome
from quantkit.core.errors import DataError, QuantkitError, TooLittleError, UsageError
from quantkit.gate.rules import Rules


def judged(comparison: Comparison, rules: Rules) -> Sequence[Outcome]:
    """The candidates that the rules name; otherwise all but engines in floats, which INT8 is only measured against.

    Raises:
        TooLittleError: no samples, no candidate, nothing quantized, or synthetic data: a verdict would mean nothing.
        DataError: samples were calibrated on and evaluated.
        UsageError: there is no such candidate.
    """
    if not comparison.samples:
        raise TooLittleError("QK6001", "0 samples were evaluated", hints=["compare again, with data"])
    if not comparison.candidates:
        raise TooLittleError("QK6001", "the run has no candidate to judge", hints=["compare again, with a model"])
    everyone = [outcome for outcome in comparison.candidates if not comparison.is_yardstick(outcome)]
    found = [_called(name, comparison) for name in rules.models or ()] or everyone or list(comparison.candidates)
    for outcome in found:
        _refuse_unquantized(outcome, comparison)
        _refuse_made_up(outcome, comparison)
        if not rules.allow_overlap:
            _refuse_shared(outcome, comparison)
    return found


def _called(name: str, comparison: Comparison) -> Outcome:
    outcomes = {outcome.subject.name: outcome for outcome in comparison.candidates}
    if name not in outcomes:
        hints = [*plugins.did_you_mean(name, list(outcomes)), f"there are: {', '.join(outcomes)}"]
        raise UsageError("QK6006", f"the run has no candidate called {name!r}", hints=hints)
    return outcomes[name]


def _refuse_unquantized(outcome: Outcome, comparison: Comparison) -> None:
    subject = outcome.subject
    cause, engine = None, subject.coverage.engine if subject.coverage else None
    if subject.digest == comparison.reference.digest and (engine is None or engine.is_floating):
        cause = "its file is the reference itself"
    elif subject.coverage is not None and subject.coverage.integer == 0 and not subject.coverage.pairs:
        cause = f"0 of {subject.coverage.total} nodes run in integers"
    if cause:
        title = f"nothing in {subject.name} is quantized, so that it cannot lose anything"
        raise TooLittleError("QK6002", title, where=subject.path, cause=cause, hints=["quantkit inspect MODEL"])


def _refuse_made_up(outcome: Outcome, comparison: Comparison) -> None:
    hints = ["use real samples: quantkit calibrate MODEL --data PATH"]
    if outcome.subject.provenance.get("quantkit.synthetic") == "true":
        raise _synthetic(f"{outcome.subject.name} was calibrated on made-up data", hints)
    if _says_synthetic(comparison.data.get("preprocessing", "")):
        raise _synthetic("the models were compared on made-up data", hints)


def _synthetic(title: str, hints: Sequence[str]) -> QuantkitError:
    return TooLittleError("QK6003", title, cause="it says nothing about accuracy on real data", hints=hints)


def _says_synthetic(record: str) -> bool:
    try:
        said = json.loads(record or "{}")
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get("synthetic") is True


def _refuse_shared(outcome: Outcome, comparison: Comparison) -> None:
    """As far as the run knows: whoever compared may have counted, and two whole sets may be one."""
    known, samples = outcome.subject.provenance, len(comparison.samples)
    # Of one candidate, or of all of a job.
    counted = known.get("calibrated_on") or comparison.data.get("calibrated_on", "")
    same = known.get("quantkit.samples_digest") == comparison.data.get("samples_sha256", "none")
    if same or (counted.isdecimal() and int(counted) > 0):
        about = "about " if "calibrated_on_interval" in known and not same else ""
        title = f"{about}{samples if same else counted} of {samples} evaluated samples were also calibrated on"
        cause = "accuracy on them is better than on other data"
        # Leaving out all of them leaves nothing.
        without = [] if same else ["or calibrate or compare again without them: --exclude-samples GLOB"]
        hints = ["evaluate on other samples", *without, "--allow-overlap judges all the same"]
        raise DataError("QK6009", title, cause=cause, hints=hints)

"""What every form says about a check, in the same words."""

from __future__ import annotations

from collections import Counter

from quantkit.core.verdict import Check, Judgement, Verdict
from quantkit.report._figures import NOTHING, change, value
from quantkit.report._numbers import milliseconds


def word(check: Check) -> str:
    """The verdict; a failure that decides nothing is a warning."""
    return "WARNING" if check.advisory and check.verdict is Verdict.FAIL else str(check.verdict)


def headline(judgement: Judgement) -> str:
    """The verdict on everything, and how it comes about."""
    counts = Counter(word(check) for check in judgement.checks)
    told = ", ".join(f"{counts[kind]} {kind}" for kind in ("FAIL", "WARNING", "INCONCLUSIVE", "PASS") if counts[kind])
    return f"{judgement.verdict}: {told or 'no checks'} on {len(judgement.comparison.samples)} samples"


def remarks(judgement: Judgement) -> list[str]:
    """Notes on the judgement, and the good news."""
    better = [check for check in judgement.checks if check.improved and check.against == "baseline"]
    return [
        *judgement.notes,
        *(f"IMPROVED: {check.name}; quantkit baseline update RUN --reason … keeps it" for check in better),
    ]


def next_steps(judgement: Judgement) -> list[str]:
    """What a reader can do about the verdict; nothing where all is well and kept."""
    verdicts = {check.verdict for check in judgement.checks if not check.advisory}
    needed = max((check.facts.get("needed", 0.0) for check in judgement.checks), default=0.0)
    lost = [check for check in judgement.checks if check.verdict is Verdict.INCONCLUSIVE and _is_beyond(check)]
    steps = []
    if Verdict.FAIL in verdicts:
        steps.append("quantkit report RUN --html report.html shows the layers that lose most and the samples that flip")
        steps.append("then another rule (--method mse,percentile) or --exclude-nodes for the worst layers")
    if lost:
        steps.append(f"{lost[0].name} dropped by more than its limit: more samples would rather show that than a PASS")
    elif Verdict.INCONCLUSIVE in verdicts and needed:
        steps.append(f"compare on {needed:.0f} samples, or more if something is lost; --require proven insists on it")
    if verdicts == {Verdict.PASS} and all(check.against != "baseline" for check in judgement.checks):
        steps.append('quantkit baseline update RUN --reason "…" keeps this as what later runs are held against')
    return steps


def _is_beyond(check: Check) -> bool:
    """Whether what was found is beyond the limit, if not for certain."""
    return check.drop is not None and check.limit is not None and check.drop.estimate > check.limit


def title(check: Check) -> str:
    """What a table calls the metric."""
    return check.title or check.metric


def figure(check: Check, number: float | None) -> str:
    """One of a check's figures."""
    if number is None:
        return NOTHING
    return milliseconds(number) if check.unit == "ms" else value(number, check.unit)


def drop(check: Check) -> str:
    """The drop; a rise is negative."""
    return NOTHING if check.drop is None else change(check.drop.estimate, check.unit)


def bounds(check: Check) -> str:
    """Its one-sided bounds."""
    if check.drop is None:
        return NOTHING
    return f"[{change(check.drop.low, check.unit)}, {change(check.drop.high, check.unit)}]"


def limit(check: Check) -> str:
    """What is allowed."""
    if check.limit is None:
        return NOTHING
    if check.drop is None:
        return figure(check, check.limit)
    return change(check.limit, check.unit).removeprefix("+")


def level(judgement: Judgement) -> str:
    """How sure each bound is.

    >>> from quantkit.core.comparison import Comparison, Subject
    >>> level(Judgement(Comparison(Subject("a", "a", "a", 1), (), ()), (), 0.05))
    'bounds, 95 % each'
    """
    return f"bounds, {100 * (1 - judgement.alpha):g} % each"

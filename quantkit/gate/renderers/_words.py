"""What every form says about a check, in the same words."""

from __future__ import annotations

from quantkit.core.figures import change
from quantkit.core.verdict import Check, Judgement, Verdict
from quantkit.report._figures import NOTHING

RUN = "RUN"
"""Stands in commands for the path of the run, where that is not known."""


def remarks(judgement: Judgement, run: str = RUN) -> list[str]:
    """Notes on the judgement, and the good news; `run` is how a shell names the run."""
    better = [check for check in judgement.checks if check.improved and check.against == "baseline"]
    return [
        *judgement.notes,
        *(f"IMPROVED: {check.name}; quantkit baseline update {run} --reason … keeps it" for check in better),
    ]


def next_steps(judgement: Judgement, run: str = RUN) -> list[str]:
    """What a reader can do about the verdict; nothing where all is well and kept. `run`: as for `remarks`."""
    verdicts = {check.verdict for check in judgement.checks if not check.advisory}
    open_ones = [check.facts for check in judgement.checks if "needed" in check.facts and not check.advisory]
    needed, supposed = max(((facts["needed"], facts.get("supposed_drop", 0.0)) for facts in open_ones), default=(0, 0))
    lost = [check for check in judgement.checks if check.verdict is Verdict.INCONCLUSIVE and _is_beyond(check)]
    steps = []
    if Verdict.FAIL in verdicts:
        page = f"quantkit report {run} --html report.html"
        steps.append(f"{page} shows the layers that lose most and the samples that flip")
        steps.append("then another rule (--method mse,percentile) or --exclude-nodes for the worst layers")
    if lost:
        steps.append(f"{lost[0].name} dropped by more than its limit: more samples would rather show that than a PASS")
    elif Verdict.INCONCLUSIVE in verdicts and needed:
        more = "" if supposed else ", or more if something is lost"
        steps.append(f"compare on {needed:.0f} samples{more}; --require proven insists on it")
    if verdicts == {Verdict.PASS} and all(check.against != "baseline" for check in judgement.checks):
        steps.append(f'quantkit baseline update {run} --reason "…" keeps this as what later runs are held against')
    return steps


def _is_beyond(check: Check) -> bool:
    """Whether what was found is beyond the limit, if not for certain."""
    return check.drop is not None and check.limit is not None and check.drop.estimate > check.limit


def title(check: Check) -> str:
    """What a table calls the metric."""
    return check.title or check.metric


def figure(check: Check, number: float | None) -> str:
    """One of a check's figures."""
    return check.shown(number) or NOTHING


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
    return check.shown_limit or NOTHING


def level(judgement: Judgement) -> str:
    """How sure each bound is.

    >>> from quantkit.core.comparison import Comparison, Subject
    >>> level(Judgement(Comparison(Subject("a", "a", "a", 1), (), ()), (), 0.05))
    'bounds, 95 % each'
    """
    return f"bounds, {100 * (1 - judgement.alpha):g} % each"

"""The verdicts: a line for each check, with its limit in the picture."""

from __future__ import annotations

import math

from quantkit.core.comparison import Interval
from quantkit.core.verdict import Check, Judgement, Verdict
from quantkit.report._figures import change, value
from quantkit.report._html.intervals import picture, span_of
from quantkit.report._html.markup import escaped, listed

# A word and a sign, so that nobody needs to tell colours apart.
_SIGNS = {Verdict.PASS: "✓ PASS", Verdict.FAIL: "✗ FAIL", Verdict.INCONCLUSIVE: "? INCONCLUSIVE"}

_COLUMNS = (
    ("verdict", "name"),
    ("model", "name"),
    ("check", "name"),
    ("held against", "figure"),
    ("INT8", "figure"),
    ("drop", "figure"),
    ("interval and limit", "name"),
    ("limit", "figure"),
    ("samples", "figure"),
)


def checked(judgement: Judgement) -> str:
    """The verdict on all, the checks, and warnings about the judgement itself."""
    head = "".join(f'<th scope="col" class="{kind}">{title}</th>' for title, kind in _COLUMNS)
    body = "".join(_line(check) for check in judgement.checks)
    reasons = listed(f"{check.name}: {check.reason}" for check in judgement.checks if check.reason)
    notes = f'<div class="note" role="note">{listed(judgement.notes)}</div>' if judgement.notes else ""
    return (
        f'<p class="verdict {judgement.verdict.name.lower()}">{_SIGNS[judgement.verdict]}</p>{notes}'
        '<div class="scroll"><table class="checks"><caption>Checks; a drop is positive where INT8 is worse</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{reasons}"
    )


def _line(check: Check) -> str:
    sign = "↑ IMPROVED" if check.improved else _SIGNS[check.verdict]
    note = " (advisory)" if check.advisory else ""
    against = "–" if check.reference is None else f"{check.against}: {value(check.reference, check.unit)}"
    figures = "".join(
        f'<td class="figure">{escaped(cell)}</td>'
        for cell in (against, value(check.candidate, check.unit), _drop(check))
    )
    return (
        f'<tr><th scope="row" class="verdict {check.verdict.name.lower()}">{sign}{note}</th>'
        f'<td class="name">{escaped(check.model, 60)}</td><td class="name">{escaped(check.title or check.metric)}</td>'
        f'{figures}<td>{_pictured(check)}</td><td class="figure">{escaped(_limit(check))}</td>'
        f'<td class="figure">{check.samples}</td></tr>'
    )


def _drop(check: Check) -> str:
    return "–" if check.drop is None else change(check.drop.estimate, check.unit)


def _limit(check: Check) -> str:
    return "–" if check.limit is None else change(check.limit, check.unit)


def _pictured(check: Check) -> str:
    drop, limit = check.drop, check.limit
    if drop is None or limit is None or not _finite(drop, limit):
        return "–"
    return picture(drop, span_of([drop], limit), check.unit, limit=limit)


def _finite(drop: Interval, limit: float) -> bool:
    return all(math.isfinite(end) for end in (drop.low, drop.estimate, drop.high, limit))

"""The verdict in a word, and a line for each check with its limit in the picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from quantkit.core.comparison import Interval
from quantkit.core.figures import change, milliseconds, plain, value
from quantkit.core.verdict import Check, Judgement, Verdict
from quantkit.report._figures import NOTHING
from quantkit.report._html.intervals import picture, span_of
from quantkit.report._html.markup import escaped, listed

# A word and a sign, so that nobody needs to tell colours apart.
_SIGNS = {Verdict.PASS: "✓ PASS", Verdict.FAIL: "✗ FAIL", Verdict.INCONCLUSIVE: "? INCONCLUSIVE"}
_UNJUDGED = "– NOT JUDGED"


def _columns(judgement: Judgement) -> list[tuple[str, str]]:
    against = {check.against for check in judgement.checks if check.reference is not None}
    return [
        ("verdict", "name"),
        ("model", "name"),
        ("metric", "name"),
        (against.pop() if len(against) == 1 else "held against", "figure"),
        ("INT8", "figure"),
        ("drop", "figure"),
        ("bounds and limit δ", "name"),
        ("limit δ", "figure"),
        ("n", "figure"),
        ("flips − / +", "figure"),
        ("MDE", "figure"),
    ]


def checked(judgement: Judgement) -> str:
    """The verdict on all, the checks, and warnings about the judgement itself."""
    notes = f'<div class="note" role="note">{listed(judgement.notes)}</div>' if judgement.notes else ""
    if not judgement.checks:
        return f'<p class="verdict none">{_UNJUDGED}</p>{notes}'
    kind = judgement.verdict.name.lower()
    columns = _columns(judgement)
    head = "".join(f'<th scope="col" class="{kind}">{escaped(title, 60)}</th>' for title, kind in columns)
    spans = _spans(judgement)
    body = "".join(_line(check, spans, columns[3][0]) for check in judgement.checks)
    return (
        f'<p class="verdict {kind}">{_SIGNS[judgement.verdict]}</p><p class="lead">{_told(judgement)}</p>{notes}'
        '<div class="scroll"><table class="checks"><caption>Checks; a drop is positive where INT8 is worse</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{_legend(judgement)}"
    )


def _told(judgement: Judgement) -> str:
    """The verdict in a sentence for somebody who sees such a report for the first time."""
    counted = [check for check in judgement.checks if not check.advisory]
    alike = sum(check.verdict is judgement.verdict for check in counted)
    share = f"{alike} of {len(counted)} checks" if len(counted) > 1 else "the check"
    if judgement.verdict is Verdict.FAIL:
        return f"INT8 is shown to lose more than its limit allows in {share}."
    if judgement.verdict is Verdict.PASS:
        return f"INT8 is shown to keep its limit in {share}."
    return f"No loss beyond a limit is shown, but the samples are too few to rule one out in {share}."


def _legend(judgement: Judgement) -> str:
    return (
        '<p class="quiet">In the picture: the dot is the drop, the bar reaches from its lower to its upper bound '
        f"({100 * (1 - judgement.alpha):g} % each), the dashed line marked δ is the limit, the grey line no "
        "difference. A bar left of δ passes, one right of it fails unless its reason says that the risk is shared, one "
        "across it is open. Flips: samples that became wrong / right. MDE: the minimum detectable effect, the true "
        "drop that so many samples find 4 times in 5; – where too few of them differ to tell.</p>"
    )


def _spans(judgement: Judgement) -> Mapping[tuple[str, str], tuple[float, float]]:
    """Metric and what it is held against → one scale for all models, so that their pictures can be compared."""
    found: dict[tuple[str, str], list[float]] = {}
    for check in judgement.checks:
        if check.drop is not None and check.limit is not None and _finite(check.drop, check.limit):
            ends = found.setdefault((check.metric, check.against), [])
            ends += [check.drop.low, check.drop.high, check.limit]
    return {key: span_of([], *ends) for key, ends in found.items()}


def _line(check: Check, spans: Mapping[tuple[str, str], tuple[float, float]], against: str) -> str:
    sign = "↑ IMPROVED" if check.improved else _SIGNS[check.verdict]
    note = " (advisory)" if check.advisory else ""
    figures = "".join(f'<td class="figure">{escaped(cell)}</td>' for cell in _figures(check))
    others = "".join(f'<td class="figure">{escaped(cell)}</td>' for cell in _others(check))
    why = f'<tr class="why"><td></td><td colspan="10">{escaped(check.reason)}</td></tr>' if check.reason else ""
    return (
        f'<tr><th scope="row" class="verdict {check.verdict.name.lower()}">{sign}{note}</th>'
        f'<td class="name">{escaped(check.model, 60)}</td>'
        f'<td class="name">{escaped(check.title or check.metric)}{_held(check, against)}</td>'
        f"{figures}<td>{_pictured(check, spans)}</td>{others}</tr>{why}"
    )


def _held(check: Check, usual: str) -> str:
    """What a check is held against, where the heading does not say it."""
    if check.against == usual:
        return ""
    return f'<span class="aside">against {escaped(check.against, 60)}</span>'


def _figures(check: Check) -> Iterator[str]:
    yield NOTHING if check.reference is None else _shown(check, check.reference)
    yield _shown(check, check.candidate)
    yield NOTHING if check.drop is None else change(check.drop.estimate, check.unit)


def _others(check: Check) -> Iterator[str]:
    if check.limit is None:
        yield NOTHING
    else:
        yield _shown(check, check.limit) if check.drop is None else change(check.limit, check.unit).removeprefix("+")
    yield str(check.samples) if check.samples else NOTHING
    regressed, fixed = check.facts.get("regressed"), check.facts.get("fixed")
    yield NOTHING if regressed is None or fixed is None else _flips(check, regressed, fixed)
    detectable = check.facts.get("minimum_detectable_drop")
    yield NOTHING if detectable is None else change(detectable, check.unit).removeprefix("+")


def _flips(check: Check, regressed: float, fixed: float) -> str:
    share = f" ({plain(100 * (regressed + fixed) / check.samples, digits=2)} %)" if check.samples else ""
    return f"{regressed:.0f} / {fixed:.0f}{share}"


def _shown(check: Check, number: float) -> str:
    return milliseconds(number) if check.unit == "ms" else value(number, check.unit)


def _pictured(check: Check, spans: Mapping[tuple[str, str], tuple[float, float]]) -> str:
    drop, limit, span = check.drop, check.limit, spans.get((check.metric, check.against))
    if drop is None or limit is None or span is None or not _finite(drop, limit):
        return NOTHING
    bounds = f"{change(drop.low, check.unit)} to {change(drop.high, check.unit)}"
    return f'{picture(drop, span, check.unit, limit=limit)}<span class="aside">{escaped(bounds)}</span>'


def _finite(drop: Interval, limit: float) -> bool:
    return all(math.isfinite(end) for end in (drop.low, drop.estimate, drop.high, limit))

"""The first thing that a reader wants: what it cost, how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

from quantkit.core.comparison import Comparison, Interval, MetricSummary
from quantkit.core.figures import change, value
from quantkit.core.verdict import Judgement
from quantkit.report._choice import choice
from quantkit.report._figures import rows
from quantkit.report._html.checks import checked
from quantkit.report._html.intervals import picture, span_of
from quantkit.report._html.markup import Section, escaped, folded, listed, table
from quantkit.report._wording import doubts, model_names, sections

_COLUMNS = (
    ("model", "name"),
    ("metric", "name"),
    ("FP32", "figure"),
    ("INT8", "figure"),
    ("difference", "figure"),
    ("interval", "figure"),
    ("picture", "name"),
    ("samples", "figure"),
    ("flips − / +", "figure"),
)


def section(comparison: Comparison, judgement: Judgement | None) -> Section:
    """The verdicts where there are any, what the run shows in sentences, and the figures with their intervals."""
    told = {part.title: part.lines for part in sections(comparison)}
    shows = told.get("What this shows", ())
    body = [listed(shows)] if judgement is None else [_doubted(comparison), checked(judgement), _chosen(comparison)]
    if notes := told.get("Notes"):
        body.append(f'<div class="note" role="note"><strong>Notes</strong>{listed(notes)}</div>')
    body.append(_figures(comparison))
    if differences := _differences(comparison):
        unsaid = [] if judgement is None else _unsaid(shows, comparison)
        body.append(folded("Every metric with its paired interval", f"{listed(unsaid) if unsaid else ''}{differences}"))
    return Section("verdict", "Verdict" if judgement and judgement.checks else "What INT8 cost", "".join(body))


def _doubted(comparison: Comparison) -> str:
    """What has to be known before any verdict is believed."""
    found = doubts(comparison)
    return f'<div class="note" role="note">{listed(found)}</div>' if found else ""


def _chosen(comparison: Comparison) -> str:
    """The candidate to take: verdicts judge each by itself."""
    found = choice(comparison)
    return listed(found) if found else ""


def _unsaid(shows: Sequence[str], comparison: Comparison) -> list[str]:
    """What the run shows and does not stand beside the verdicts."""
    said = {*doubts(comparison), *choice(comparison)}
    return [line for line in shows if line not in said]


def _figures(comparison: Comparison) -> str:
    lines = [[f"· {row.label}" if row.detail else row.label, *row.cells] for row in rows(comparison)]
    return table(["", *model_names(comparison, 60)], lines, caption="All figures")


def _differences(comparison: Comparison) -> str:
    """A line for each candidate and metric that the reference has a value of, with a picture of the interval."""
    found = [
        (outcome.subject.name, summary, summary.difference)
        for outcome in comparison.candidates
        for summary in outcome.metrics
        if summary.difference is not None
    ]
    if not found:
        return ""
    head = "".join(f'<th scope="col" class="{kind}">{title}</th>' for title, kind in _COLUMNS)
    metrics = {summary.metric for _, summary, _ in found}
    span = {metric: span_of([each for _, other, each in found if other.metric == metric]) for metric in metrics}
    body = "".join(_line(name, summary, interval, span[summary.metric]) for name, summary, interval in found)
    caption = "Paired differences from FP32"
    return (
        f'<div class="scroll"><table class="checks"><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _line(name: str, summary: MetricSummary, interval: Interval, span: tuple[float, float]) -> str:
    unit = summary.unit
    regressed, fixed = summary.facts.get("regressed"), summary.facts.get("fixed")
    flips = "–" if regressed is None or fixed is None else f"{regressed:.0f} / {fixed:.0f}"
    cells = [
        "–" if summary.reference is None else value(summary.reference, unit),
        value(summary.candidate, unit),
        change(interval.estimate, unit),
        f"{100 * interval.level:g} %: {change(interval.low, unit)} to {change(interval.high, unit)}",
    ]
    shown = "".join(f'<td class="figure">{escaped(cell)}</td>' for cell in cells)
    return (
        f'<tr><th scope="row">{escaped(name, 60)}</th><td class="name">{escaped(summary.title or summary.metric)}</td>'
        f'{shown}<td>{picture(interval, span, unit)}</td><td class="figure">{summary.samples}</td>'
        f'<td class="figure">{flips}</td></tr>'
    )

"""From a comparison, or the verdict on one, to a text for people or machines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from quantkit.core import plugins
from quantkit.core.comparison import Comparison
from quantkit.core.evidence import Evidence
from quantkit.core.verdict import Judgement

FIGURES, VERDICTS = "quantkit.report", "quantkit.gate.renderers"


def render(
    what: Comparison | Judgement, form: str = "table", *, width: int = 80, evidence: Evidence | None = None
) -> str:
    """The text of `what`, as ``quantkit report`` and ``quantkit check`` write it.

    Args:
        what: a comparison; or a judgement, of which every form shows the verdicts first.
        form: ``"table"``, ``"markdown"`` or ``"html"``; of a judgement also ``"junit"``, ``"openmetrics"`` and
            ``"annotations"``; of a comparison any module of `quantkit.report`.
        width: columns of a table.
        evidence: what a page shows beside the run, as `quantkit.pipeline.evidence.evidence` puts it together.

    Raises:
        UsageError: there is no such form.
        SetupError: ``"html"`` needs Plotly, which is not installed.
    """
    judgement = what if isinstance(what, Judgement) else None
    comparison = what.comparison if isinstance(what, Judgement) else what
    options: dict[str, Any] = {"width": width} if form == "table" else {}
    if judgement is not None and form in plugins.names(VERDICTS):
        return str(plugins.load(VERDICTS, form)(**options).render(judgement))
    if form == "html":
        shown = evidence or Evidence()
        options = {"evidence": shown if judgement is None else replace(shown, judgement=judgement)}
    return str(plugins.load(FIGURES, form)(**options).render(comparison))

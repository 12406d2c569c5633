"""From a comparison, or the verdict on one, to a text for people or machines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from quantkit.core import arguments, plugins
from quantkit.core.comparison import Comparison
from quantkit.core.evidence import Evidence
from quantkit.core.verdict import Judgement

FIGURES, VERDICTS = "quantkit.report", "quantkit.gate.renderers"


@arguments.checked
def render(
    what: Comparison | Judgement,
    form: str = "table",
    *,
    width: int = 80,
    evidence: Evidence | None = None,
    root: Path | None = None,
) -> str:
    """The text of `what`, as ``quantkit report`` and ``quantkit check`` write it.

    Args:
        what: a comparison; or a judgement, of which every form shows the verdicts first.
        form: ``"table"``, ``"markdown"`` or ``"html"``; of a judgement also ``"junit"``, ``"openmetrics"`` and
            ``"annotations"``; of a comparison any module of `quantkit.report`.
        width: columns of a table.
        evidence: what ``"html"`` shows beside the run, as `quantkit.pipeline.evidence.evidence` puts it together;
            ``"markdown"`` shows its layers.
        root: the folder that paths in ``"sarif"`` are relative to.

    Raises:
        UsageError: there is no such form.
        SetupError: ``"html"`` needs Plotly, which is not installed.
    """
    if width < 1:
        raise arguments.refused("render()", "width", width, "1 or more")
    judgement = what if isinstance(what, Judgement) else None
    comparison = what.comparison if isinstance(what, Judgement) else what
    shown = evidence or Evidence()
    if judgement is not None:
        shown = replace(shown, judgement=judgement)
    options: dict[str, dict[str, Any]] = {
        "table": {"width": width},
        "markdown": {"layers": shown.layers},
        "html": {"evidence": shown},
        "sarif": {"root": root},
    }
    own = options.get(form, {})
    if judgement is not None and form in plugins.names(VERDICTS):
        return str(plugins.load(VERDICTS, form)(**own).render(judgement))
    return str(plugins.load(FIGURES, form)(**own).render(comparison))

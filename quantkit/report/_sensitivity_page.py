"""A sensitivity as one page that opens anywhere, offline, with heatmaps to explore."""

from __future__ import annotations

from quantkit.core import plugins
from quantkit.core.sensitivity import Sensitivity
from quantkit.report._html import page as pages
from quantkit.report._html import sensitivity
from quantkit.report._html.markup import Section, listed, table


def page(found: Sensitivity) -> str:
    """The whole page.

    Raises:
        SetupError: Plotly is not installed.
    """
    library: str = plugins.optional("plotly.offline").get_plotlyjs()
    sections = [section for section in (sensitivity.section(found), _origin(found)) if section is not None]
    title = f"{len(found.quantized)} layers for {found.target}: which cost accuracy"
    return pages.written(title, sections, library)


def _origin(found: Sensitivity) -> Section:
    """Where everything comes from, so that it can be made again."""
    model = {"model": found.path, "model content": found.model}
    facts = {**model, "ranges": found.rule, "ranges sha256": found.calibration}
    lines = [[name, fact] for facts_of in (facts, found.data, found.environment) for name, fact in facts_of.items()]
    body = table(["what", "is"], lines, names=2) + (listed(found.notes) if found.notes else "")
    return Section("origin", "Provenance", body)

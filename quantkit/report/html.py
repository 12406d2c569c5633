"""A comparison as one page that opens anywhere, offline, with plots to explore."""

from __future__ import annotations

from dataclasses import dataclass, field

from quantkit.core import plugins
from quantkit.core.comparison import Comparison
from quantkit.core.evidence import Evidence
from quantkit.core.ports import Renderer
from quantkit.report._html import (
    advice,
    coverage,
    layers,
    origin,
    page,
    samples,
    sensitivity,
    tensors,
    tradeoff,
    verdict,
    weights,
)
from quantkit.report._wording import headline


@dataclass(frozen=True, slots=True)
class HtmlRenderer:
    """What INT8 cost, where the error arises, how each activation was clipped, which answers changed.

    Plotly draws; it comes along, so nothing is loaded from anywhere.

    Args:
        evidence: what stands behind the run; sections without any are left out.
    """

    evidence: Evidence = field(default_factory=Evidence)

    def render(self, comparison: Comparison) -> str:
        """The whole page.

        Raises:
            SetupError: Plotly is not installed.
        """
        library: str = plugins.optional("plotly.offline").get_plotlyjs()
        found = [
            verdict.section(comparison, self.evidence.judgement),
            tradeoff.section(comparison, self.evidence.sensitivity),
            layers.section(comparison, self.evidence),
            tensors.section(self.evidence),
            sensitivity.section(self.evidence.sensitivity),
            weights.section(self.evidence),
            samples.section(comparison, self.evidence),
            coverage.section(comparison),
            origin.section(comparison, self.evidence),
            advice.section(self.evidence),
        ]
        return page.written(headline(comparison), [section for section in found if section is not None], library)


plugin: type[Renderer] = HtmlRenderer

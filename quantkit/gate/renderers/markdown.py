"""Verdicts for a job summary or a pull request: the table of checks first, the figures below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from quantkit.core.layer_errors import LayerErrors
from quantkit.core.ports import VerdictRenderer
from quantkit.core.text import shortened
from quantkit.core.verdict import Check, Judgement
from quantkit.gate.renderers._words import bounds, drop, figure, level, limit, remarks, title
from quantkit.report.markdown import MarkdownRenderer, escaped

# No reader goes through more rows; JUnit and JSON hold them all.
_MOST = 100
_SIGNS = {"PASS": "✅", "FAIL": "❌", "WARNING": "⚠️", "INCONCLUSIVE": "❔"}


@dataclass(frozen=True, slots=True)
class MarkdownVerdicts:
    """One table of checks, notes, and then the comparison as its own renderer shows it.

    Args:
        limit_bytes: of the whole; the comparison is cut first. GitHub takes 1 MiB for a summary, 64 KiB for a comment.
        layers: candidate → its error layer by layer, where that was measured.
    """

    limit_bytes: int = 900_000
    layers: Mapping[str, LayerErrors] = field(default_factory=dict)

    def render(self, judgement: Judgement) -> str:
        """The whole text."""
        head = ["", "model", "metric", "against", "reference", "now", "drop", level(judgement), "limit", "n", "why"]
        shown = judgement.checks[:_MOST]
        notes = [*remarks(judgement)]
        if len(judgement.checks) > _MOST:
            notes.append(f"{len(judgement.checks) - _MOST} more checks are not shown")
        lines = [
            f"## {escaped(judgement.headline)}",
            "",
            _line(head),
            "|:---|:---|:---|:---|---:|---:|---:|---:|---:|---:|:---|",
            *(_line(_cells(check)) for check in shown),
            "",
            *(f"- {escaped(shortened(note, 400))}" for note in notes),
            "",
        ]
        text = "\n".join(lines)
        left = max(0, self.limit_bytes - len(text.encode()) - 1)
        return f"{text}\n{MarkdownRenderer(left, self.layers).render(judgement.comparison)}"


def _cells(check: Check) -> list[str]:
    verdict = check.word
    return [
        f"{_SIGNS[verdict]} {verdict}",
        shortened(check.model, 60),
        title(check),
        shortened(check.against, 60),
        figure(check, check.reference),
        figure(check, check.candidate),
        drop(check),
        bounds(check),
        limit(check),
        str(check.samples) if check.samples else "",
        shortened(check.reason, 300),
    ]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(escaped(cell) for cell in cells)} |"


plugin: type[VerdictRenderer] = MarkdownVerdicts

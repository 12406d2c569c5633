"""Verdicts for the terminal: each with its reason, and what to do next."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quantkit.core.comparison import DOUBTFUL
from quantkit.core.ports import VerdictRenderer
from quantkit.core.text import calm, loggable
from quantkit.core.verdict import Check, Judgement, Verdict
from quantkit.gate.renderers._words import RUN, figure, next_steps, remarks, title
from quantkit.report.table import TableRenderer

_INDENT = 14
_COLORS = {Verdict.PASS: "\x1b[1;36m", Verdict.FAIL: "\x1b[1;31m", Verdict.INCONCLUSIVE: "\x1b[1;33m"}
_PLAIN = "\x1b[0m"
_ASCII = str.maketrans({"−": "-", "–": "-", "×": "x", "…": "...", "∞": "inf", "·": ".", "→": "->", "≈": "~", "≤": "<="})


@dataclass(frozen=True, slots=True)
class TableVerdicts:
    """Legible without colour and at any width.

    Args:
        width: columns of the terminal.
        color: ANSI codes around the verdicts; the words say the same.
        ascii_only: for an output that has no other characters.
        figures: whether the whole comparison follows.
        run: how a shell names the run, for commands to paste.
    """

    width: int = 80
    color: bool = False
    ascii_only: bool = False
    figures: bool = False
    run: str = RUN

    def render(self, judgement: Judgement) -> str:
        """The whole text."""
        lines = [self._colored(calm(judgement.headline), judgement.verdict), ""]
        for check in judgement.checks:
            first, *others = self._wrapped(check)
            lines += [f"{self._colored(f'{check.word:<{_INDENT}}', check.verdict)}{first}", *others]
        # Doubts are remarks on the judgement already.
        told = [note for note in judgement.comparison.notes if not note.startswith(DOUBTFUL)]
        lines += self._listed("Notes", [*remarks(judgement, self.run), *told])
        lines += self._listed("Next", next_steps(judgement, self.run))
        if self.figures:
            lines += ["", TableRenderer(self.width, self.color, self.ascii_only).render(judgement.comparison)]
        return "\n".join(lines)

    def _listed(self, heading: str, entries: Sequence[str]) -> list[str]:
        """Lines under a heading, where there are any."""
        lines = [line for entry in entries for line in self._filled(entry, "- ", "  ")]
        return ["", heading, *lines] if lines else []

    def _wrapped(self, check: Check) -> Iterator[str]:
        """What is checked, then why, with space for the verdict in front of the first line."""
        figures = figure(check, check.candidate)
        if check.reference is not None:
            figures = f"{figure(check, check.reference)} → {figures}"
        head = f"{check.model}, {title(check)} against {check.against}: {figures}"
        space = " " * _INDENT
        first, *others = self._filled(head, space, space)
        yield first[_INDENT:]
        yield from (*others, *self._filled(check.reason, space, space))

    def _filled(self, text: str, first: str, others: str) -> list[str]:
        lines = textwrap.wrap(
            self._safe(text),
            max(self.width, 40),
            initial_indent=first,
            subsequent_indent=others,
            break_on_hyphens=False,
        )
        return [calm(line) for line in lines or [first]]

    def _safe(self, text: str) -> str:
        return loggable(text, _ASCII if self.ascii_only else None)

    def _colored(self, text: str, verdict: Verdict) -> str:
        return f"{_COLORS[verdict]}{text}{_PLAIN}" if self.color else text


plugin: type[VerdictRenderer] = TableVerdicts

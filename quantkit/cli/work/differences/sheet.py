"""Sentences and a table: what every comparison of two files comes to, for a terminal or a pull request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quantkit.cli.command import Result
from quantkit.cli.results.columns import aligned
from quantkit.core.text import printable
from quantkit.report.markdown import escaped

# No reader goes through more in a pull request; --json holds them all.
_MOST = 200
_MOST_REMARKS = 30


@dataclass(frozen=True, slots=True)
class Sheet:
    """What changed.

    Args:
        title: of the whole.
        lines: sentences in front of the table.
        head: the table's columns; those from `figures` on hold figures.
        rows: its lines.
        document: all of it for programs.
        remarks: sentences behind the table.
        figures: the first column that holds figures.
    """

    title: str
    lines: Sequence[str]
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    document: Mapping[str, Any]
    remarks: Sequence[str] = ()
    figures: int = 1

    def result(self, *, markdown: bool) -> Result:
        """As a command's result."""
        return Result(self._markdown() if markdown else self._text(), {"command": "diff", **self.document})

    def _text(self) -> str:
        right = range(self.figures, len(self.head))
        table = aligned([self.head, *self.rows], right=right) if self.rows else []
        return "\n".join([*map(printable, self.lines), *table, *map(printable, _capped(self.remarks))])

    def _markdown(self) -> str:
        rule = ["---:" if column >= self.figures else ":---" for column in range(len(self.head))]
        table = [self.head, *self.rows[:_MOST]] if self.rows else []
        shown = [f"| {' | '.join(map(escaped, row))} |" for row in table]
        if shown:
            shown.insert(1, f"|{'|'.join(rule)}|")
        left = [f"{len(self.rows) - _MOST} more lines are in --json"] if len(self.rows) > _MOST else []
        below = [*left, *_capped(self.remarks)]
        above, below = ([f"- {escaped(line)}" for line in lines] for lines in (self.lines, below))
        parts = [f"## {escaped(self.title)}"], above, shown, below
        return "\n\n".join("\n".join(part) for part in parts if part)


def _capped(remarks: Sequence[str]) -> list[str]:
    more = len(remarks) - _MOST_REMARKS
    return [*remarks[:_MOST_REMARKS], *([f"… and {more} more, in --json"] if more > 0 else [])]

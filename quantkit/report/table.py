"""A comparison for the terminal: figures down, models across."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD, Box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from quantkit.core.comparison import Comparison
from quantkit.core.ports import Renderer
from quantkit.core.text import calm, loggable
from quantkit.report._figures import Row, rows
from quantkit.report._wording import Section, headline, model_names, sections

_GAP = 2
# A longer name would push the next model out of sight.
_LONGEST_NAME = 24
_ASCII_HEAD = Box("    \n    \n -- \n    \n    \n -- \n    \n    \n", ascii=True)
_ASCII = str.maketrans({"−": "-", "–": "-", "×": "x", "…": "...", "∞": "inf", "·": "."})


@dataclass(frozen=True, slots=True)
class TableRenderer:
    """Legible without colour and at any width: models that do not fit beside each other get a table of their own.

    Args:
        width: columns of the terminal.
        color: ANSI codes for emphasis; they carry no meaning of their own.
        ascii_only: for an output that has no other characters.
    """

    width: int = 80
    color: bool = False
    ascii_only: bool = False

    def render(self, comparison: Comparison) -> str:
        """The whole text."""
        console = Console(
            file=io.StringIO(),
            width=self.width,
            force_terminal=self.color,
            force_jupyter=False,
            color_system="standard" if self.color else None,
            no_color=not self.color,
            legacy_windows=False,
        )
        with console.capture() as captured:
            for part in self._parts(comparison):
                console.print(part, markup=False, highlight=False, emoji=False)
        # Only now is it known where a long name was wrapped.
        return "".join(f"{calm(line.rstrip())}\n" for line in captured.get().splitlines())

    def _parts(self, comparison: Comparison) -> Iterator[RenderableType]:
        yield self._text(headline(comparison), "bold")
        yield ""
        names = model_names(comparison, _LONGEST_NAME)
        lines = rows(comparison)
        for columns in self._blocks(names, lines):
            yield self._table(names, lines, columns)
            yield ""
        for section in sections(comparison):
            yield self._text(section.title, "bold")
            yield self._listed(section)
            yield ""

    def _blocks(self, names: Sequence[str], lines: Sequence[Row]) -> Iterator[list[int]]:
        """Columns of each table: the reference, and as many candidates as fit, but at least one."""
        widths = [
            max(self._width(text) for text in (name, *(row.cells[index] for row in lines))) + _GAP
            for index, name in enumerate(names)
        ]
        fixed = max((self._width(_label(row)) for row in lines), default=0) + _GAP + widths[0]
        block = [0]
        for index in range(1, len(names)):
            if len(block) > 1 and fixed + sum(widths[column] for column in (*block[1:], index)) > self.width:
                yield block
                block = [0]
            block.append(index)
        yield block

    def _table(self, names: Sequence[str], lines: Sequence[Row], columns: Sequence[int]) -> Table:
        table = Table(
            box=_ASCII_HEAD if self.ascii_only else SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0)
        )
        table.add_column("", no_wrap=True)
        for index in columns:
            table.add_column(self._text(names[index]), justify="right", overflow="fold")
        for row in lines:
            style = "dim" if row.detail else ""
            table.add_row(self._text(_label(row), style), *(self._text(row.cells[i], style) for i in columns))
        return table

    def _listed(self, section: Section) -> Table:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=1)
        grid.add_column(overflow="fold")
        for line in section.lines:
            grid.add_row("-", self._text(line))
        return grid

    def _text(self, text: str, style: str = "") -> Text:
        return Text(self._shown(text), style)

    def _shown(self, text: str) -> str:
        return loggable(text, _ASCII if self.ascii_only else None)

    def _width(self, text: str) -> int:
        return cell_len(self._shown(text))


def _label(row: Row) -> str:
    return f"  {row.label}" if row.detail else row.label


plugin: type[Renderer] = TableRenderer

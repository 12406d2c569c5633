"""Rows of text under each other, for results that are lists."""

from __future__ import annotations

from collections.abc import Sequence

from quantkit.core.text import printable


def aligned(rows: Sequence[Sequence[str]], *, indent: str = "  ", right: Sequence[int] = ()) -> list[str]:
    """One line for each row, each column as wide as its widest cell; those in `right` end flush.

    Cells may come from models and files: nothing in them can steer the terminal.

    >>> aligned([["conv", "1.5"], ["relu_2", "12"]], right=[1])
    ['  conv    1.5', '  relu_2   12']
    """
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = [
        [f"{cell:>{width}}" if index in right else f"{cell:<{width}}" for index, (cell, width) in enumerate(pairs)]
        for pairs in (zip(row, widths, strict=True) for row in shown)
    ]
    return [(indent + "  ".join(cells)).rstrip() for cells in lines]

"""Small tables for notebooks: what ``_repr_html_`` of the main objects returns."""

from __future__ import annotations

import html
from collections.abc import Sequence
from itertools import islice

from quantkit.core.text import printable, shortened

MOST_ROWS = 20


def html_table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of plain texts, at most 20 rows of it; the notebook's own style sheet makes it look at home.

    >>> html_table("a<b", ["x"], [["1"]])
    '<table><caption>a&lt;b</caption><thead><tr><th>x</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>'
    """
    heads = "".join(f"<th>{_escaped(cell)}</th>" for cell in header)
    body = "".join(
        f"<tr>{''.join(f'<td>{_escaped(cell)}</td>' for cell in row)}</tr>" for row in islice(rows, MOST_ROWS)
    )
    left = len(rows) - MOST_ROWS
    more = f'<tr><td colspan="{len(header)}">… and {left} more</td></tr>' if left > 0 else ""
    return (
        f"<table><caption>{_escaped(caption)}</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{body}{more}</tbody></table>"
    )


def _escaped(text: str) -> str:
    return html.escape(printable(shortened(text, 120)))

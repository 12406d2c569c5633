"""HTML from text that may be anything."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quantkit.core.json_values import encoded
from quantkit.core.text import printable, shortened


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Args:
        anchor: its id. title: its heading, already safe.
        body: HTML.
        figures: element id → a Plotly figure; names within are plain text, which the page's script escapes.
        data: what the page's script makes interactive figures of, by a name of its own.
    """

    anchor: str
    title: str
    body: str
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


def escaped(text: str, limit: int = 400) -> str:
    """`text` as it is, at most `limit` characters of it, in an element or a quoted attribute.

    >>> escaped('<b a="1">')
    '&lt;b a=&quot;1&quot;&gt;'
    """
    return html.escape(printable(shortened(text, limit))).replace("##[", "#&#35;[")


def embedded(value: Any) -> str:
    """JSON that ends no script element and holds no character that HTML or a script reads otherwise.

    >>> embedded("</script>")
    '"\\\\u003c/script\\\\u003e"'
    """
    written = encoded(value)
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str = "", names: int = 1) -> str:
    """A table of plain texts; the first `names` columns are names, the others figures."""
    heads = "".join(
        f'<th scope="col" class="{"name" if column < names else "figure"}">{escaped(cell)}</th>'
        for column, cell in enumerate(header)
    )
    body = "".join(f"<tr>{_cells(row, names)}</tr>" for row in rows)
    told = f"<caption>{escaped(caption)}</caption>" if caption else ""
    return f'<div class="scroll"><table>{told}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def _cells(row: Sequence[str], names: int) -> str:
    first = f'<th scope="row">{escaped(row[0])}</th>'
    return first + "".join(
        f'<td class="{"name" if column < names else "figure"}">{escaped(cell)}</td>'
        for column, cell in enumerate(row[1:], start=1)
    )


def folded(summary: str, body: str, *, shown: bool = False) -> str:
    """What is shown when it is asked for, or until it is folded away."""
    return f"<details{' open' if shown else ''}><summary>{escaped(summary)}</summary>{body}</details>"


def figure(identity: str, caption: str, data: str, *, tall: bool = False) -> str:
    """The place of a plot, what it shows in words, and its numbers as a table."""
    # What scrolls has to be reachable for those who scroll with the keyboard.
    kind = '"plot tall" tabindex="0"' if tall else '"plot"'
    return (
        f'<figure><figcaption id="{identity}-caption">{escaped(caption, 2000)}</figcaption>'
        f'<div class={kind} id="{identity}" role="group" aria-labelledby="{identity}-caption"></div>'
        f"{data}</figure>"
    )


def listed(lines: Iterable[str]) -> str:
    """A list of plain texts."""
    return f"<ul>{''.join(f'<li>{escaped(line)}</li>' for line in lines)}</ul>"


def short(value: float) -> float | None:
    """Five significant digits; ``None``, a gap in a plot, for what is not finite.

    >>> short(1 / 3), short(math.inf)
    (0.33333, None)
    """
    return float(f"{value:.5g}") if math.isfinite(value) else None

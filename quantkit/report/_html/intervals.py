"""Intervals as small pictures, with words for those who cannot see them."""

from __future__ import annotations

from collections.abc import Iterable

from quantkit.core.comparison import Interval
from quantkit.core.figures import change
from quantkit.report._html.markup import escaped

_WIDTH, _HEIGHT = 180, 30

# The name of the limit stands above the line.
_MIDDLE = _HEIGHT - 10


def span_of(intervals: Iterable[Interval], *marks: float) -> tuple[float, float]:
    """One scale for all, with 0, the marks and a little room."""
    ends = [0.0, *marks, *(end for each in intervals for end in (each.low, each.high))]
    low, high = min(ends), max(ends)
    room = (high - low or 1.0) * 0.06
    return low - room, high + room


def picture(interval: Interval, span: tuple[float, float], unit: str, *, limit: float | None = None) -> str:
    """The estimate on its interval, an upright line at 0, and a dashed one at the limit where there is one."""
    low, high = span

    def place(position: float) -> str:
        return f"{(position - low) / (high - low) * _WIDTH:.1f}"

    told = (
        f"{change(interval.estimate, unit)}, between {change(interval.low, unit)} and "
        f"{change(interval.high, unit)}; the upright line is no difference"
    )
    delta = ""
    if limit is not None:
        told += f", the dashed one the limit of {change(limit, unit)}"
        delta = (
            f'<line class="delta" x1="{place(limit)}" x2="{place(limit)}" y1="11" y2="{_HEIGHT}"/>'
            f'<text class="delta" x="{place(limit)}" y="9" text-anchor="middle">δ</text>'
        )
    return (
        f'<svg role="img" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"><title>{escaped(told)}'
        f'</title><line class="zero" x1="{place(0)}" x2="{place(0)}" y1="11" y2="{_HEIGHT}"/>'
        f'<line class="interval" x1="{place(interval.low)}" x2="{place(interval.high)}" y1="{_MIDDLE}" y2="{_MIDDLE}"/>'
        f"{_end(place(interval.low))}{_end(place(interval.high))}"
        f'<circle class="estimate" cx="{place(interval.estimate)}" cy="{_MIDDLE}" r="4"/>{delta}</svg>'
    )


def _end(place: str) -> str:
    return f'<line class="interval" x1="{place}" x2="{place}" y1="{_MIDDLE - 5}" y2="{_MIDDLE + 5}"/>'

"""Figures as people read them; what is computed with stays unrounded."""

from __future__ import annotations

import math
from collections.abc import Sequence

MINUS = "−"


def value(figure: float, unit: str) -> str:
    """A figure with its unit; shares in percent."""
    return f"{bare(figure, unit)} {'%' if unit == 'share' else unit}".rstrip()


def value_span(low: float, high: float, unit: str) -> str:
    """Two bounds of a figure, without its unit.

    >>> value_span(0.9758, 0.9944, "share")
    '[97.58, 99.44]'
    """
    return f"[{bare(low, unit)}, {bare(high, unit)}]"


def bare(figure: float, unit: str) -> str:
    """A figure without its unit, as it stands under a heading that names it.

    >>> bare(0.9758, "share"), bare(23.468, "dB"), bare(0.99844, "")
    ('97.58', '23.47', '0.99844')
    """
    if unit == "share":
        return unsigned(100 * figure)
    return unsigned(figure) if unit == "dB" else plain(figure)


def change(figure: float, unit: str) -> str:
    """A difference between two figures, with its unit; of shares, in percentage points."""
    return f"{_bare_change(figure, unit)} {'pp' if unit == 'share' else unit}".rstrip()


def change_span(low: float, high: float, unit: str) -> str:
    """Two bounds of a difference, without its unit."""
    return f"[{_bare_change(low, unit)}, {_bare_change(high, unit)}]"


def _bare_change(figure: float, unit: str) -> str:
    if unit == "share":
        return signed(100 * figure)
    return signed(figure, 2 if unit == "dB" else 5)


def signed(value: float, digits: int = 2) -> str:
    """With its sign, and a true minus; what rounds to zero has none.

    >>> signed(-0.333), signed(0.5), signed(-0.001)
    ('−0.33', '+0.50', '0.00')
    """
    rounded = round(value, digits)
    return f"{rounded:+.{digits}f}".replace("-", MINUS) if rounded else f"{0:.{digits}f}"


def unsigned(value: float, digits: int = 2) -> str:
    """Without a plus; infinities by name.

    >>> unsigned(-3.14159), unsigned(float("inf"))
    ('−3.14', '∞')
    """
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    return f"{value:.{digits}f}".replace("-", MINUS)


def plain(value: float, digits: int = 5) -> str:
    """A number without a unit, with so many significant digits; what is nearly 1 is not shown as 1.

    >>> plain(0.986), plain(0.9999999), plain(1.0), plain(1234567.0), plain(0.267, digits=2)
    ('0.98600', '>0.99999', '1.0000', '1.2346e+06', '0.27')
    """
    if math.isinf(value):
        return unsigned(value)
    if 1 - 10**-digits < value < 1:
        return f">{1 - 10**-digits:.{digits}f}"
    return f"{value:#.{digits}g}".removesuffix(".").replace("-", MINUS)


def sizes(counts: Sequence[int]) -> list[str]:
    """Bytes, all in the unit that suits the largest.

    >>> sizes([1_204_000, 331_204]), sizes([999])
    (['1.20 MB', '0.33 MB'], ['999 B'])
    """
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if max(counts) >= scale:
            return [f"{count / scale:.2f} {unit}" for count in counts]
    return [f"{count} B" for count in counts]


def milliseconds(value: float) -> str:
    """A time span; the third decimal is noise from 10 ms on, and the second from 100 ms on.

    >>> milliseconds(0.0123), milliseconds(12.3456)
    ('0.012 ms', '12.35 ms')
    """
    return f"{value:.{3 if value < 10 else 2 if value < 100 else 1}f} ms"


def times(ratio: float) -> str:
    """A ratio.

    >>> times(3.014)
    '3.01×'
    """
    return f"{unsigned(ratio)}×"

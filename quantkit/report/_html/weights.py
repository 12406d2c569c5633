"""How unequal the channels of each weight are: what a scale for each channel gains."""

from __future__ import annotations

import math

from quantkit.core.evidence import Evidence, Spread
from quantkit.core.figures import plain
from quantkit.report._html.markup import Section, figure, folded, short, table
from quantkit.report._html.palette import COLOURS

_IDENTITY = "plot-weights"

# A channel of zeros has no place on a logarithmic scale.
_FLOOR = 2.0**-12


def section(evidence: Evidence) -> Section | None:
    """A box for each weight."""
    spreads = evidence.weights
    if not spreads:
        return None
    caption = (
        "Largest magnitude of each output channel, as a share of the largest in the same weight, on a logarithmic "
        "scale: the box holds half of the channels, its line is the median, the whiskers reach to the extremes. With "
        "one scale for the whole weight, a channel at 1/16 would have 4 of its 8 bits; every channel has its own here. "
        "To the right: the bits that its own scale gains the median channel."
    )
    lines = [
        [spread.tensor, spread.operator, str(spread.channels), *(plain(share, 3) for share in spread.quantiles),
         _bits(spread)]
        for spread in spreads
    ]  # fmt: skip
    header = ["weight", "for", "channels", "smallest", "quarter", "median", "three quarters", "largest", "bits gained"]
    body = figure(_IDENTITY, caption, folded("The numbers", table(header, lines, names=2)), tall=True)
    return Section("weights", "Weights", body, {_IDENTITY: _drawn(spreads)})


def bits_gained(spread: Spread) -> float:
    """log₂ of largest over median: the bits that the middle channel would lose to a scale for the whole tensor."""
    return math.log2(spread.quantiles[4] / spread.quantiles[2]) if spread.quantiles[2] else 0.0


def _bits(spread: Spread) -> str:
    return f"{bits_gained(spread):.1f}"


def _lowest(spreads: tuple[Spread, ...]) -> float:
    """Where the axis begins, as a power of ten."""
    least = min((share for spread in spreads for share in spread.quantiles if share), default=1.0)
    return math.log10(max(least, _FLOOR)) - 0.1


def _drawn(spreads: tuple[Spread, ...]) -> dict[str, object]:
    columns = [[short(max(spread.quantiles[which], _FLOOR)) for spread in spreads] for which in range(5)]
    box = {
        "type": "box",
        "orientation": "h",
        "y": list(range(len(spreads))),
        **dict(zip(("lowerfence", "q1", "median", "q3", "upperfence"), columns, strict=True)),
        "marker": {"color": COLOURS[0]},
        "line": {"width": 1.5},
        "showlegend": False,
        "text": [spread.tensor for spread in spreads],
    }
    gained = {
        "mode": "text",
        "x": [1.0] * len(spreads),
        "y": list(range(len(spreads))),
        "text": [f"\u00a0 {bits_gained(spread):.1f} bits" for spread in spreads],
        "textposition": "middle right",
        "cliponaxis": False,
        "hoverinfo": "skip",
        "showlegend": False,
    }
    powers = range(-12, 1, 2)
    return {
        "data": [box, gained],
        "layout": {
            "height": max(300, 24 * len(spreads) + 110),
            "margin": {"r": 90},
            "xaxis": {"type": "log", "title": {"text": "share of the largest"}, "range": [_lowest(spreads), 0.02],
                      "tickvals": [2.0**power for power in powers],
                      "ticktext": ["1" if power == 0 else f"1/{2**-power}" for power in powers]},
            "yaxis": {"autorange": "reversed", "tickvals": list(range(len(spreads))),
                      "ticktext": [spread.tensor for spread in spreads]},
        },
    }  # fmt: skip

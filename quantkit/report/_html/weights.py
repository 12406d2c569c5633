"""How unequal the channels of each weight are: what a scale for each channel gains."""

from __future__ import annotations

import math

from quantkit.core.evidence import Evidence, Spread
from quantkit.report._html.markup import Section, figure, folded, short, table
from quantkit.report._html.palette import COLOURS
from quantkit.report._numbers import plain

_IDENTITY = "plot-weights"


def section(evidence: Evidence) -> Section | None:
    """A box for each weight."""
    spreads = evidence.weights
    if not spreads:
        return None
    caption = (
        "Largest magnitude of each output channel, as a share of the largest in the same weight, on a logarithmic "
        "scale. With one scale for all, a channel at 1/16 would have 4 of its 8 bits; every channel has its own here."
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


def _drawn(spreads: tuple[Spread, ...]) -> dict[str, object]:
    # A channel of zeros has no place on a logarithmic scale.
    floor = 2.0**-12
    columns = [[short(max(spread.quantiles[which], floor)) for spread in spreads] for which in range(5)]
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
    return {
        "data": [box],
        "layout": {
            "height": max(300, 24 * len(spreads) + 110),
            "xaxis": {"type": "log", "title": {"text": "share of the largest"}, "dtick": math.log10(4),
                      "tickformat": ".3~g"},
            "yaxis": {"autorange": "reversed", "tickvals": list(range(len(spreads))),
                      "ticktext": [spread.tensor for spread in spreads]},
        },
    }  # fmt: skip

"""``--preset``: several options at once, each of which may still be set by itself."""

from __future__ import annotations

from quantkit.cli.options import values
from quantkit.cli.options.fields import Option

FAST, BALANCED, ACCURATE = "fast", "balanced", "accurate"


def preset(fast: str, accurate: str) -> Option:
    """The option, for a command to which these presets mean what is said here."""
    return Option(
        f"fast: {fast}; balanced: as the defaults say; accurate: {accurate}. What is set in any other way goes first",
        parse=values.one_of(FAST, BALANCED, ACCURATE),
        metavar="|".join((FAST, BALANCED, ACCURATE)),
    )

"""A comparison as one JSON document, without its rows."""

from __future__ import annotations

from dataclasses import dataclass

from quantkit.core.comparison import Comparison
from quantkit.core.json_values import encoded
from quantkit.core.ports import Renderer
from quantkit.core.run_document import written


@dataclass(frozen=True, slots=True)
class JsonRenderer:
    """The document that run.json holds, ``"schema": "quantkit.run/1"``; pure ASCII, keys sorted.

    Args:
        indent: spaces a level; `None` puts all on one line.
    """

    indent: int | None = 1

    def render(self, comparison: Comparison) -> str:
        """The document, with a newline at the end."""
        return f"{encoded(written(comparison), self.indent)}\n"


plugin: type[Renderer] = JsonRenderer

"""Every node gets a name of its own, because exclusions and coverage reports speak of nodes by name."""

from __future__ import annotations

from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.scopes import unused_name
from quantkit.graph.editing.wiring import title


def nodes_named(draft: Draft) -> None:
    """Nameless nodes take the name of what they make; of namesakes the first keeps the name, others get a number."""
    given = {node.name for node in draft.graph.node}
    seen: set[str] = set()
    for node in draft.graph.node:
        if not node.name or node.name in seen:
            node.name = unused_name(title(node) or node.op_type, given)
        seen.add(node.name)

"""What no output depends on is left out: it would be quantized and counted for nothing."""

from __future__ import annotations

from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.scopes import needed


def unused_removed(draft: Draft) -> None:
    """Drops nodes, weights and recorded shapes that no model output needs; inputs stay, as the model's interface."""
    positions, names = needed(draft.graph, draft.outputs)
    draft.drop(set(range(len(draft.graph.node))).difference(positions))
    draft.weights = {name: tensor for name, tensor in draft.weights.items() if name in names}
    recorded = [value for value in draft.graph.value_info if value.name in names]
    del draft.graph.value_info[:]
    draft.graph.value_info.extend(recorded)

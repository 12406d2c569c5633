"""Types and shapes of inner tensors are written into the graph."""

from __future__ import annotations

from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.inference import inferred, refuse_giants
from quantkit.graph.editing.scopes import made


def shapes_inferred(draft: Draft) -> None:
    """Infers anew, since recorded shapes may be older than the graph; keeps those that only the exporter knew.

    What is recorded about other things than what nodes make, as some exporters do, goes.

    Raises:
        ModelError: a tensor that no machine holds.
    """
    recorded = list(draft.graph.value_info)
    light = draft.light()
    del light.graph.value_info[:]
    found = inferred(light)
    unknown = made(found.graph.node) - {value.name for value in (*found.graph.value_info, *found.graph.output)}
    found.graph.value_info.extend(value for value in recorded if value.name in unknown)
    refuse_giants(found)
    draft.adopt(found)

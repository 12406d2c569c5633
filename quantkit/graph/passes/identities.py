"""Nodes that hand on what they get are bridged: Identity, and Dropout outside training."""

from __future__ import annotations

from onnx import NodeProto

from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.scopes import captured
from quantkit.graph.editing.tensors import array


def identities_bridged(draft: Draft) -> None:
    """Readers of the copy read the original instead; copies that leave the model or enter a subgraph stay."""
    fixed = draft.outputs.union(*(captured(node) for node in draft.graph.node))
    original: dict[str, str] = {}
    bridged = []
    for position, node in enumerate(draft.graph.node):
        for place, name in enumerate(node.input):
            if name in original:
                node.input[place] = original[name]
        if _hands_on(node, draft) and not fixed.intersection(node.output):
            original[node.output[0]] = node.input[0]
            bridged.append(position)
    draft.drop(bridged)


def _hands_on(node: NodeProto, draft: Draft) -> bool:
    if node.domain:
        return False
    return node.op_type == "Identity" or (node.op_type == "Dropout" and _is_idle(node, draft))


def _is_idle(dropout: NodeProto, draft: Draft) -> bool:
    """Whether `training_mode` is known to be off, and nobody asked for the mask."""
    mode = dropout.input[2] if len(dropout.input) > 2 else ""
    off = not mode or (mode in draft.weights and not array(draft.weights[mode], draft.folder).any())
    return off and len([name for name in dropout.output if name]) == 1

"""A copy of a model in which the caller chooses, at every run, which activation is quantized."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from onnx import NodeProto, TensorProto, helper

from quantkit.core.artifact import SerializedModel
from quantkit.core.qparams import QParams
from quantkit.graph.editing.additions import Additions
from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.scopes import tensor_names, unused_name
from quantkit.graph.model import Model
from quantkit.graph.passes.interface import initializers_out_of_inputs

NOTHING = -1
"""The choice under which the model computes what it always did."""


class Choosable(NamedTuple):
    """The model, and its new input, int64[1]: the position of the activation that is quantized in this run."""

    model: SerializedModel
    chosen: str


def choosable(model: Model, parameters: Mapping[str, QParams]) -> Choosable:
    """`model` with a Q/DQ pair on each of `parameters` that only works in the runs that choose it.

    One engine then measures every tensor, where a model for each would have to be built. Readers inside subgraphs
    see a computed tensor quantized, and a model input as it was fed.
    """
    draft = Draft.of(model.proto, model.folder)
    initializers_out_of_inputs(draft)
    chosen = unused_name("chosen_activation", tensor_names(draft.graph) | set(draft.weights))
    draft.graph.input.append(helper.make_tensor_value_info(chosen, TensorProto.INT64, [1]))
    additions = Additions(draft)
    fed = {spec.name for spec in model.inputs}
    switches = {
        name: _switch(additions, name, parameters[name], (chosen, number), is_fed=name in fed)
        for number, name in enumerate(parameters)
    }
    nodes = [node for name, switch in switches.items() if name in fed for node in switch.nodes]
    for node in draft.graph.node:
        nodes.append(_rewired(node, switches, fed))
        nodes.extend(added for name in node.output if name in switches for added in switches[name].nodes)
    del draft.graph.node[:]
    draft.graph.node.extend(nodes)
    return Choosable(SerializedModel(draft.serialized(), model.folder), chosen)


class _Switch(NamedTuple):
    """Nodes from the exact tensor to the one that everything reads."""

    exact: str
    result: str
    nodes: tuple[NodeProto, ...]


def _switch(additions: Additions, name: str, how: QParams, choice: tuple[str, int], *, is_fed: bool) -> _Switch:
    """A computed tensor's result keeps the name, so that model outputs and subgraphs find it."""
    chosen, number = choice
    other = additions.name(f"{name}_{'switched' if is_fed else 'exact'}")
    exact, result = (name, other) if is_fed else (other, name)
    codes, restored, here = (additions.name(f"{name}_{part}") for part in ("codes", "restored", "is_chosen"))
    scaling = [additions.constant(f"{name}_scale", how.scale), additions.constant(f"{name}_zero_point", how.zero_point)]
    own = additions.constant(f"{name}_number", np.array([number], np.int64))
    return _Switch(
        exact,
        result,
        (
            additions.node("QuantizeLinear", [exact, *scaling], codes, f"{name}_Quantize"),
            additions.node("DequantizeLinear", [codes, *scaling], restored, f"{name}_Dequantize"),
            additions.node("Equal", [chosen, own], here, f"{name}_IsChosen"),
            additions.node("Where", [here, restored, exact], result, f"{name}_Switch"),
        ),
    )


def _rewired(old: NodeProto, switches: Mapping[str, _Switch], fed: set[str]) -> NodeProto:
    node = NodeProto()
    node.CopyFrom(old)
    for slot, name in enumerate(old.input):
        if name in switches and name in fed:
            node.input[slot] = switches[name].result
    for slot, name in enumerate(old.output):
        if name in switches:
            node.output[slot] = switches[name].exact
    return node

"""Copies of a model whose inner tensors are outputs, and which tensors need not be looked at to be known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from onnx import GraphProto, NodeProto, ValueInfoProto

from quantkit.core.artifact import SerializedModel
from quantkit.core.errors import ModelError
from quantkit.core.plugins import did_you_mean
from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.scopes import made, needed
from quantkit.graph.model import Model
from quantkit.graph.passes.interface import initializers_out_of_inputs

# Operators that hand on exactly the values of their first input, in another order or shape.
_REARRANGING = frozenset(
    {"DepthToSpace", "Flatten", "Identity", "Reshape", "SpaceToDepth", "Squeeze", "Transpose", "Unsqueeze"}
)

MOST_SOURCES = 256
"""Beyond this many parts, looking at a tensor is cheaper than adding up its parts."""


@dataclass(frozen=True, slots=True)
class TapPlan:
    """How the values of some tensors get counted, each only once.

    Args:
        tapped: tensors that the model has to hand out.
        inputs: model inputs, which the caller holds already.
        derived: tensor → tapped tensors and inputs that together hold exactly its values; one that enters twice is
            named twice.
    """

    tapped: tuple[str, ...]
    inputs: tuple[str, ...]
    derived: Mapping[str, tuple[str, ...]]


def plan_taps(model: Model, tensors: Iterable[str]) -> TapPlan:
    """The smallest set of taps from which the values of all `tensors` are known; in the order of the graph.

    Raises:
        ModelError: the model has no such tensor outside subgraphs.
    """
    wanted = _known(model, tensors)
    fed = [spec.name for spec in model.inputs]
    plan = _Planning(wanted, fed)
    for node in model.proto.graph.node:
        plan.visit(node)
    return TapPlan(tuple(plan.tapped), tuple(name for name in fed if name in wanted), plan.derived)


class _Planning:
    """Walks the graph in order and knows for each tensor so far what its values are made of."""

    def __init__(self, wanted: set[str], fed: Iterable[str]) -> None:
        self.wanted = wanted
        self.parts: dict[str, tuple[str, ...]] = {name: (name,) for name in fed if name in wanted}
        self.tapped: list[str] = []
        self.derived: dict[str, tuple[str, ...]] = {}

    def visit(self, node: NodeProto) -> None:
        """Decides for everything that `node` makes."""
        operator = "" if node.domain else node.op_type
        if operator in _REARRANGING:
            self._rearranged(node.input[0], node.output[0])
        elif operator == "Concat" and all(name in self.parts for name in node.input):
            self._joined([self.parts[name] for name in node.input], node.output[0])
        else:
            for name in node.output:
                if name in self.wanted:
                    self._tap(name)

    def _rearranged(self, source: str, name: str) -> None:
        if source in self.parts:
            self._derive(name, self.parts[source])
        elif name in self.wanted:
            self._tap(name)
            # The source holds the same values: what else is made of it needs no tap.
            self.parts[source] = (name,)

    def _joined(self, parts: list[tuple[str, ...]], name: str) -> None:
        if sum(len(part) for part in parts) <= MOST_SOURCES:
            self._derive(name, tuple(chain.from_iterable(parts)))
        elif name in self.wanted:
            self._tap(name)

    def _derive(self, name: str, parts: tuple[str, ...]) -> None:
        self.parts[name] = parts
        if name in self.wanted:
            self.derived[name] = parts

    def _tap(self, name: str) -> None:
        self.parts[name] = (name,)
        self.tapped.append(name)


def tapped(model: Model, tensors: Iterable[str]) -> SerializedModel:
    """`model` with `tensors` as its only outputs, in that order; nothing that they do not need is computed.

    All inputs stay, so that batches fit. Model inputs among `tensors` are left out: whoever feeds them has them. Where
    nothing is left to hand out, the model keeps its own outputs, because an engine needs one.

    Raises:
        ModelError: the model has no such tensor outside subgraphs, or takes over 2 GB.
    """
    names = list(dict.fromkeys(tensors))
    fed = {spec.name for spec in model.inputs}
    _known(model, names)
    outputs = [name for name in names if name not in fed] or [spec.name for spec in model.outputs]
    draft = Draft.of(model.proto, model.folder)
    initializers_out_of_inputs(draft)
    values = _values(draft.graph)
    positions, used = needed(draft.graph, outputs)
    draft.drop(set(range(len(draft.graph.node))).difference(positions))
    draft.weights = {name: tensor for name, tensor in draft.weights.items() if name in used}
    del draft.graph.output[:], draft.graph.value_info[:]
    draft.graph.output.extend(values.get(name, ValueInfoProto(name=name)) for name in outputs)
    draft.graph.value_info.extend(value for name, value in values.items() if name in used.difference(outputs, fed))
    return SerializedModel(draft.serialized(), model.weights_folder)


def _values(graph: GraphProto) -> dict[str, ValueInfoProto]:
    """What is known about type and shape of every tensor, copied out of `graph`."""
    known = {}
    for value in chain(graph.value_info, graph.output):
        known[value.name] = ValueInfoProto()
        known[value.name].CopyFrom(value)
    return known


def _known(model: Model, tensors: Iterable[str]) -> set[str]:
    """`tensors` as a set, once it is clear that each is made by a node or fed."""
    wanted, graph = set(tensors), model.proto.graph
    present = made(graph.node) | {spec.name for spec in model.inputs}
    if missing := sorted(wanted - present):
        raise ModelError(
            "QK3022",
            f"the model has no activation called {missing[0]!r}",
            where=missing[0],
            hints=did_you_mean(missing[0], sorted(present)),
        )
    return wanted

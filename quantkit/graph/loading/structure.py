"""A model's graph is what the ONNX standard says: readable names, every tensor made once and before it is used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain

import onnx
from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

from quantkit.core.errors import ModelError
from quantkit.graph.editing.onnx_calls import reported
from quantkit.graph.editing.scopes import nested, subgraphs
from quantkit.graph.editing.tensors import tensors
from quantkit.graph.loading.operators import all_nodes

MOST_NODES = 1_000_000
"""Nodes after the model's functions are put in place; the largest networks have some ten thousand."""

_DEEPEST_CALL = 64
"""Levels of calls and of graphs inside functions, taken together."""

_EXPORT_AGAIN = ["the file is damaged or was edited by hand; export the model again"]
_MADE_TO_EXHAUST = ["no exporter writes such functions: the file is damaged, or made to exhaust memory"]


def refuse_unreadable_names(proto: ModelProto) -> None:
    """Names have to be text: the standard says UTF-8, and everything that shows a name relies on it."""
    # The Protocol Buffers package hands out a string field that is not UTF-8 as bytes, against its own annotations.
    odd = next((word for word in _words(proto) if not isinstance(word, str)), None)
    if odd is not None:
        raise ModelError(
            "QK3024",
            f"the model holds a name that is not UTF-8: {repr(odd)[:60]}",
            hints=["the file is damaged; copy or export it again"],
        )


def refuse_disorder(graph: GraphProto, outer: tuple[set[str], ...] = ()) -> None:
    """Every tensor has to exist once, and before it is used; subgraphs see what lies around them.

    Raises:
        ModelError: a cycle or wrong order, a tensor that nothing makes, a name that is made twice; names the node.
    """
    own: set[str] = set()
    stored = [tensor.name for tensor in graph.initializer] + [s.values.name for s in graph.sparse_initializer]
    _refuse_twice(stored, "initializers")
    _refuse_twice((value.name for value in graph.input), "inputs")
    own.update(stored, (value.name for value in graph.input))
    scopes = (*outer, own)
    later = {name for node in graph.node for name in node.output}
    for position, node in enumerate(graph.node):
        for name in node.input:
            if name and not any(name in scope for scope in scopes):
                raise _out_of_order(node, position, name, coming=name in later)
        for inner in subgraphs(node):
            refuse_disorder(inner, scopes)
        _refuse_made_twice(node, position, own)
    _refuse_missing_outputs(graph, scopes)


def refuse_explosion(proto: ModelProto) -> None:
    """Functions that call functions can stand for more nodes than any machine holds.

    Raises:
        ModelError: over `MOST_NODES`, or calls that are nested without end.
    """
    bodies = {(function.domain, function.name): function.node for function in proto.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(nodes: Iterable[NodeProto], depth: int) -> int:
        if depth > _DEEPEST_CALL:
            raise ModelError(
                "QK3011",
                f"the model's functions call each other deeper than {_DEEPEST_CALL} levels",
                hints=_MADE_TO_EXHAUST,
            )
        total = 0
        for node in nodes:
            total += 1 + sum(size(inner.node, depth + 1) for inner in subgraphs(node))
            key = (node.domain, node.op_type)
            if key in bodies:
                if key not in sizes:
                    sizes[key] = size(bodies[key], depth + 1)
                total += sizes[key]
        return total

    if bodies and (total := size(proto.graph.node, 0)) > MOST_NODES:
        raise ModelError(
            "QK3016",
            f"with its functions in place the model has {total} nodes; {MOST_NODES} are allowed",
            hints=_MADE_TO_EXHAUST,
        )


def refuse_unchecked(light: ModelProto) -> None:
    """Lets the ONNX checker judge a model whose large weights are inputs.

    Raises:
        ModelError: quotes the checker, which names the node.
    """
    hints = ["export the model again; a newer operator set may need a newer onnx package: pip install --upgrade onnx"]
    with reported("QK3013", "the ONNX checker refuses the model", hints=hints):
        onnx.checker.check_model(light)


def _words(proto: ModelProto) -> Iterator[object]:
    yield from (proto.producer_name, proto.producer_version, proto.domain, proto.doc_string, proto.graph.doc_string)
    yield from (entry.domain for entry in proto.opset_import)
    yield from (word for entry in proto.metadata_props for word in (entry.key, entry.value))
    for function in proto.functions:
        yield from (function.name, function.domain, *function.input, *function.output, *function.attribute)
    for node in all_nodes(proto):
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (word for attribute in node.attribute for word in (attribute.name, attribute.ref_attr_name))
    for graph in nested(proto.graph):
        yield graph.name
        yield from (
            word for value in chain(graph.input, graph.output, graph.value_info) for word in _value_words(value)
        )
    for _, tensor in tensors(proto):
        yield tensor.name
        yield from (word for entry in tensor.external_data for word in (entry.key, entry.value))


def _value_words(value: ValueInfoProto) -> Iterator[str]:
    yield value.name
    yield from (size.dim_param for size in value.type.tensor_type.shape.dim)


def _refuse_twice(names: Iterable[str], kind: str) -> None:
    twice = [name for name, number in Counter(names).items() if number > 1]
    if twice:
        raise ModelError(
            "QK3014", f"the graph has two {kind} called {twice[0]!r}", where=twice[0] or None, hints=_EXPORT_AGAIN
        )


def _refuse_made_twice(node: NodeProto, position: int, own: set[str]) -> None:
    for name in node.output:
        if name in own:
            raise ModelError(
                "QK3014",
                f"{_label(node, position)} makes tensor {name!r}, which exists already",
                where=node.name or name,
                hints=_EXPORT_AGAIN,
            )
        if name:
            own.add(name)


def _refuse_missing_outputs(graph: GraphProto, scopes: tuple[set[str], ...]) -> None:
    for value in graph.output:
        if not any(value.name in scope for scope in scopes):
            raise ModelError(
                "QK3014", f"output {value.name!r} is made by no node", where=graph.name or None, hints=_EXPORT_AGAIN
            )


def _out_of_order(node: NodeProto, position: int, name: str, *, coming: bool) -> ModelError:
    cause = (
        "a later node makes it: the graph has a cycle or is not in topological order"
        if coming
        else "no node makes it, and it is neither input nor initializer"
    )
    return ModelError(
        "QK3014",
        f"{_label(node, position)} reads tensor {name!r}, which does not exist there",
        where=node.name or name,
        cause=cause,
        hints=_EXPORT_AGAIN,
    )


def _label(node: NodeProto, position: int) -> str:
    """What an error calls a node: its name, or its place among the nodes where it has none."""
    return f"node {node.name!r} ({node.op_type})" if node.name else f"node number {position} ({node.op_type})"

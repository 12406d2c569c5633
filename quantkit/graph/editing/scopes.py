"""What nodes read and make, also through the graphs inside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from onnx import GraphProto, NodeProto

from quantkit.core.errors import ModelError

DEEPEST = 32
"""Levels of graphs inside graphs that are followed; exporters stay in single figures."""


def subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    """The graphs that `node` carries, such as the branches of an If."""
    for attribute in node.attribute:
        # By what is there, not by what the attribute's type says: nothing may hide from a check.
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def nested(graph: GraphProto, depth: int = 0) -> Iterator[GraphProto]:
    """`graph` and every graph inside it, outermost first.

    Raises:
        ModelError: graphs are nested deeper than `DEEPEST`.
    """
    if depth > DEEPEST:
        raise ModelError(
            "QK3011",
            f"graphs are nested deeper than {DEEPEST} levels",
            where=graph.name or None,
            hints=["no exporter nests like that: the file is damaged, or made to exhaust the stack"],
        )
    yield graph
    for node in graph.node:
        for inner in subgraphs(node):
            yield from nested(inner, depth + 1)


def captured(node: NodeProto) -> set[str]:
    """Tensors that the graphs inside `node` take from around it."""
    found: set[str] = set()
    for graph in subgraphs(node):
        own = made(graph.node) | {value.name for value in graph.input}
        own |= {tensor.name for tensor in graph.initializer}
        used = {name for inner in graph.node for name in reads(inner)}
        found |= (used | {value.name for value in graph.output}) - own
    return found


def reads(node: NodeProto) -> list[str]:
    """The tensors that `node` needs: its inputs, as often as they are wired, then what its graphs capture."""
    return [name for name in node.input if name] + sorted(captured(node))


def made(nodes: Iterable[NodeProto]) -> set[str]:
    """Names of everything that `nodes` compute."""
    return {name for node in nodes for name in node.output if name}


def producers(graph: GraphProto) -> dict[str, NodeProto]:
    """Tensor → the node of `graph` that makes it."""
    return {name: node for node in graph.node for name in node.output if name}


def consumers(graph: GraphProto) -> dict[str, list[NodeProto]]:
    """Tensor → the nodes of `graph` that read it, once for each time they do, subgraphs included."""
    found: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in reads(node):
            found.setdefault(name, []).append(node)
    return found


def needed(graph: GraphProto, tensors: Iterable[str]) -> tuple[list[int], set[str]]:
    """Positions of the nodes without which `tensors` cannot be computed, and every name those nodes read or make."""
    names, positions = set(tensors), []
    for position in reversed(range(len(graph.node))):
        node = graph.node[position]
        if names.intersection(node.output):
            names.update(reads(node), node.output)
            positions.append(position)
    return positions[::-1], names


def tensor_names(graph: GraphProto) -> set[str]:
    """Every tensor name in `graph` and the graphs inside it, for finding one that is free."""
    found: set[str] = set()
    for scope in nested(graph):
        for node in scope.node:
            found.update(node.input, node.output)
        found.update(tensor.name for tensor in scope.initializer)
        found.update(value.name for values in (scope.input, scope.output) for value in values)
    return found


def unused_name(wish: str, taken: set[str]) -> str:
    """`wish`, or `wish` with the lowest number that makes it new; the answer counts as taken from then on.

    >>> unused_name("bias", {"bias", "bias_2"})
    'bias_3'
    """
    name, number = wish, 1
    while name in taken:
        number += 1
        name = f"{wish}_{number}"
    taken.add(name)
    return name

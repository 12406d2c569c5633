"""Who makes and who reads each tensor of a graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from math import prod
from pathlib import Path
from typing import NamedTuple

import onnx
from onnx import NodeProto, TensorProto

from quantkit.core.arrays import Array
from quantkit.graph.editing import scopes
from quantkit.graph.editing.tensors import array

# What an unknown dimension counts as when tensors of one graph are weighed against each other: a batch of one,
# and something between a short sequence and the side of an image.
BATCH = 1
TYPICAL_SIZE = 32
TYPICAL_ELEMENTS = TYPICAL_SIZE * TYPICAL_SIZE * TYPICAL_SIZE


class Slot(NamedTuple):
    """One input of one node: the node's position in the graph, and which of its inputs."""

    node: int
    input: int


class Wiring:
    """An index over a graph that is not changed while the index is in use."""

    def __init__(self, graph: onnx.GraphProto, folder: Path | None = None) -> None:
        self.graph, self._folder = graph, folder
        self.nodes = tuple(graph.node)
        self.initializers = {tensor.name: tensor for tensor in graph.initializer}
        self.outputs = frozenset(value.name for value in graph.output)

    def values(self, initializer: str) -> Array:
        """What an initializer holds, wherever it is stored."""
        return array(self.initializers[initializer], self._folder)

    @cached_property
    def producer(self) -> dict[str, int]:
        """Tensor → the position of the node that makes it; graph inputs and initializers have none."""
        return {name: at for at, node in enumerate(self.nodes) for name in node.output if name}

    @cached_property
    def readers(self) -> dict[str, tuple[Slot, ...]]:
        """Tensor → the inputs it feeds, in graph order; what subgraphs read is in `captured`."""
        found: dict[str, list[Slot]] = defaultdict(list)
        for at, node in enumerate(self.nodes):
            for slot, name in enumerate(node.input):
                if name:
                    found[name].append(Slot(at, slot))
        return {name: tuple(slots) for name, slots in found.items()}

    @cached_property
    def captured(self) -> frozenset[str]:
        """Tensors that the bodies of If, Loop and Scan take from this graph."""
        return frozenset(name for node in self.nodes for name in scopes.captured(node))

    def title(self, node: int) -> str:
        """What the node at that position is called."""
        return title(self.nodes[node])

    def leaves(self, tensor: str) -> bool:
        """Whether something besides the nodes of this graph reads `tensor`: an output, or a subgraph."""
        return tensor in self.outputs or tensor in self.captured

    @cached_property
    def _types(self) -> dict[str, onnx.TypeProto.Tensor]:
        values: Iterable[onnx.ValueInfoProto] = (*self.graph.value_info, *self.graph.input, *self.graph.output)
        return {value.name: value.type.tensor_type for value in values if value.type.HasField("tensor_type")}

    def element_type(self, tensor: str) -> int | None:
        """ONNX element type, or ``None`` where shape inference could not tell."""
        if tensor in self.initializers:
            return self.initializers[tensor].data_type
        found = self._types.get(tensor)
        return found.elem_type if found is not None and found.elem_type else None

    def may_be_float(self, tensor: str) -> bool:
        """Whether `tensor` is float32, or of a type that is not known."""
        return self.element_type(tensor) in (TensorProto.FLOAT, None)

    def shape(self, tensor: str) -> tuple[int | None, ...] | None:
        """Its dimensions; ``None`` for a free one, or for a tensor about which nothing is known."""
        if tensor in self.initializers:
            return tuple(self.initializers[tensor].dims)
        found = self._types.get(tensor)
        if found is None or not found.HasField("shape"):
            return None
        return tuple(size.dim_value if size.HasField("dim_value") else None for size in found.shape.dim)

    def elements(self, tensor: str) -> int:
        """How many values it holds; an estimate where dimensions are free, good for comparing only."""
        shape = self.shape(tensor)
        if shape is None:
            return TYPICAL_ELEMENTS
        guesses = (BATCH, *(TYPICAL_SIZE for _ in shape[1:]))
        return prod(guess if size is None else size for size, guess in zip(shape, guesses, strict=False))


def title(node: NodeProto) -> str:
    """A node's name, or that of its first output where it has none."""
    return node.name or next((name for name in node.output if name), "")

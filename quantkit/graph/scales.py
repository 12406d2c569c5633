"""Which tensors of a model TensorRT finds a scale for, and what becomes of those without one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from onnx import NodeProto, TensorProto

from quantkit.graph.editing.attributes import text
from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.inference import inferred
from quantkit.graph.editing.scopes import reads, tensor_names
from quantkit.graph.editing.wiring import Wiring
from quantkit.graph.model import Model
from quantkit.graph.products import PRODUCTS

Absence: TypeAlias = Literal["constant", "not float", "unused", "fused", "joined", "missing"]
"""Why a tensor has no scale: it is computed from constants alone, holds no floats, nobody reads it, TensorRT fuses it
into its reader, it joins tensors that have scales, or nothing excuses it."""

# These hand on values of what they read, so its scale is theirs.
_MOVING = frozenset(
    {
        "Concat",
        "DepthToSpace",
        "Dropout",
        "Expand",
        "Flatten",
        "Gather",
        "GlobalMaxPool",
        "Identity",
        "MaxPool",
        "Reshape",
        "Slice",
        "SpaceToDepth",
        "Split",
        "Squeeze",
        "Tile",
        "Transpose",
        "Unsqueeze",
    }
)

# TensorRT computes these value by value within the kernel that makes their input, where it can.
_POINTWISE = frozenset(
    {
        "Add",
        "BatchNormalization",
        "Clip",
        "Elu",
        "HardSigmoid",
        "HardSwish",
        "LeakyRelu",
        "Mul",
        "PRelu",
        "Relu",
        "Selu",
        "Sigmoid",
        "Softplus",
        "Sub",
        "Tanh",
    }
)

_FLOATS = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE})


@dataclass(frozen=True, slots=True)
class ScaleCoverage:
    """What a set of scales does for a model.

    Args:
        scaled: tensors of the model that have a scale, in graph order.
        absent: tensor of the model without one → why.
        blocking: missing tensors that a matrix product reads, which therefore stays in FP16 or FP32.
        unknown: names with a scale that no tensor of the model has.
    """

    scaled: tuple[str, ...]
    absent: Mapping[str, Absence]
    blocking: tuple[str, ...]
    unknown: tuple[str, ...]

    def without(self, reason: Absence) -> list[str]:
        """The tensors without a scale for that reason."""
        return [name for name, why in self.absent.items() if why == reason]


def coverage(model: Model, names: Collection[str]) -> ScaleCoverage:
    """Which tensors of `model` are among `names`, and what is to be thought of the others.

    As far as the ONNX model tells: which layers really run in INT8, only the engine knows. Tensors inside the bodies
    of If, Loop and Scan are not looked at, since no cache names them.
    """
    graph, known = _Graph(model), tensor_names(model.proto.graph)
    absent = {name: graph.absence(name, names) for name in graph.tensors if name not in names}
    return ScaleCoverage(
        scaled=tuple(name for name in graph.tensors if name in names),
        absent=absent,
        blocking=tuple(name for name, why in absent.items() if why == "missing" and graph.feeds_product(name)),
        unknown=tuple(name for name in names if name not in known),
    )


def completed(model: Model, scales: Mapping[str, np.float32]) -> dict[str, np.float32]:
    """`scales` with those that follow from them, in graph order, so that no layer leaves INT8 for want of one.

    What is moved, picked or joined has the scale of where it comes from; of several, the largest. And what only such a
    node or a Relu reads has the scale of what that node makes: whatever saturates before it would saturate behind it.
    """
    found = dict(scales)
    wiring = Wiring(model.proto.graph)
    for node in wiring.nodes:
        if _hands_on(node) and all(name in found for name in _data(node)):
            for name in _handed_on(node):
                found.setdefault(name, max(found[source] for source in _data(node)))
    for node in reversed(wiring.nodes):
        if (_hands_on(node) or node.op_type == "Relu") and all(name in found for name in _handed_on(node)):
            for name in _data(node):
                if len(wiring.readers[name]) == 1 and not wiring.leaves(name):
                    found.setdefault(name, max(found[made] for made in _handed_on(node)))
    made = [name for node in wiring.nodes for name in node.output]
    order = {name: at for at, name in enumerate((*(spec.name for spec in model.inputs), *made))}
    wanted = found.keys() - wiring.initializers.keys()
    return {name: found[name] for name in sorted(wanted, key=lambda name: (order.get(name, len(order)), name))}


def _hands_on(node: NodeProto) -> bool:
    """Whether the node makes nothing but values of its input, or of all its inputs."""
    if node.domain:
        return False
    return node.op_type in _MOVING or (node.op_type == "Resize" and text(node, "mode", "nearest") == "nearest")


def _data(node: NodeProto) -> Sequence[str]:
    """The inputs that hold the values; others say which of them go where."""
    return node.input if node.op_type == "Concat" else node.input[:1]


def _handed_on(node: NodeProto) -> Sequence[str]:
    """The outputs that hold the values; the second one of MaxPool holds positions, that of Dropout a mask."""
    return node.output if node.op_type == "Split" else node.output[:1]


class _Graph:
    """The outermost graph of a model with the types of its tensors."""

    def __init__(self, model: Model) -> None:
        # Large weights are inputs of the light model, and so no constants to the wiring.
        self._wiring = Wiring(inferred(Draft.of(model.proto, model.folder).light()).graph)
        self._weights = {tensor.name for tensor in model.proto.graph.initializer}
        self._fed = tuple(spec.name for spec in model.inputs)

    @cached_property
    def tensors(self) -> tuple[str, ...]:
        """What is fed and what nodes make, in graph order."""
        return (*self._fed, *(name for node in self._wiring.nodes for name in node.output if name))

    @cached_property
    def _constant(self) -> set[str]:
        found = set(self._weights)
        for node in self._wiring.nodes:
            if found.issuperset(reads(node)):
                found.update(node.output)
        return found

    def absence(self, tensor: str, scaled: Collection[str]) -> Absence:
        """Why `tensor` has no scale."""
        wiring = self._wiring
        if tensor in self._constant:
            return "constant"
        if (wiring.element_type(tensor) or TensorProto.FLOAT) not in _FLOATS:
            return "not float"
        if tensor not in wiring.readers and not wiring.leaves(tensor):
            return "unused"
        if self._is_fused(tensor):
            return "fused"
        return "joined" if self._is_joined(tensor, scaled) else "missing"

    def _is_fused(self, tensor: str) -> bool:
        maker = self._maker(tensor)
        readers = self._wiring.readers.get(tensor, ())
        if maker is None or len(readers) != 1 or self._wiring.leaves(tensor):
            return False
        reader = self._wiring.nodes[readers[0].node]
        if maker.op_type not in PRODUCTS | _POINTWISE or reader.op_type not in _POINTWISE:
            return False
        # A sum is computed within the last of its parts to be known; the others are read from memory.
        places = self._wiring.producer
        return places[tensor] == max(places.get(name, -1) for name in reader.input)

    def _is_joined(self, tensor: str, scaled: Collection[str]) -> bool:
        maker = self._maker(tensor)
        return maker is not None and maker.op_type == "Concat" and all(name in scaled for name in maker.input)

    def _maker(self, tensor: str) -> NodeProto | None:
        at = self._wiring.producer.get(tensor)
        return None if at is None else self._wiring.nodes[at]

    def feeds_product(self, tensor: str) -> bool:
        """Whether a matrix product reads `tensor`."""
        slots = self._wiring.readers.get(tensor, ())
        return any(self._wiring.nodes[slot.node].op_type in PRODUCTS for slot in slots)

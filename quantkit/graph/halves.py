"""A copy of a model that computes in float16 what int8 does not, for runtimes that take every type from the model.

Inputs and outputs keep their names and stay float32, with Casts behind and before them. Version 11 of TensorRT has no
flag that allows FP16: types are those of the ONNX model ("strongly typed"), and what a DequantizeLinear makes has the
type of its scale. Operator set 19 is the first in which QuantizeLinear and DequantizeLinear take float16
(https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html), so a model with such nodes is brought to it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

from quantkit.core.arrays import Array
from quantkit.graph.codes.half_scales import with_half_scales
from quantkit.graph.editing.additions import Additions
from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.wiring import Wiring
from quantkit.graph.half_choice import HalfChoice, constant_codes, half_choice
from quantkit.graph.loading.operators import all_nodes, quantized_operators
from quantkit.graph.passes.batchnorm import batchnorm_folded
from quantkit.graph.passes.constants import constants_to_initializers
from quantkit.graph.passes.functions import functions_inlined
from quantkit.graph.passes.interface import free_dimensions_freed, initializers_out_of_inputs
from quantkit.graph.passes.known_shapes import shapes_inferred
from quantkit.graph.passes.opset import opset_of, opset_raised
from quantkit.graph.passes.unused import unused_removed

_OPSET_OF_HALF_SCALES = 19
_NARROW = frozenset({TensorProto.FLOAT16, TensorProto.BFLOAT16})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Halved:
    """A model with float16 in it.

    Args:
        proto: the model.
        nodes: how many nodes compute in float16.
        kept: node → why it stays in float32, for nodes that have floats.
    """

    proto: ModelProto
    nodes: int
    kept: Mapping[str, str]


def has_halves(proto: ModelProto) -> bool:
    """Whether the model has types of 16 bits already, which its author chose."""
    graph = proto.graph
    types = (value.type.tensor_type.elem_type for values in (graph.input, graph.output) for value in values)
    weights = (tensor.data_type for tensor in graph.initializer)
    casts = (a.i for node in all_nodes(proto) if node.op_type == "Cast" for a in node.attribute if a.name == "to")
    return not _NARROW.isdisjoint((*types, *weights, *casts))


def with_halves(proto: ModelProto, folder: Path | None = None) -> Halved:
    """`proto` in float16, wherever that loses next to nothing.

    Args:
        proto: a float32 model, with Q/DQ nodes or without; it stays as it is.
        folder: where tensors outside the model are found.

    Raises:
        ModelError: the operator set of a model with Q/DQ nodes cannot be raised to 19.
    """
    draft = Draft.of(proto, folder)
    initializers_out_of_inputs(draft)
    free_dimensions_freed(draft)
    functions_inlined(draft)
    if quantized_operators(proto):
        opset_raised(draft, _OPSET_OF_HALF_SCALES)
    constants_to_initializers(draft)
    batchnorm_folded(draft)
    shapes_inferred(draft)
    wiring = Wiring(draft.whole().graph, folder)
    choice = half_choice(wiring, opset_of(draft.proto))
    halving = _Halving(draft, wiring, choice)
    halving.rewrite()
    kept = {wiring.title(at): reason for at, reason in sorted(choice.kept.items())}
    _log.info("%d nodes compute in float16, %s", len(choice.half), _summary(wiring, choice))
    return Halved(draft.whole(), len(choice.half), kept)


def _summary(wiring: Wiring, choice: HalfChoice) -> str:
    stay = Counter(wiring.nodes[at].op_type for at in choice.kept)
    listed = ", ".join(f"{number} {operator}" for operator, number in sorted(stay.items()))
    return f"{len(choice.kept)} stay in float32" + (f": {listed}" if listed else "")


class _Halving:
    """Writes the nodes anew, with a Cast wherever a tensor is read in another type than it is made in.

    A tensor that leaves the graph keeps its name for its float32 form, any other for the form that it is made in.
    """

    def __init__(self, draft: Draft, wiring: Wiring, choice: HalfChoice) -> None:
        self._draft, self._wiring, self._choice = draft, wiring, choice
        self._additions = Additions(draft)
        nodes = wiring.nodes
        made = (nodes[at].output[slot] for at, slots in choice.half.items() for slot in sorted(slots.outputs))
        self._made_half = dict.fromkeys(made)
        self._half_names: dict[str, str] = {}
        self._float_names: dict[str, str] = {}

    def rewrite(self) -> None:
        """Replaces the draft's nodes, weights and recorded types."""
        self._name_tensors()
        self._store_constants()
        nodes = list(self._written())
        del self._draft.graph.node[:]
        self._draft.graph.node.extend(nodes)
        for value in self._draft.graph.value_info:
            if value.name in self._made_half and not self._wiring.leaves(value.name):
                value.type.tensor_type.elem_type = TensorProto.FLOAT16
        unused_removed(self._draft)

    def _name_tensors(self) -> None:
        """Gives every tensor that is wanted in two types a second name."""
        halves, floats = set(self._read(half=True)), set(self._read(half=False))
        for tensor in dict.fromkeys((*self._read(half=True), *self._made_half)):
            keeps = tensor in self._made_half and not self._wiring.leaves(tensor)
            keeps |= tensor in self._wiring.initializers and tensor not in floats and not self._wiring.leaves(tensor)
            self._half_names[tensor] = tensor if keeps else self._additions.name(f"{tensor}_float16")
        for tensor in sorted(floats & self._made_half.keys()):
            leaves = self._wiring.leaves(tensor)
            self._float_names[tensor] = tensor if leaves else self._additions.name(f"{tensor}_float32")
        self._cast = halves - self._made_half.keys() - self._wiring.initializers.keys()

    def _read(self, *, half: bool) -> Iterator[str]:
        """The float32 tensors that some node wants to read in this type, in graph order."""
        for at, node in enumerate(self._wiring.nodes):
            changed = self._choice.half[at].inputs if at in self._choice.half else frozenset()
            yield from (name for slot, name in enumerate(node.input) if name and (slot in changed) == half)

    def _store_constants(self) -> None:
        for tensor, name in self._half_names.items():
            if tensor in self._wiring.initializers:
                with np.errstate(under="ignore"):
                    values = self._wiring.values(tensor).astype(np.float16)
                self._store(name, values)
        for at in self._choice.half:
            node = self._wiring.nodes[at]
            constant = constant_codes(self._wiring, node)
            rescaled = with_half_scales(constant) if constant else None
            if rescaled is not None:
                self._store(node.input[0], rescaled.codes)
                self._store(self._half_names[node.input[1]], rescaled.scale)

    def _store(self, name: str, values: Array) -> None:
        self._draft.weights[name] = numpy_helper.from_array(values, name)

    def _written(self) -> Iterator[NodeProto]:
        for value in self._draft.graph.input:
            yield from self._casts(value.name)
        for at, node in enumerate(self._wiring.nodes):
            yield self._retyped(at, node)
            for name in node.output:
                yield from self._casts(name)

    def _retyped(self, at: int, node: NodeProto) -> NodeProto:
        new = NodeProto()
        new.CopyFrom(node)
        slots = self._choice.half.get(at)
        for slot, name in enumerate(node.input):
            names = self._half_names if slots and slot in slots.inputs else self._float_names
            new.input[slot] = names.get(name, name)
        for slot in slots.outputs if slots else ():
            new.output[slot] = self._half_names[node.output[slot]]
        return new

    def _casts(self, tensor: str) -> Iterator[NodeProto]:
        """Behind what makes `tensor`: the other types in which it is wanted."""
        if tensor in self._cast:
            yield self._cast_node(tensor, self._half_names[tensor], TensorProto.FLOAT16)
        if tensor in self._made_half and (tensor in self._float_names or self._wiring.leaves(tensor)):
            yield self._cast_node(self._half_names[tensor], self._float_names.get(tensor, tensor), TensorProto.FLOAT)

    def _cast_node(self, source: str, made: str, to: int) -> NodeProto:
        return self._additions.node("Cast", [source], made, f"{made}_Cast", to=to)

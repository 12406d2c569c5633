"""A copy of a model in which the caller chooses, at every run, what is quantized."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from onnx import NodeProto, TensorProto, ValueInfoProto, helper

from quantkit.core.arrays import Array, Batch
from quantkit.core.artifact import SerializedModel
from quantkit.core.qparams import QParams
from quantkit.graph.codes.weights import QuantizedConstant
from quantkit.graph.editing.additions import Additions
from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.scopes import tensor_names, unused_name
from quantkit.graph.editing.wiring import Slot
from quantkit.graph.model import Model
from quantkit.graph.passes.interface import initializers_out_of_inputs


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Something that may be quantized in a run, or stay exact.

    Args:
        tensor: an activation, a model input or an initializer, float32.
        codes: scale and zero point of an activation; or a constant's codes.
        readers: who reads it quantized; ``None`` for everyone, whatever leaves the model or enters a subgraph included.
            Two choices of one tensor have different readers.
    """

    tensor: str
    codes: QParams | QuantizedConstant
    readers: tuple[Slot, ...] | None = None


@dataclass(frozen=True, slots=True)
class Choosable:
    """The model, the name of its new input, bool[choices], and how many choices there are."""

    model: SerializedModel
    chosen: str
    count: int

    def with_choices(self, inputs: Batch, chosen: Collection[int]) -> Batch:
        """What to feed so that the choices at the positions `chosen` are quantized, and nothing else."""
        wanted: Array = np.zeros(self.count, np.bool_)
        wanted[list(chosen)] = True
        return {**inputs, self.chosen: wanted}


def choosable(model: Model, choices: Sequence[Choice]) -> Choosable:
    """`model` with a switch for each of `choices`: one engine then serves every subset of them.

    A switch is an ``If``, so what is not chosen costs a copy and no rounding. Readers inside subgraphs see a computed
    tensor quantized where everyone does, and a model input as it was fed.
    """
    draft = Draft.of(model.proto, model.folder)
    initializers_out_of_inputs(draft)
    chosen = unused_name("chosen", tensor_names(draft.graph) | set(draft.weights))
    draft.graph.input.append(helper.make_tensor_value_info(chosen, TensorProto.BOOL, [len(choices)]))
    given = {spec.name for spec in model.inputs} | set(draft.weights)
    rewriting = _Rewriting(draft, chosen, given)
    rewriting.rename(choice.tensor for choice in choices if choice.readers is None and choice.tensor not in given)
    for number, choice in enumerate(choices):
        rewriting.put(number, choice)
    rewriting.finish()
    return Choosable(SerializedModel(draft.serialized(), model.folder), chosen, len(choices))


class _Rewriting:
    """Collects the switches, then walks through the nodes once."""

    def __init__(self, draft: Draft, chosen: str, given: set[str]) -> None:
        self._draft, self._chosen, self._given = draft, chosen, given
        self._additions = Additions(draft)
        self._front: list[NodeProto] = []
        self._behind: dict[str, list[NodeProto]] = defaultdict(list)
        self._slots: dict[Slot, str] = {}
        self._all: dict[str, str] = {}
        self._exact: dict[str, str] = {}

    def rename(self, tensors: Iterable[str]) -> None:
        """Gives what these tensors exactly are another name: model outputs and subgraphs find the switched one."""
        self._exact = {name: self._additions.name(f"{name}_unswitched") for name in tensors}

    def put(self, number: int, choice: Choice) -> None:
        """Adds one switch."""
        name = choice.tensor
        exact = self._exact.get(name, name)
        switched = name
        if choice.readers is not None:
            switched = self._additions.name(f"{name}_switched")
            self._slots |= dict.fromkeys(choice.readers, switched)
        elif name in self._given:
            self._all[name] = switched = self._additions.name(f"{name}_switched")
        place = self._front if name in self._given else self._behind[name]
        place += self._switch(number, choice, exact, switched)

    def _switch(self, number: int, choice: Choice, exact: str, switched: str) -> list[NodeProto]:
        name = choice.tensor
        position = self._additions.constant(f"{name}_choice", np.array(number, np.int64))
        here = self._additions.name(f"{name}_is_chosen")
        kept = self._additions.name(f"{name}_kept")
        same = self._additions.node("Identity", [exact], kept, f"{name}_Keep")
        nodes, restored = self._restored(choice, exact)
        branches = {
            "then_branch": helper.make_graph(nodes, f"{name}_quantized", [], [_output(restored)]),
            "else_branch": helper.make_graph([same], f"{name}_exact", [], [_output(kept)]),
        }
        return [
            self._additions.node("Gather", [self._chosen, position], here, f"{name}_IsChosen"),
            self._additions.node("If", [here], switched, f"{name}_Switch", **branches),
        ]

    def _restored(self, choice: Choice, exact: str) -> tuple[list[NodeProto], str]:
        """What makes the quantized and dequantized tensor of the exact one."""
        name, how = choice.tensor, choice.codes
        if isinstance(how, QuantizedConstant):
            node, restored = self._additions.constant_codes(name, how)
            return [node], restored
        codes, restored = (self._additions.name(f"{name}_{part}") for part in ("codes", "restored"))
        scale = self._additions.constant(f"{name}_scale", how.scale)
        zero_point = self._additions.constant(f"{name}_zero_point", how.zero_point)
        return [
            self._additions.node("QuantizeLinear", [exact, scale, zero_point], codes, f"{name}_Quantize"),
            self._additions.node("DequantizeLinear", [codes, scale, zero_point], restored, f"{name}_Dequantize"),
        ], restored

    def finish(self) -> None:
        """Puts the switches among the nodes, and the nodes behind them."""
        nodes = list(self._front)
        for at, old in enumerate(self._draft.graph.node):
            nodes.append(self._rewired(at, old))
            nodes += [added for name in old.output for added in self._behind[name]]
        del self._draft.graph.node[:]
        self._draft.graph.node.extend(nodes)

    def _rewired(self, at: int, old: NodeProto) -> NodeProto:
        node = NodeProto()
        node.CopyFrom(old)
        for slot, name in enumerate(old.input):
            node.input[slot] = self._slots.get(Slot(at, slot)) or self._all.get(name, name)
        for slot, name in enumerate(old.output):
            node.output[slot] = self._exact.get(name, name)
        return node


def _output(name: str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)

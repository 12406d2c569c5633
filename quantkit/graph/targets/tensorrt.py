"""Pairs where TensorRT fuses them: on the inputs of matrix products, and as few others as possible.

Codes are symmetric int8 with zero point 0; weights have a scale for each channel; biases stay FP32. Nothing stands
between a product and its BatchNormalization, activation or pooling, so that they remain one layer. What joins a
residual sum from the other side is quantized too: only then can the sum become part of the product before it and
hand out int8. A Concat gets no pairs on its inputs, which would cost a reformatting layer each; where they have
pairs for another reader's sake, all have one scale, and the Concat needs no rescaling. Softmax, LayerNormalization
and products of two activations stay in FP16 or FP32, where TensorRT has fused kernels for them. A Clip is written
in a way that bears the Q before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from quantkit.core.scheme import INT8
from quantkit.graph.editing.wiring import Slot, Wiring
from quantkit.graph.placement import ActivationPair, ConstantPair, Form, LeftOut, Placement, Target
from quantkit.graph.products import DATA, PRODUCTS, WEIGHT, channel_axis, refusal
from quantkit.graph.rewrites.clamps import pairs_behind

# They only hand values on, so a pair behind them and one before them mean the same scale.
_TRANSPARENT = frozenset({"Dropout", "Flatten", "Identity", "MaxPool", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
_RECURRENT = frozenset({"GRU", "LSTM", "RNN"})


class TensorRT:
    """TensorRT 8.5 and later, by explicit quantization."""

    def place(self, wiring: Wiring, excluded: Mapping[int, str]) -> Placement:
        """See `Target`."""
        reasons = dict(excluded)
        products = []
        for at, node in enumerate(wiring.nodes):
            if at in excluded or node.domain:
                continue
            if node.op_type in _RECURRENT:
                reasons[at] = f"TensorRT has no integer {node.op_type}"
            elif node.op_type in PRODUCTS:
                reason = refusal(wiring, at)
                if reason:
                    reasons[at] = reason
                else:
                    products.append(at)
        return _placement(wiring, products, reasons)


def _placement(wiring: Wiring, products: list[int], reasons: Mapping[int, str]) -> Placement:
    readers: dict[str, list[Slot]] = defaultdict(list)
    for at in products:
        readers[wiring.nodes[at].input[DATA]].append(Slot(at, DATA))
    for slot in _residual_slots(wiring, set(products), reasons):
        readers[wiring.nodes[slot.node].input[slot.input]].append(slot)
    tensors = sorted(readers, key=lambda name: (wiring.producer.get(name, -1), name))
    return Placement(
        target="tensorrt",
        activations=tuple(ActivationPair(name, INT8, tuple(sorted(readers[name]))) for name in tensors),
        constants=tuple(_weights(wiring, products)),
        shared=tuple(_shared(wiring, readers)),
        nodes=tuple(wiring.title(at) for at in products),
        left_out=tuple(LeftOut(wiring.title(at), wiring.nodes[at].op_type, reasons[at]) for at in sorted(reasons)),
        forms=dict.fromkeys(_clamps(wiring, readers), Form.CLAMPED),
    )


def _residual_slots(wiring: Wiring, products: set[int], reasons: Mapping[int, str]) -> Iterator[Slot]:
    """The input of each residual Add that is not its product: the later product can take the sum in, the other is
    quantized."""
    for at, node in enumerate(wiring.nodes):
        if node.op_type != "Add" or at in reasons or wiring.initializers.keys() & set(node.input):
            continue
        makers = [wiring.producer.get(name, -1) for name in node.input]
        own = max((maker for maker in makers if _is_summed(wiring, maker, products)), default=None)
        if own is not None and makers[0] != makers[1]:
            yield Slot(at, 1 - makers.index(own))


def _clamps(wiring: Wiring, paired: Mapping[str, list[Slot]]) -> Iterator[int]:
    """The Clips of which codes alone are made, before which TensorRT moves the Q."""
    for at, node in enumerate(wiring.nodes):
        if node.op_type == "Clip" and pairs_behind(wiring, node.output[0], paired):
            yield at


def _is_summed(wiring: Wiring, maker: int, products: set[int]) -> bool:
    """Whether the node at `maker` is a Conv in integers that only one node reads."""
    if maker not in products or wiring.nodes[maker].op_type != "Conv":
        return False
    made = wiring.nodes[maker].output[0]
    return len(wiring.readers.get(made, ())) == 1 and not wiring.leaves(made)


def _weights(wiring: Wiring, products: list[int]) -> Iterator[ConstantPair]:
    nodes: dict[tuple[str, int | None], list[int]] = defaultdict(list)
    for at in products:
        nodes[wiring.nodes[at].input[WEIGHT], channel_axis(wiring, at)].append(at)
    for (name, axis), reading in nodes.items():
        scheme = INT8 if axis is None else INT8.per_channel(axis)
        activations = tuple(wiring.nodes[at].input[DATA] for at in reading)
        yield ConstantPair(name, scheme, tuple(Slot(at, WEIGHT) for at in reading), activations)


def _shared(wiring: Wiring, paired: Mapping[str, list[Slot]]) -> Iterator[tuple[str, ...]]:
    """What is joined by Concats, directly or through others, as far as it has pairs: each tensor in one group
    only."""
    groups: list[set[str]] = []
    for node in wiring.nodes:
        if node.op_type != "Concat":
            continue
        joined = {_source(wiring, name) for name in (*node.input, node.output[0])}
        touching = [group for group in groups if group & joined]
        groups = [group for group in groups if not group & joined]
        groups.append(joined.union(*touching))
    for group in groups:
        members = [name for name in paired if _source(wiring, name) in group]
        if len(members) > 1:
            yield tuple(sorted(members))


def _source(wiring: Wiring, tensor: str) -> str:
    """The tensor whose values `tensor` hands on."""
    maker = wiring.producer.get(tensor)
    while maker is not None and wiring.nodes[maker].op_type in _TRANSPARENT:
        tensor = wiring.nodes[maker].input[DATA]
        maker = wiring.producer.get(tensor)
    return tensor


plugin: type[Target] = TensorRT

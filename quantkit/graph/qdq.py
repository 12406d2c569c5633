"""A copy of a model with Q/DQ pairs in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, numpy_helper

from quantkit.core.arrays import Array
from quantkit.core.calibration import Calibration
from quantkit.core.qparams import QParams
from quantkit.core.scheme import INT8
from quantkit.graph.codes.parameters import (
    Constants,
    activation_parameters,
    activation_ranges,
    quantized_constants,
    weight_scheme,
)
from quantkit.graph.codes.weights import QuantizedConstant, quantized_bias
from quantkit.graph.editing.additions import Additions, Codes
from quantkit.graph.editing.attributes import text
from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.tensors import array
from quantkit.graph.editing.wiring import Slot, Wiring
from quantkit.graph.model import Model
from quantkit.graph.ort_kernels import moved, reach
from quantkit.graph.passes.unused import unused_removed
from quantkit.graph.placement import ActivationPair, Form, Placement
from quantkit.graph.rewrites import channelwise, clamps, hard_activations, prelu


def with_qdq(
    model: Model, placement: Placement, calibration: Calibration, *, reduce_range: bool = False
) -> onnx.ModelProto:
    """`model` with the pairs of `placement`, their scales from `calibration`.

    Inputs and outputs keep their names and stay float32. Weights are stored as int8 codes with a DQ alone; no
    tensor of the result is stored outside it.

    Args:
        model: the prepared model that `placement` was made for.
        placement: where the pairs go.
        calibration: a range for each of ``placement.tensors``.
        reduce_range: weights within 7 bits, for processors whose 8-bit products saturate.

    Raises:
        ArtifactError: the calibration belongs to another model, or lacks a tensor.
    """
    calibration.refuse_other_model(model.digest)
    weights = _Weights(model)
    ranges = activation_ranges(placement, calibration)
    parameters = activation_parameters(placement, ranges)
    constants = quantized_constants(placement, weights, ranges, parameters, reduce_range=reduce_range)
    rewriting = _Rewriting(model, placement, weights, reduce_range=reduce_range)
    rewriting.put_pairs(parameters)
    rewriting.put_constants(constants, parameters)
    return rewriting.finished()


class _Weights(Mapping[str, Array]):
    """A model's initializers as arrays, read when they are asked for."""

    def __init__(self, model: Model) -> None:
        self._folder = model.folder
        self._tensors = {tensor.name: tensor for tensor in model.proto.graph.initializer}

    def __getitem__(self, name: str) -> Array:
        return array(self._tensors[name], self._folder)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


class _Rewriting:
    """Collects what is new, then walks through the nodes once."""

    def __init__(self, model: Model, placement: Placement, weights: _Weights, *, reduce_range: bool) -> None:
        self._draft = Draft.of(model.proto, model.folder)
        self._additions = Additions(self._draft)
        self._wiring = Wiring(model.proto.graph, model.folder)
        self._placement, self._weights = placement, weights
        self._weight_scheme = weight_scheme(INT8, reduce_range=reduce_range)
        self._front: list[NodeProto] = []
        self._behind: dict[str, list[NodeProto]] = defaultdict(list)
        self._inputs: dict[Slot, str] = {}
        self._outputs: dict[str, str] = {}
        self._codes: dict[str, Codes] = {}
        self._scales: dict[str, float] = {}

    def put_pairs(self, parameters: Mapping[str, QParams]) -> None:
        """A Q/DQ pair behind each activation, or what stands for one."""
        for pair in self._placement.activations:
            name, how = pair.tensor, parameters[pair.tensor]
            form, moved_from = self._made_by(name)
            self._codes[name] = Codes(
                self._codes[moved_from].name if form is Form.RESCALED else self._additions.name(f"{name}_quantized"),
                self._additions.constant(f"{name}_scale", how.scale),
                self._additions.constant(f"{name}_zero_point", how.zero_point),
            )
            self._scales[name] = float(how.scale)
            self._put_pair(pair)

    def _put_pair(self, pair: ActivationPair) -> None:
        name, codes = pair.tensor, self._codes[pair.tensor]
        source, restored = name, self._additions.name(f"{name}_dequantized")
        if pair.leaves:
            source, restored = self._additions.name(f"{name}_unquantized"), name
        scaling = [codes.scale, codes.zero_point]
        form, _ = self._made_by(name)
        if form is Form.CODES:
            source = codes.name
        elif form is not Form.RESCALED:
            self._behind[name].append(
                self._additions.node("QuantizeLinear", [source, *scaling], codes.name, f"{name}_QuantizeLinear")
            )
        self._behind[name].append(
            self._additions.node("DequantizeLinear", [codes.name, *scaling], restored, f"{name}_DequantizeLinear")
        )
        self._outputs[name] = source
        self._inputs |= dict.fromkeys(pair.readers, restored)

    def put_constants(self, constants: Constants, parameters: Mapping[str, QParams]) -> None:
        """A DQ for each constant and each bias."""
        for pair, constant in constants.items():
            self._inputs |= dict.fromkeys(pair.readers, self._put_codes(pair.tensor, constant))
        scales = {slot.node: constant.scale for pair, constant in constants.items() for slot in pair.readers}
        for bias in self._placement.biases:
            values = self._weights[bias.tensor].reshape(-1)
            stored = quantized_bias(values, parameters[bias.activation].scale, scales[bias.reader.node])
            self._inputs[bias.reader] = self._put_codes(bias.tensor, stored)

    def _put_codes(self, name: str, constant: QuantizedConstant) -> str:
        dequantize, restored = self._additions.constant_codes(name, constant)
        self._front.append(dequantize)
        return restored

    def finished(self) -> onnx.ModelProto:
        """The whole model, without the weights and nodes that nothing needs any more."""
        nodes = [*self._front, *self._walked()]
        del self._draft.graph.node[:]
        self._draft.graph.node.extend(nodes)
        unused_removed(self._draft)
        weights = self._draft.weights
        outside = [name for name, tensor in weights.items() if tensor.data_location == TensorProto.EXTERNAL]
        self._draft.weights = weights | {n: numpy_helper.from_array(self._weights[n], n) for n in outside}
        return self._draft.whole()

    def _walked(self) -> Iterator[NodeProto]:
        """All nodes in an order in which each comes after what it reads."""
        for value in self._draft.graph.input:
            yield from self._behind[value.name]
        for at, node in enumerate(self._wiring.nodes):
            yield from self._written(at)
            for name in node.output:
                yield from self._behind[name]

    def _written(self, at: int) -> list[NodeProto]:
        """The node at `at` in the form that it is to have."""
        node, form = self._rewired(at), self._placement.forms.get(at)
        match form:
            case None:
                return [node]
            case Form.RESCALED:
                return []
            case Form.SUM | Form.GUARDED | Form.CODES:
                return self._written_otherwise(at, node, form)
            case Form.CHANNELWISE:
                return self._written_channelwise(at, node)
            case Form.CLAMPED:
                return self._written_clamp(at, node)
        return self._written_activation(at, node, form)

    def _rewired(self, at: int) -> NodeProto:
        """The node at `at`, reading and making what it is to read and make now."""
        old, node = self._wiring.nodes[at], NodeProto()
        node.CopyFrom(old)
        for slot, name in enumerate(old.input):
            node.input[slot] = self._inputs.get(Slot(at, slot), name)
        for slot, name in enumerate(old.output):
            node.output[slot] = self._outputs.get(name, name)
        return node

    def _written_otherwise(self, at: int, node: NodeProto, form: Form) -> list[NodeProto]:
        if form is Form.CODES:
            return [on_codes(node, self._codes[self._wiring.nodes[at].input[0]])]
        if form is Form.SUM:
            node.op_type = "Sum"
            return [node]
        made = node.output[0]
        node.output[0] = self._additions.name(f"{made}_unguarded")
        return [node, self._additions.node("Sum", [node.output[0]], made, f"{node.name}_Sum")]

    def _written_channelwise(self, at: int, node: NodeProto) -> list[NodeProto]:
        line, read = channelwise.channelwise(self._wiring, at), channelwise.scaled(self._wiring, at)
        if line is None:
            return [node]
        data = node.input[list(self._wiring.nodes[at].input).index(read)]
        scale = np.asarray(self._scales[read], np.float32)
        return channelwise.as_convolution(
            node, data, line, scale, weight_scheme=self._weight_scheme, additions=self._additions
        )

    def _written_clamp(self, at: int, node: NodeProto) -> list[NodeProto]:
        paired = {pair.tensor: pair.readers for pair in self._placement.activations}
        behind = clamps.pairs_behind(self._wiring, self._wiring.nodes[at].output[0], paired)
        return clamps.as_written(
            node, reach(self._wiring, at), [self._scales[name] for name in behind], self._additions
        )

    def _written_activation(self, at: int, node: NodeProto, form: Form) -> list[NodeProto]:
        read = self._wiring.nodes[at].input[0]
        if form is Form.HARD_SIGMOID:
            return hard_activations.as_sum(node, self._codes[read], self._scales[read], self._additions)
        if form is Form.HARD_SWISH:
            return hard_activations.as_product(node, self._codes[read], self._scales[read], self._additions)
        slope = self._weights[self._wiring.nodes[at].input[prelu.SLOPE]]
        if form is Form.LEAKY:
            return prelu.as_leaky_relu(node, slope)
        along = prelu.stacking(self._wiring, at)
        if form is Form.SPLIT or along is None:
            return prelu.as_split(node, slope, self._additions)
        weight = prelu.taps(slope.reshape(-1), self._weight_scheme)
        return prelu.as_stacked(node, weight, along, self._codes[read], self._additions)

    def _made_by(self, tensor: str) -> tuple[Form | None, str]:
        """The form of the node that makes `tensor`, and the tensor whose codes that node would hand on."""
        at = self._wiring.producer.get(tensor)
        return (None, "") if at is None else (self._placement.forms.get(at), moved(self._wiring, at))


def on_codes(node: NodeProto, source: Codes) -> NodeProto:
    """A node that moves codes, between Q and DQ; where it pads with 0, with the code for 0."""
    node.input[0] = source.name
    if node.op_type == "Pad" and text(node, "mode", "constant") == "constant":
        inputs = [*node.input[:2], source.zero_point, *node.input[3:]]
        del node.input[:]
        node.input.extend(inputs)
    return node

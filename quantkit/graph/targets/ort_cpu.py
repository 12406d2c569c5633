"""Pairs where ONNX Runtime's CPU provider turns them into integer kernels.

Its optimizer looks for DQ → op → Q and puts one kernel in the place of all three, so a Conv runs in integers only
with a pair on what it makes (behind the Relu or Clip that the pair makes superfluous), while MatMul and Gemm can
also hand out floats. Which operators, see `quantkit.graph.ort_kernels`. An operator besides matrix products is
worth its integer kernel only where its neighbours already work on codes; elsewhere the conversions would cost more
than it saves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from quantkit.core.scheme import INT8, UINT8
from quantkit.graph.editing.scopes import subgraphs
from quantkit.graph.editing.wiring import Slot, Wiring
from quantkit.graph.ort_kernels import CLAMPING, COMPUTING, MOVING, counts, rescaling
from quantkit.graph.placement import (
    ActivationPair,
    BiasPair,
    ConstantPair,
    Followed,
    Form,
    LeftOut,
    Placement,
    Target,
)
from quantkit.graph.products import BIAS, DATA, PRODUCTS_WITH_BIAS, WEIGHT, channel_axis, has_bias
from quantkit.graph.rewrites.channelwise import channelwise
from quantkit.graph.rewrites.prelu import has_one_slope
from quantkit.graph.targets._choice import Choice
from quantkit.graph.targets._units import Kind, Unit, units

INTEGER_FORMS = {
    "HardSigmoid": Form.HARD_SIGMOID,
    "HardSwish": Form.HARD_SWISH,
    "Pad": Form.CODES,
    # Its pairs are dropped only if each of its outputs is read.
    "Split": Form.CODES,
}


class OrtCpu:
    """The CPU provider of ONNX Runtime: uint8 activations with a zero point, int8 weights per channel, int32 bias."""

    def place(self, wiring: Wiring, excluded: Mapping[int, str]) -> Placement:
        """See `Target`."""
        candidates, refused = units(wiring, excluded)
        return _Plan(wiring, Choice(wiring, candidates), excluded).placement(refused)


class _Plan:
    """Writes down as pairs what was chosen."""

    def __init__(self, wiring: Wiring, choice: Choice, excluded: Mapping[int, str]) -> None:
        self.wiring, self.choice, self.excluded = wiring, choice, excluded
        self.units = [choice.units[at] for at in sorted(choice.units)]
        clamps = {unit.clamp for unit in self.units if unit.clamp is not None}
        self.integer = clamps | choice.units.keys()

    def placement(self, refused: Mapping[int, str]) -> Placement:
        return Placement(
            target="ort-cpu",
            activations=tuple(self._activations()),
            constants=tuple(self._constants()),
            biases=tuple(self._biases()),
            shared=tuple(self._shared()),
            follows=dict(self._follows()),
            nodes=tuple(self.wiring.title(at) for at in sorted(self.integer) if counts(self.wiring, at)),
            left_out=tuple(self._left_out(refused)),
            forms=dict(self._forms()),
        )

    def _activations(self) -> Iterator[ActivationPair]:
        made = (name for unit in self.units for name in unit.outputs)
        read = (name for unit in self.units for name in unit.data)
        for tensor in sorted({*made, *read}, key=self._position):
            if self.choice.makes_codes(tensor):
                # Whoever wanted floats reads them behind the pair, or the kernel would have to make both.
                everyone = self.wiring.readers.get(tensor, ())
                leaves = tensor in self.wiring.outputs
                yield ActivationPair(tensor, UINT8, everyone, leaves=leaves, made=True, reach=self._reach(tensor))
            elif readers := tuple(slot for slot, _ in self.choice.readers(tensor)):
                yield ActivationPair(tensor, UINT8, readers)

    def _position(self, tensor: str) -> tuple[int, str]:
        return self.wiring.producer.get(tensor, -1), tensor

    def _reach(self, tensor: str) -> tuple[float, float] | None:
        unit = self.choice.maker(tensor)
        if unit is not None and self.wiring.nodes[unit.node].op_type == "HardSigmoid":
            return 0.0, 1.0
        return unit.reach if unit else None

    def _constants(self) -> Iterator[ConstantPair]:
        weights: dict[tuple[str, int | None], list[int]] = {}
        others: dict[str, list[Slot]] = {}
        for unit in self.units:
            node = self.wiring.nodes[unit.node]
            if unit.kind is Kind.PRODUCT:
                weights.setdefault((node.input[WEIGHT], channel_axis(self.wiring, unit.node)), []).append(unit.node)
            elif unit.kind is Kind.COMPUTING and self._integer_form(unit) is None:
                for slot, name in enumerate(node.input):
                    if name in self.wiring.initializers:
                        others.setdefault(name, []).append(Slot(unit.node, slot))
        for (name, axis), nodes in weights.items():
            scheme = INT8 if axis is None else INT8.per_channel(axis)
            activations = tuple(self.wiring.nodes[at].input[DATA] for at in nodes)
            yield ConstantPair(name, scheme, tuple(Slot(at, WEIGHT) for at in nodes), activations)
        for name, slots in others.items():
            yield ConstantPair(name, UINT8, tuple(slots))

    def _biases(self) -> Iterator[BiasPair]:
        for unit in self.units:
            node = self.wiring.nodes[unit.node]
            if unit.kind is Kind.PRODUCT and has_bias(node):
                yield BiasPair(node.input[BIAS], node.input[DATA], node.input[WEIGHT], Slot(unit.node, BIAS))

    def _follows(self) -> Iterator[tuple[str, Followed]]:
        sources: dict[str, Followed] = {}
        for unit in self.units:
            if unit.kind is Kind.MOVING:
                source = sources.get(unit.data[0], Followed(unit.data[0]))
                factor = source.factor * (rescaling(self.wiring, unit.node) or 1)
                sources |= dict.fromkeys(unit.outputs, Followed(source.tensor, factor))
        yield from sources.items()

    def _shared(self) -> Iterator[tuple[str, ...]]:
        """What a Concat joins, where nobody else reads it: rounding once to the joint scale is better than twice.

        A tensor behind a clamp joins only its like, or the joint range would reach where the clamp does not.
        """
        for unit in self.units:
            if self.wiring.nodes[unit.node].op_type != "Concat":
                continue
            members = [name for name in unit.data if self._belongs_to(name, unit)]
            if len({self._reach(name) for name in unit.data}) > 1:
                members = [name for name in members if self._reach(name) is None]
            if members:
                yield (*dict.fromkeys(members), unit.outputs[0])

    def _belongs_to(self, tensor: str, unit: Unit) -> bool:
        maker = self.choice.maker(tensor)
        alone = all(slot.node == unit.node for slot in self.wiring.readers[tensor])
        return maker is not None and maker.kind is not Kind.MOVING and alone and not self.wiring.leaves(tensor)

    def _forms(self) -> Iterator[tuple[int, Form]]:
        for at in range(len(self.wiring.nodes)):
            unit = self.choice.units.get(at)
            form = self._float_form(at) if unit is None else self._integer_form(unit)
            if form is not None:
                yield at, form

    def _integer_form(self, unit: Unit) -> Form | None:
        operator = self.wiring.nodes[unit.node].op_type
        if unit.kind is Kind.COMPUTING and channelwise(self.wiring, unit.node) is not None:
            return Form.CHANNELWISE
        if operator == "PRelu":
            return Form.LEAKY if has_one_slope(self.wiring, unit.node) else Form.STACKED
        if operator in ("Mul", "Div") and unit.kind is Kind.MOVING:
            return Form.RESCALED
        return INTEGER_FORMS.get(operator)

    def _float_form(self, at: int) -> Form | None:
        node = self.wiring.nodes[at]
        if node.op_type == "MaxPool" and self._feeds_codes(node.output[0]):
            # ONNX Runtime would move the Q before it, where its kernel for codes is many times slower: 8-bit pooling is
            # fast only in the layout that integer convolutions leave.
            return Form.GUARDED
        if self._would_be_quantized(at):
            return Form.GUARDED
        if at in self.excluded:
            return None
        if node.op_type == "PRelu" and node.input[1] in self.wiring.initializers:
            return Form.LEAKY if has_one_slope(self.wiring, at) else Form.SPLIT
        return Form.SUM if node.op_type == "Add" and self._would_be_fused(at) else None

    def _feeds_codes(self, tensor: str) -> bool:
        """Whether a Q reads `tensor`, or what is only moved from it."""
        slots = self.wiring.readers.get(tensor, ())
        moving = (slot.node for slot in slots if self.wiring.nodes[slot.node].op_type in MOVING)
        return any(self.choice.readers(tensor)) or any(
            self._feeds_codes(name) for at in moving for name in self.wiring.nodes[at].output if name
        )

    def _would_be_quantized(self, at: int) -> bool:
        """Whether ONNX Runtime would quantize the float product that ends at `at`, a clamp behind it included.

        Since 1.20 it gives float weights one scale for all channels where nothing but clamps stands between the product
        and codes on both sides: what was left in FP32 for the sake of accuracy would lose most of it.
        """
        node = self.wiring.nodes[at]
        if not self._feeds_codes(node.output[0]):
            return False
        while node.op_type in CLAMPING and node.input[DATA] in self.wiring.producer:
            at = self.wiring.producer[node.input[DATA]]
            node = self.wiring.nodes[at]
        if node.op_type not in PRODUCTS_WITH_BIAS or at in self.choice.units:
            return False
        return self._is_dequantized(node.input[DATA])

    def _is_dequantized(self, tensor: str) -> bool:
        """Whether `tensor` comes from codes, with nothing in between behind which ONNX Runtime would not put the DQ."""
        at = self.wiring.producer.get(tensor, -1)
        moving = at >= 0 and self.wiring.nodes[at].op_type in MOVING
        return self.choice.makes_codes(tensor) or (moving and self._is_dequantized(self.wiring.nodes[at].input[DATA]))

    def _would_be_fused(self, add: int) -> bool:
        """Whether ONNX Runtime would make the Add part of a Gemm in floats, or of a SkipLayerNormalization.

        It does so before it looks for pairs: a MatMul with the Add of a constant behind it becomes a Gemm with a
        float bias, which has no integer kernel. And SkipLayerNormalization takes longer than LayerNormalization and
        Add.
        """
        node = self.wiring.nodes[add]
        before = [self.choice.maker(name) for name in node.input]
        behind = [self.wiring.nodes[slot.node].op_type for slot in self.wiring.readers.get(node.output[0], ())]
        return "LayerNormalization" in behind or any(
            unit is not None and self.wiring.nodes[unit.node].op_type == "MatMul" for unit in before
        )

    def _left_out(self, refused: Mapping[int, str]) -> Iterator[LeftOut]:
        reasons = {**refused, **self.excluded}
        for at, node in enumerate(self.wiring.nodes):
            if at not in self.integer and (at in reasons or counts(self.wiring, at)):
                yield LeftOut(self.wiring.title(at), node.op_type, reasons.get(at) or self._reason(at))

    def _reason(self, at: int) -> str:
        operator = self.wiring.nodes[at].op_type
        if any(subgraphs(self.wiring.nodes[at])):
            return "its subgraphs stay as they are"
        if operator == "MatMul":
            return "both operands are computed in FP32, and it is too small to pay for converting them"
        if operator in CLAMPING:
            return "no integer kernel is right before it, into which it would vanish"
        if operator in COMPUTING:
            return "its neighbours work in FP32: converting would cost more than its integer kernel saves"
        return "ONNX Runtime's CPU provider has no integer kernel for it"


plugin: type[Target] = OrtCpu

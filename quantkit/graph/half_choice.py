"""Which nodes compute in float16, and why the others stay in float32.

Half precision has 11 significant bits between 6·10⁻⁸ and 65504. That does for products, which hardware adds up in
float32, for activations and for pooling; it does not do for what adds up many values itself, for exponentials and
powers, for normalizations by small variances, and for positions. Those stay in float32, as in P. Micikevicius and
others, "Mixed Precision Training", 2018, section 3.3. So does arithmetic between them, and floats that are no data
because they were made of integers or constants: sizes, masks and indices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import NodeProto, TensorProto

from quantkit.core.arrays import Floats
from quantkit.graph.codes.half_scales import with_half_scales
from quantkit.graph.codes.weights import QuantizedConstant
from quantkit.graph.editing.attributes import number
from quantkit.graph.editing.scopes import reads, subgraphs
from quantkit.graph.editing.wiring import Wiring

_QUANTIZE, _DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"

_SUMS = "it adds up many values"
_GROWS = "it leaves the range of float16, or loses small differences"
_NORMALIZES = "it divides by what may be very small"
_POSITIONS = "it computes positions"

_DELICATE: dict[str, str] = {
    **dict.fromkeys(("CumProd", "CumSum", "GlobalLpPool", "LRN", "LpPool", "ReduceL1", "ReduceL2"), _SUMS),
    **dict.fromkeys(("ReduceLogSum", "ReduceLogSumExp", "ReduceMean", "ReduceProd", "ReduceSum"), _SUMS),
    **dict.fromkeys(("DFT", "Det", "ReduceSumSquare", "STFT"), _SUMS),
    **dict.fromkeys(
        ("Acosh", "Asinh", "Atanh", "Cos", "Cosh", "Exp", "Log", "Mish", "Mod", "Pow", "Reciprocal"), _GROWS
    ),
    **dict.fromkeys(
        ("Attention", "Hardmax", "LogSoftmax", "Sin", "Sinh", "Softmax", "Softplus", "Sqrt", "Tan"), _GROWS
    ),
    **dict.fromkeys(
        ("BatchNormalization", "GroupNormalization", "InstanceNormalization", "LayerNormalization"), _NORMALIZES
    ),
    **dict.fromkeys(("LpNormalization", "MeanVarianceNormalization", "RMSNormalization"), _NORMALIZES),
    **dict.fromkeys(
        ("AffineGrid", "CenterCropPad", "DeformConv", "GridSample", "MaxRoiPool", "Range", "RoiAlign"), _POSITIONS
    ),
}

# Cheap beside a conversion, and often part of a formula whose other parts are delicate.
_ARITHMETIC = frozenset({"Abs", "Add", "Div", "Max", "Mean", "Min", "Mul", "Neg", "Sub", "Sum", "Where"})

# They pick from a constant or move it, so what they make is data although no computed float comes in.
_PICKING = frozenset({"Gather", "GatherElements", "GatherND", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"})

# What they make has the type that an attribute says.
_TYPED = frozenset({"Cast", "CastLike"})

_DIVISOR = 1

_CODES = frozenset({TensorProto.INT8, TensorProto.UINT8, TensorProto.INT16, TensorProto.UINT16, TensorProto.INT32})

# Rounding to float16 leaves 73 dB of a tensor; a tensor that loses more lies below the smallest normal number.
_LEAST_SQNR = 60.0
_ROUNDING = 2.0**-10


class Slots(NamedTuple):
    """The inputs and outputs of a node that change their type together."""

    inputs: frozenset[int]
    outputs: frozenset[int]


@dataclass(frozen=True, slots=True)
class HalfChoice:
    """The decision for a model.

    Args:
        half: position → the inputs and outputs that become float16.
        kept: position → why a node with floats stays in float32.
    """

    half: Mapping[int, Slots] = field(default_factory=dict)
    kept: Mapping[int, str] = field(default_factory=dict)


def half_choice(wiring: Wiring, opset: int) -> HalfChoice:
    """Decides for every node of the outermost graph; inner graphs stay as they are.

    Args:
        wiring: of a model whose tensors' types are known; a node with an unknown one stays in float32.
        opset: version of the standard operators; Q/DQ nodes take float16 from 19 on.
    """
    return _Choosing(wiring, opset).chosen()


class _Choosing:
    """One walk through the nodes, in an order in which each comes after what it reads."""

    def __init__(self, wiring: Wiring, opset: int) -> None:
        self._wiring, self._opset = wiring, opset
        self._half: dict[int, Slots] = {}
        self._kept: dict[int, str] = {}
        fed = (value.name for value in wiring.graph.input)
        # Floats that carry data, rather than shapes or masks; and those of them that are float16.
        self._data = {name for name in fed if wiring.element_type(name) == TensorProto.FLOAT}
        self._halves: set[str] = set()

    def chosen(self) -> HalfChoice:
        for at in range(len(self._wiring.nodes)):
            self._choose(at)
        for at in reversed(range(len(self._wiring.nodes))):
            if at in self._half and self._wiring.nodes[at].op_type == _DEQUANTIZE and not self._is_read_as_half(at):
                self._keep(at, "only what stays in float32 reads it")
        return HalfChoice(self._half, self._kept)

    def _choose(self, at: int) -> None:
        node = self._wiring.nodes[at]
        if self._hands_on_data(node):
            self._data.update(filter(self._is_float, node.output))
        if TensorProto.FLOAT not in map(self._wiring.element_type, filter(None, chain(node.input, node.output))):
            return
        slots = self._slots(node)
        reason = self._reason(at, slots) if slots else f"{node.op_type} takes no float16 here"
        if reason or slots is None:
            self._kept[at] = reason
            return
        self._half[at] = slots
        self._halves.update(node.output[slot] for slot in slots.outputs)

    def _keep(self, at: int, reason: str) -> None:
        self._halves.difference_update(self._wiring.nodes[at].output)
        del self._half[at]
        self._kept[at] = reason

    def _hands_on_data(self, node: NodeProto) -> bool:
        if node.op_type == _DEQUANTIZE or self._data.intersection(reads(node)):
            return True
        fixed = node.op_type in _PICKING and node.input[0] in self._wiring.initializers
        return fixed and self._is_float(node.input[0]) and fits(self._wiring.values(node.input[0]))

    def _slots(self, node: NodeProto) -> Slots | None:
        """What would change; ``None`` where the operator's definition, an unknown type or an inner graph forbids it."""
        names = [name for name in (*node.input, *node.output) if name]
        if node.domain or any(subgraphs(node)) or any(self._wiring.element_type(name) is None for name in names):
            return None
        slots = _definition(node.op_type, self._opset, len(node.input), len(node.output))
        if slots is None:
            return None
        inputs, outputs = (
            frozenset(slot for slot in side if names[slot] and self._is_float(names[slot]))
            for side, names in ((slots.inputs, node.input), (slots.outputs, node.output))
        )
        whole = all(slot in outputs or not self._is_float(name) for slot, name in enumerate(node.output) if name)
        return Slots(inputs, outputs) if whole and (inputs or outputs) else None

    def _is_float(self, tensor: str) -> bool:
        return self._wiring.element_type(tensor) == TensorProto.FLOAT

    def _reason(self, at: int, slots: Slots) -> str:
        """Why the node stays in float32 although its definition takes float16; empty if it does not."""
        node = self._wiring.nodes[at]
        computed = [node.input[slot] for slot in slots.inputs if node.input[slot] not in self._wiring.initializers]
        arithmetic = node.op_type in _ARITHMETIC
        reasons = {
            _DELICATE.get(node.op_type, ""): node.op_type in _DELICATE,
            "it says itself which type it makes": node.op_type in _TYPED,
            "it quantizes float32": node.op_type == _QUANTIZE and not self._halves.issuperset(computed),
            "the floats that it computes with are no data": not self._hands_on_data(node),
            "it reads floats that are no data": arithmetic and not self._data.issuperset(computed),
            "all that it reads is float32": arithmetic and not self._halves.intersection(computed),
        }
        return next((reason for reason, holds in reasons.items() if holds), "") or self._misfit(node, slots)

    def _misfit(self, node: NodeProto, slots: Slots) -> str:
        """Names a constant that float16 cannot hold."""
        codes = constant_codes(self._wiring, node)
        if codes is not None and with_half_scales(codes) is not None:
            return ""
        for slot in sorted(slots.inputs):
            name = node.input[slot]
            divides = node.op_type in (_QUANTIZE, _DEQUANTIZE) or (node.op_type == "Div" and slot == _DIVISOR)
            if name in self._wiring.initializers and not fits(self._wiring.values(name), each=divides):
                return f"float16 cannot hold its constant {name}"
        return ""

    def _is_read_as_half(self, at: int) -> bool:
        made = self._wiring.nodes[at].output[0]
        readers = self._wiring.readers.get(made, ())
        return any(slot.node in self._half and slot.input in self._half[slot.node].inputs for slot in readers)


def constant_codes(wiring: Wiring, node: NodeProto) -> QuantizedConstant | None:
    """The constant that a DQ restores, if nothing else reads its codes."""
    if node.op_type != _DEQUANTIZE or any(name not in wiring.initializers for name in node.input):
        return None
    alone = len(wiring.readers[node.input[0]]) == 1 and not wiring.leaves(node.input[0])
    if not alone or wiring.element_type(node.input[0]) not in _CODES or number(node, "block_size", 0):
        return None
    codes, scale, *rest = (wiring.values(name) for name in node.input)
    zero_point = rest[0] if rest else np.zeros(scale.shape, codes.dtype)
    axis = number(node, "axis", 1) % max(codes.ndim, 1)
    return QuantizedConstant(codes, scale, zero_point, axis if scale.ndim else None)


def fits(values: Floats, *, each: bool = False) -> bool:
    """Whether float16 holds `values` as well as it holds numbers of ordinary size.

    >>> fits(np.array([0.5, 1e-9], np.float32)), fits(np.array([0.5, 1e-9], np.float32), each=True)
    (True, False)
    >>> fits(np.array([1e-12], np.float32)), fits(np.array([-3.4e38], np.float32))
    (False, False)

    Args:
        values: float32, of any shape.
        each: every value counts by itself, as in a divisor; otherwise a tiny one among larger ones may become 0.
    """
    with np.errstate(over="ignore", under="ignore"):
        halves = values.astype(np.float16).astype(np.float32)
    finite = np.isfinite(values)
    if not np.isfinite(halves[finite]).all():
        return False
    exact = values[finite].astype(np.float64)
    noise = np.abs(halves[finite] - exact)
    if each:
        return bool((noise <= _ROUNDING * np.abs(exact)).all())
    return bool(np.square(noise).sum() <= np.square(exact).sum() / 10 ** (_LEAST_SQNR / 10))


@cache
def _definition(operator: str, opset: int, inputs: int, outputs: int) -> Slots | None:
    """The slots of the type that the operator computes in; ``None`` where that must not be float16."""
    if not onnx.defs.has(operator, opset, ""):
        return None
    schema = onnx.defs.get_schema(operator, opset, "")
    allowed = {
        entry.type_param_str for entry in schema.type_constraints if "tensor(float16)" in entry.allowed_type_strs
    }
    read, made = list(_types(schema.inputs, inputs)), list(_types(schema.outputs, outputs))
    computing = allowed.intersection((*read[:1], *made[:1]))
    return Slots(*(frozenset(at for at, name in enumerate(side) if name in computing) for side in (read, made)))


def _types(parameters: Any, count: int) -> Iterator[str]:
    """The type of each of `count` inputs or outputs, of which the last one declared may stand for several."""
    for at in range(count if parameters else 0):
        yield parameters[min(at, len(parameters) - 1)].type_str

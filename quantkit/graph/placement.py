"""Which tensors are quantized, for whom, and why the rest is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol

from quantkit.core import plugins
from quantkit.core.scheme import Scheme
from quantkit.graph.editing.wiring import Slot, Wiring
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model

TARGETS = "quantkit.graph.targets"


@dataclass(frozen=True, slots=True)
class ActivationPair:
    """A Q/DQ pair on a tensor that is computed, or fed.

    Args:
        tensor: its name in the prepared model.
        scheme: the codes.
        readers: who reads the dequantized tensor; everyone else reads it as it was.
        leaves: the tensor is a model output, and what leaves the model is the dequantized one.
        made: the kernel that makes the tensor makes codes; otherwise they are made for the readers' sake.
        reach: the interval that the node before the pair lets through, such as 0…6 behind a ReLU6. The codes stay
            within it, so that the runtime sees that the pair clamps just as much and drops the node.
    """

    tensor: str
    scheme: Scheme
    readers: tuple[Slot, ...]
    leaves: bool = False
    made: bool = False
    reach: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class ConstantPair:
    """A weight or another constant that is stored as codes; `readers` read the dequantized tensor.

    `multiplies` names the activations that a weight is multiplied with, one for each reader; empty for other
    constants.
    """

    tensor: str
    scheme: Scheme
    readers: tuple[Slot, ...]
    multiplies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BiasPair:
    """A bias stored as int32 with scale = scale of `activation` × scale of `weight`, for one `reader`."""

    tensor: str
    activation: str
    weight: str
    reader: Slot


@dataclass(frozen=True, slots=True)
class Followed:
    """A tensor with the same codes, whose scale has to be multiplied by `factor`."""

    tensor: str
    factor: float = 1.0


class Form(Enum):
    """How a node is written where its own operator would cost the runtime more than another that does the same."""

    SUM = "an Add as a Sum, which no fusion takes for part of something slower"
    GUARDED = "a node with a Sum of one behind it, so that the runtime does not see the Q that follows"
    CODES = "an operator that works on the codes themselves, between Q and DQ"
    RESCALED = "a Mul or Div by a positive number as a DQ of the same codes with another scale"
    HARD_SIGMOID = "a HardSigmoid as a sum that is clamped by its codes"
    HARD_SWISH = "a HardSwish as the product of its input and such a sum"
    CHANNELWISE = "a factor and a shift for each channel as a depthwise convolution"
    LEAKY = "a PRelu with one slope as a LeakyRelu"
    SPLIT = "a PRelu as x + (slope − 1) · min(x, 0)"
    STACKED = "a PRelu as a depthwise convolution over x and min(x, 0), stacked along a spatial axis"
    CLAMPED = "a Clip as a Relu where the codes behind it end as early, and as a Min and a Max elsewhere"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A node that could have been computed in integers and is not, and why."""

    node: str
    operator: str
    reason: str

    def __str__(self) -> str:
        return f"{self.node} ({self.operator}): {self.reason}"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a target wants Q/DQ pairs.

    Args:
        target: the runtime it is for.
        activations: pairs on computed tensors.
        constants: pairs on weights and other constants.
        biases: biases stored as int32.
        shared: groups of tensors that must have one scale: the union of their ranges.
        follows: tensor → the tensor whose codes it has, because values are only moved, picked or rescaled in between.
        nodes: titles of the nodes that are meant to run in integers.
        left_out: the quantizable nodes that are not.
        forms: position → how a node is written, where not as it was.
    """

    target: str
    activations: tuple[ActivationPair, ...]
    constants: tuple[ConstantPair, ...]
    biases: tuple[BiasPair, ...] = ()
    shared: tuple[tuple[str, ...], ...] = ()
    follows: Mapping[str, Followed] = field(default_factory=dict)
    nodes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    forms: Mapping[int, Form] = field(default_factory=dict)

    @property
    def tensors(self) -> tuple[str, ...]:
        """The activations that need a range, in graph order."""
        grouped = [name for group in self.shared for name in group]
        wanted = [self.source(pair.tensor).tensor for pair in self.activations]
        return tuple(dict.fromkeys((*wanted, *grouped)))

    def source(self, tensor: str) -> Followed:
        """The tensor whose range counts for `tensor`: itself, unless it follows another."""
        return self.follows.get(tensor, Followed(tensor))

    def with_one_scale_a_weight(self) -> Placement:
        """The same pairs, but with one scale for the whole of each weight."""
        whole = tuple(replace(pair, scheme=replace(pair.scheme, axis=None)) for pair in self.constants)
        return replace(self, constants=whole)

    def __repr__(self) -> str:
        return (
            f"Placement({self.target}: {len(self.nodes)} nodes in integers, {len(self.left_out)} left out, "
            f"{len(self.tensors)} activations, {len(self.constants)} weights)"
        )


class Target(Protocol):
    """A runtime's wishes; its plug-in name is the target's name."""

    def place(self, wiring: Wiring, excluded: Mapping[int, str]) -> Placement:
        """Where the runtime wants pairs; `excluded` maps node positions to the reason why they stay in FP32."""


def place(model: Model, target: str, exclude: Exclusion | None = None) -> Placement:
    """Decides where `target` gets Q/DQ pairs in a prepared model.

    Args:
        model: a prepared model.
        target: ``"ort-cpu"`` or ``"tensorrt"``.
        exclude: what to leave in FP32.

    Raises:
        UsageError: no such target, or the exclusion names something that the model does not have.
    """
    wiring = Wiring(model.proto.graph, model.folder)
    chosen: Target = plugins.load(TARGETS, target)()
    return chosen.place(wiring, (exclude or Exclusion()).excluded(wiring))

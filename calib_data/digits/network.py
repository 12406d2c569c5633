"""A small convolutional network: one table, read by PyTorch to train it and by the ONNX writer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

Activation = Literal["relu", "relu6", "none"]

OPSET = 17
IR_VERSION = 8
IMAGE_SIDE = 32  # pixels
CLASSES = 10
RELU6_LIMIT = 6.0


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution, its batch normalization (or, without one, a bias) and its activation."""

    name: str
    source: str
    channels: tuple[int, int]
    kernel: int = 3
    stride: int = 1
    groups: int = 1
    normalized: bool = True
    activation: Activation = "relu"


@dataclass(frozen=True, slots=True)
class Addition:
    """The sum of two tensors of one shape, and its activation."""

    name: str
    sources: tuple[str, str]
    activation: Activation = "none"


@dataclass(frozen=True, slots=True)
class Concatenation:
    """Two or more tensors, one after the other along the channels."""

    name: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pooling:
    """The largest value of each 2x2 window."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Classifier:
    """The mean over all positions and a linear layer."""

    name: str
    source: str
    channels: tuple[int, int]


Step = Convolution | Addition | Concatenation | Pooling | Classifier

# A step's output carries its name. Comments give the shape after each stage: channels x height x width.
STEPS: tuple[Step, ...] = (
    Convolution("stem", "image", (1, 8), activation="relu6"),
    Pooling("stem_pool", "stem"),  # 8x16x16
    # A residual block with an activation after the sum.
    Convolution("plain_a", "stem_pool", (8, 8)),
    Convolution("plain_b", "plain_a", (8, 8), activation="none"),
    Addition("plain", ("plain_b", "stem_pool"), activation="relu"),
    # Two inverted residual blocks (MobileNetV2): depthwise between wide ReLU6 layers, linear ends.
    Convolution("down_expand", "plain", (8, 32), kernel=1, activation="relu6"),
    Convolution("down_depthwise", "down_expand", (32, 32), stride=2, groups=32, activation="relu6"),
    Convolution("down", "down_depthwise", (32, 16), kernel=1, activation="none"),  # 16x8x8
    Convolution("wide_expand", "down", (16, 48), kernel=1, activation="relu6"),
    Convolution("wide_depthwise", "wide_expand", (48, 48), groups=48, activation="relu6"),
    Convolution("wide_project", "wide_depthwise", (48, 16), kernel=1, activation="none"),
    Addition("wide", ("wide_project", "down")),
    # Two branches of different reach, concatenated; the layer that mixes them has a bias, no normalization.
    Convolution("branch_grouped", "wide", (16, 16), groups=4),
    Convolution("branch_point", "wide", (16, 16), kernel=1),
    Concatenation("branches", ("branch_grouped", "branch_point")),
    Convolution("mix", "branches", (32, 32), kernel=1, normalized=False),
    Pooling("mix_pool", "mix"),  # 32x4x4
    # A residual block of grouped convolutions (ResNeXt).
    Convolution("grouped_a", "mix_pool", (32, 32), groups=4),
    Convolution("grouped_b", "grouped_a", (32, 32), groups=4, activation="none"),
    Addition("grouped", ("grouped_b", "mix_pool"), activation="relu"),
    Classifier("logits", "grouped", (32, CLASSES)),
)


class DigitNetwork(nn.Module):
    """`STEPS` as a trainable module: images float32 (N, 1, 32, 32) to logits float32 (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict(dict(_layers()))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        tensors = {"image": image}
        for step in STEPS:
            tensors[step.name] = self._output(step, tensors)
        return tensors["logits"]

    def _output(self, step: Step, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        match step:
            case Addition():
                first, second = (tensors[source] for source in step.sources)
                return _activated(first + second, step.activation)
            case Concatenation():
                return torch.cat([tensors[source] for source in step.sources], dim=1)
            case Pooling():
                return nn.functional.max_pool2d(tensors[step.source], 2)
            case Classifier():
                return self._applied(step.name, tensors[step.source].mean(dim=(2, 3)))
            case Convolution():
                return _activated(self._applied(step.name, tensors[step.source]), step.activation)

    def _applied(self, layer: str, tensor: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.layers[layer](tensor)
        return output


def _layers() -> Iterator[tuple[str, nn.Module]]:
    for step in STEPS:
        match step:
            case Convolution():
                yield step.name, _convolution_layers(step)
            case Classifier():
                yield step.name, nn.Linear(*step.channels)


def _convolution_layers(step: Convolution) -> nn.Sequential:
    convolution = nn.Conv2d(
        *step.channels,
        step.kernel,
        step.stride,
        padding=step.kernel // 2,
        groups=step.groups,
        bias=not step.normalized,
    )
    if step.normalized:
        return nn.Sequential(convolution, nn.BatchNorm2d(step.channels[1]))
    return nn.Sequential(convolution)


def _activated(tensor: torch.Tensor, activation: Activation) -> torch.Tensor:
    match activation:
        case "relu":
            return tensor.relu()
        case "relu6":
            return tensor.clamp(0.0, RELU6_LIMIT)
        case "none":
            return tensor


def onnx_model(network: DigitNetwork) -> onnx.ModelProto:
    """The trained network as an ONNX model with a dynamic batch; batch normalizations stay nodes."""
    graph = _Graph(network)
    for step in STEPS:
        graph.append(step)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "digits",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, IMAGE_SIDE, IMAGE_SIDE])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="calib_data/digits",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


class _Graph:
    """ONNX nodes and initializers in the making; an output has its node's name."""

    def __init__(self, network: DigitNetwork) -> None:
        self._parameters = {name: tensor.numpy() for name, tensor in network.layers.state_dict().items()}
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._constant("relu6.low", np.array(0.0, dtype=np.float32))
        self._constant("relu6.high", np.array(RELU6_LIMIT, dtype=np.float32))

    def append(self, step: Step) -> None:
        match step:
            case Convolution():
                self._append_convolution(step)
            case Addition():
                stem = step.name if step.activation == "none" else f"{step.name}.sum"
                self._node("Add", step.sources, stem)
                self._append_activation(stem, step)
            case Concatenation():
                self._node("Concat", step.sources, step.name, axis=1)
            case Pooling():
                self._node("MaxPool", (step.source,), step.name, kernel_shape=[2, 2], strides=[2, 2])
            case Classifier():
                self._append_classifier(step)

    def _append_convolution(self, step: Convolution) -> None:
        linear = step.name if step.activation == "none" else f"{step.name}.linear"
        convolved = f"{step.name}.conv" if step.normalized else linear
        weights = ("weight",) if step.normalized else ("weight", "bias")
        self._node(
            "Conv",
            (step.source, *self._trained(f"{step.name}.0", f"{step.name}.conv", weights)),
            convolved,
            kernel_shape=[step.kernel] * 2,
            strides=[step.stride] * 2,
            pads=[step.kernel // 2] * 4,
            group=step.groups,
        )
        if step.normalized:
            statistics = ("weight", "bias", "running_mean", "running_var")
            trained = self._trained(f"{step.name}.1", f"{step.name}.norm", statistics)
            self._node("BatchNormalization", (convolved, *trained), linear, epsilon=nn.BatchNorm2d(1).eps)
        self._append_activation(linear, step)

    def _append_activation(self, source: str, step: Convolution | Addition) -> None:
        match step.activation:
            case "relu":
                self._node("Relu", (source,), step.name)
            case "relu6":
                self._node("Clip", (source, "relu6.low", "relu6.high"), step.name)

    def _append_classifier(self, step: Classifier) -> None:
        self._node("GlobalAveragePool", (step.source,), f"{step.name}.mean")
        self._node("Flatten", (f"{step.name}.mean",), f"{step.name}.features", axis=1)
        trained = self._trained(step.name, step.name, ("weight", "bias"))
        self._node("Gemm", (f"{step.name}.features", *trained), step.name, transB=1)

    def _trained(self, layer: str, prefix: str, parameters: tuple[str, ...]) -> tuple[str, ...]:
        for parameter in parameters:
            self._constant(f"{prefix}.{parameter}", self._parameters[f"{layer}.{parameter}"])
        return tuple(f"{prefix}.{parameter}" for parameter in parameters)

    def _constant(self, name: str, values: NDArray[np.float32]) -> None:
        self.initializers.append(numpy_helper.from_array(values, name))

    def _node(self, kind: str, sources: tuple[str, ...], output: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(kind, list(sources), [output], name=output, **attributes))

"""A network of ResNet-50's shape with seeded weights: for speed, where trained weights are not at hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# (blocks, width, first stride) of the four stages; each block ends 4 × wider.
STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))
WIDENING = 4
# A trained network's residual branches add a fraction of their input's variance; He weights alone would double it.
BRANCH_GAIN = 0.5


def resnet50(*, classes: int = 1000, size: int = 224, seed: int = 0, opset: int = 13) -> onnx.ModelProto:
    """ResNet-50 v1.5 with BatchNorm folded: He-initialized weights, small biases; input ``data`` [N, 3, size, size].

    Source of the structure: He et al., "Deep Residual Learning for Image Recognition" (2015), table 1, with the stride
    in the 3×3 convolution.
    """
    build = _Builder(seed)
    tensor = build.convolution("data", 3, 64, kernel=7, stride=2)
    tensor = build.add("MaxPool", [tensor], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for blocks, width, stride in STAGES:
        for block in range(blocks):
            tensor = build.bottleneck(tensor, channels, width, stride=stride if block == 0 else 1)
            channels = width * WIDENING
    tensor = build.add("Flatten", [build.add("GlobalAveragePool", [tensor])])
    build.classifier(tensor, channels, classes)
    graph = helper.make_graph(
        build.nodes,
        "resnet50",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, ["N", 3, size, size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes])],
        build.initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


class _Builder:
    """Nodes and initializers in the making; every method returns the name of the tensor it produced."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [f"{name}.out"], name, **attributes))
        return f"{name}.out"

    def bottleneck(self, tensor: str, channels: int, width: int, *, stride: int) -> str:
        branch = self.convolution(tensor, channels, width)
        branch = self.convolution(branch, width, width, kernel=3, stride=stride)
        branch = self.convolution(branch, width, width * WIDENING, relu=False, gain=BRANCH_GAIN)
        if channels != width * WIDENING or stride > 1:
            tensor = self.convolution(tensor, channels, width * WIDENING, stride=stride, relu=False)
        return self.add("Relu", [self.add("Add", [branch, tensor])])

    def convolution(
        self,
        tensor: str,
        given: int,
        wanted: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        relu: bool = True,
        gain: float = 1,
    ) -> str:
        fan_in = given * kernel * kernel
        weight = self._initializer(self.random.normal(0, gain * np.sqrt(2 / fan_in), (wanted, given, kernel, kernel)))
        bias = self._initializer(self.random.normal(0, 0.1, wanted))
        out = self.add(
            "Conv",
            [tensor, weight, bias],
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[kernel // 2] * 4,
        )
        return self.add("Relu", [out]) if relu else out

    def classifier(self, tensor: str, channels: int, classes: int) -> None:
        weight = self._initializer(self.random.normal(0, np.sqrt(1 / channels), (classes, channels)))
        bias = self._initializer(np.zeros(classes))
        self.nodes.append(helper.make_node("Gemm", [tensor, weight, bias], ["logits"], "classifier", transB=1))

    def _initializer(self, values: np.ndarray[Any, Any]) -> str:
        name = f"parameter_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

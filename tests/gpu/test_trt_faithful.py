"""An engine computes what its Q/DQ model says, whatever stands between one layer and the next."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from quantkit.core.arrays import Batch
from quantkit.core.artifact import SerializedModel
from quantkit.graph.exclusion import Exclusion
from tests.gpu.references import sqnr
from tests.onnx_models import random, written
from tests.quantization import as_written, quantized, ready

pytestmark = pytest.mark.gpu

Make = Callable[..., Any]

C = 16
CONSTANTS = {
    "slopes": np.abs(random(C, 1, 1, seed=5)),
    "zero": np.float32(0),
    "half": np.float32(0.5),
    "one": np.float32(1),
    "six": np.float32(6),
    "below": np.float32(-1),
}
HALVED = "<kernel_shape = [2, 2], strides = [2, 2]>"

# c: what the first layer makes, r: what the second one reads, x: what the first one read.
BETWEEN = {
    "nothing": "r = Identity (c)",
    "Relu": "r = Relu (c)",
    "ReLU6": "r = Clip (c, zero, six)",
    "ReLU6 and pooling": f"k = Clip (c, zero, six) r = MaxPool {HALVED} (k)",
    "ReLU6 and a mean": f"k = Clip (c, zero, six) r = AveragePool {HALVED} (k)",
    "ReLU6, joined": "k = Clip (c, zero, six) l = Clip (x, zero, six) r = Concat <axis = 2> (k, l)",
    "ReLU6 of a sum": "s = Add (c, x) r = Clip (s, zero, six)",
    "ReLU6 as Min": "k = Relu (c) r = Min (k, six)",
    "ReLU6, doubled": "k = Clip (c, zero, six) r = Add (k, k)",
    "Clip on both sides": "r = Clip (c, below, one)",
    "Clip above zero": "r = Clip (c, half, six)",
    "Clip from below": "r = Clip (c, below)",
    "LeakyRelu": "r = LeakyRelu <alpha = 0.25> (c)",
    "PRelu": "r = PRelu (c, slopes)",
    "Elu": "r = Elu (c)",
    "Sigmoid": "r = Sigmoid (c)",
    "HardSwish": "h = HardSigmoid <alpha = 0.16666667, beta = 0.5> (c) r = Mul (c, h)",
}
CLAMPED = [name for name, lines in BETWEEN.items() if "Clip" in lines]
CASES = [*(f"{name}, float" for name in BETWEEN), *(f"{name}, integer" for name in CLAMPED)]


def branch(at: int) -> tuple[str, bool]:
    """The lines of a case, with its own names, and whether its first layer stays in floats."""
    name, kind = CASES[at].rsplit(", ", 1)
    lines = f"""[first] c = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (x, w, b) {BETWEEN[name]}
        y = Conv <kernel_shape = [1, 1]> (r, v, b)"""
    return re.sub(r"\b(first|[bchklrsvwxy])\b", rf"\g<1>_{at}", lines), kind == "float"


def images() -> Batch:
    return {f"x_{at}": 3 * random(8, C, 8, 8, seed=at) for at in range(len(CASES))}


def all_cases() -> onnx.ModelProto:
    """Every case side by side, each with an input of its own, so that one build serves all."""
    branches = [branch(at) for at in range(len(CASES))]
    weights = {
        **{f"w_{at}": random(C, C, 3, 3, seed=at) / 6 for at in range(len(CASES))},
        **{f"v_{at}": random(C, C, 1, 1, seed=at) / 2 for at in range(len(CASES))},
        **{f"b_{at}": 2 + random(C, seed=at) for at in range(len(CASES))},
    }
    inputs = ", ".join(f"float[N, {C}, 8, 8] x_{at}" for at in range(len(CASES)))
    outputs = ", ".join(f"float[N, M_{at}, H_{at}, W_{at}] y_{at}" for at in range(len(CASES)))
    graph = f"g ({inputs}) => ({outputs}) {{ {' '.join(lines for lines, _ in branches)} }}"
    model = ready(written(graph, **CONSTANTS, **weights))
    floats = tuple(f"first_{at}" for at, (_, in_floats) in enumerate(branches) if in_floats)
    return quantized(model, [images()], target="tensorrt", exclude=Exclusion(nodes=floats))


@pytest.fixture(scope="module")
def answers(backend: Make) -> tuple[Batch, Batch]:
    """What TensorRT and ONNX Runtime make of the same model."""
    proto = all_cases()
    with backend(rest="fp32").build(SerializedModel(proto.SerializeToString())) as engine:
        found = {name: values.copy() for name, values in engine.run(images()).items()}
    return found, as_written(proto, images())


@pytest.mark.parametrize("at", range(len(CASES)), ids=CASES)
def test_an_engine_computes_what_its_model_says(answers: tuple[Batch, Batch], at: int) -> None:
    found, wanted = answers
    # A sum in another order moves a value to the next code now and then; the codes themselves lose some 40 dB.
    assert sqnr(found[f"y_{at}"], wanted[f"y_{at}"]) > 30


@pytest.mark.parametrize("exclude", [(), ("stem.conv",), ("down_expand.conv", "wide_expand.conv")], ids=str)
def test_the_digits_survive_any_choice_of_layers(backend: Make, digits: Any, exclude: tuple[str, ...]) -> None:
    model = ready(onnx.load(digits / "model.onnx"))
    batch = {"image": random(8, 1, 32, 32, seed=9)}
    proto = quantized(model, [batch], target="tensorrt", exclude=Exclusion(nodes=exclude))
    with backend(rest="fp32").build(SerializedModel(proto.SerializeToString())) as engine:
        found = engine.run(batch)["logits"]
    assert sqnr(found, as_written(proto, batch)["logits"]) > 25

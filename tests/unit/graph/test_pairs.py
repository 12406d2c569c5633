"""Which activations a Q/DQ model quantizes, read off the model."""

from __future__ import annotations

import numpy as np

from quantkit.graph.model import from_proto
from quantkit.graph.pairs import quantized_activations
from quantkit.graph.placement import place
from tests.onnx_models import random, written
from tests.quantization import quantized, ready

MODEL = written(
    "g (float[n, 3, 8, 8] x) => (float[n, 4, 8, 8] y) { h = Conv(x, v) m = Relu(h) y = Conv(m, w) }",
    v=random(6, 3, 1, 1),
    w=random(4, 6, 1, 1, seed=1),
)


def test_every_placed_activation_is_found_in_graph_order() -> None:
    model = ready(MODEL)
    found = quantized_activations(model, from_proto(quantized(model, [{"x": random(2, 3, 8, 8)}])))
    placed = {pair.tensor for pair in place(model, "ort-cpu").activations}
    assert {own.tensor for own in found} == placed
    order = ["x", "h", "m", "y"]
    assert [own.tensor for own in found] == [name for name in order if name in placed]
    assert (found[0].operator, found[0].node) == ("", "")
    nodes = {node.name or node.output[0] for node in model.proto.graph.node}
    assert all(own.node in nodes for own in found[1:])
    assert all(own.parameters.scale > 0 for own in found)


def test_pairs_that_another_tool_wrote_are_found_by_what_they_quantize() -> None:
    other = written(
        "g (float[n, 3] x) => (float[n, 3] y) {"
        " c = QuantizeLinear(x, s, z) d = DequantizeLinear(c, s, z) y = Relu(d) }",
        s=np.array(0.5, np.float32),
        z=np.array(0, np.int8),
    )
    model = ready(written("g (float[n, 3] x) => (float[n, 3] y) { y = Relu(x) }"))
    (found,) = quantized_activations(model, from_proto(other))
    assert (found.tensor, found.restored, found.parameters.scheme.lowest) == ("x", "d", -128)


def test_a_float_model_has_none() -> None:
    assert quantized_activations(ready(MODEL), from_proto(MODEL)) == []

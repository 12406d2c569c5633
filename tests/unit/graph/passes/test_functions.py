"""Functions are put in place, and the weights stay where they are."""

from __future__ import annotations

from quantkit.graph.editing.draft import Draft
from quantkit.graph.passes.functions import functions_inlined
from tests.onnx_models import assert_same, operators, random, results, written

BODY = """<domain: "local", opset_import: ["": 13, "local": 1]> outer (a, w) => (b) {
              t = local.inner(a) b = MatMul(t, w) }
          <domain: "local", opset_import: ["": 13]> inner (a) => (b) { b = Relu(a) }"""


def test_calls_become_operators() -> None:
    proto = written(
        "g (float[N, 50] x) => (float[N, 50] y) { z = local.outer(x, w) y = local.outer(z, w) }",
        13,
        BODY,
        w=random(50, 50),
    )
    draft = Draft.of(proto)
    functions_inlined(draft)
    assert operators(draft.graph) == ["Relu", "MatMul"] * 2
    assert not draft.proto.functions
    assert draft.weights["w"] == proto.graph.initializer[0]
    assert_same(results(draft.whole(), {"x": random(2, 50)}), results(proto, {"x": random(2, 50)}))


def test_a_model_without_functions_stays() -> None:
    proto = written("g (float[N] x) => (float[N] y) { y = Relu(x) }")
    draft = Draft.of(proto)
    functions_inlined(draft)
    assert draft.whole() == proto

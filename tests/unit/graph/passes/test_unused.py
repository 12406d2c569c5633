"""What no output needs is gone."""

from __future__ import annotations

from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.inference import inferred
from quantkit.graph.passes.unused import unused_removed
from tests.onnx_models import operators, random, written


def test_dead_nodes_weights_and_shapes_go_and_inputs_stay() -> None:
    proto = inferred(written(
        "g (float[3] x, float[3] unread) => (float[3] y) { y = Add(x, w) d = Mul(y, v) e = Neg(d) }",
        w=random(3), v=random(3), lonely=random(3),
    ))  # fmt: skip
    draft = Draft.of(proto)
    unused_removed(draft)
    assert operators(draft.graph) == ["Add"]
    assert list(draft.weights) == ["w"]
    assert not draft.graph.value_info
    assert [value.name for value in draft.graph.input] == ["x", "unread"]


def test_what_a_branch_reads_and_what_comes_with_an_output_stays() -> None:
    proto = written(
        """g (bool c, float[4] x) => (float[?] y) {
            p = Mul(x, w) a, b = Split(p)
            y = If (c) <then_branch = t () => (float[?] f) { f = Neg(a) },
                        else_branch = e () => (float[?] h) { h = Add(v, x) }> }""",
        w=random(4),
        v=random(4),
    )
    draft = Draft.of(proto)
    unused_removed(draft)
    assert draft.whole() == proto

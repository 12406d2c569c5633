"""Constants become initializers of the same name, type and value."""

from __future__ import annotations

import numpy as np

from quantkit.graph.editing.draft import Draft
from quantkit.graph.passes.constants import constants_to_initializers
from tests.onnx_models import assert_same, operators, random, results, written

MANY = """g (float[3] x) => (float[3] y, int64[2] i) {
    a = Constant <value = float[3] {1, 2, 3}> ()
    b = Constant <value_float = 0.5> ()
    c = Constant <value_floats = [3.0, 2.0, 1.0]> ()
    d = Constant <value_int = 1> ()
    e = Constant <value_ints = [7, 8]> ()
    s = Add(x, a) t = Mul(s, b) y = Sub(t, c) i = Add(d, e)
}"""


def test_every_numeric_kind_is_taken_out() -> None:
    proto = written(MANY)
    draft = Draft.of(proto)
    constants_to_initializers(draft)
    assert operators(draft.graph) == ["Add", "Mul", "Sub", "Add"]
    assert list(draft.weights) == ["a", "b", "c", "d", "e"]
    assert_same(results(draft.whole(), {"x": random(3)}), results(proto, {"x": random(3)}))


def test_outputs_text_and_branches_stay() -> None:
    proto = written("""g (bool c, float[2] x) => (float[2] y, float[2] k) {
        k = Constant <value = float[2] {1, 2}> ()
        words = Constant <value_strings = ["a", "b"]> ()
        y = If (c) <then_branch = t () => (float[2] a) { i = Constant <value = float {1}> () a = Add(x, i) },
                    else_branch = e () => (float[2] b) { b = Neg(x) }> }""")
    draft = Draft.of(proto)
    constants_to_initializers(draft)
    assert draft.whole() == proto


def test_a_branch_reads_the_initializer_as_it_read_the_constant() -> None:
    proto = written("""g (bool c, float[2] x) => (float[2] y) {
        k = Constant <value = float[2] {1, 2}> ()
        y = If (c) <then_branch = t () => (float[2] a) { a = Add(x, k) },
                    else_branch = e () => (float[2] b) { b = Sub(x, k) }> }""")
    draft = Draft.of(proto)
    constants_to_initializers(draft)
    assert operators(draft.graph) == ["If"]
    for flag in (True, False):
        feeds = {"x": random(2), "c": np.array(flag)}
        assert_same(results(draft.whole(), feeds), results(proto, feeds))

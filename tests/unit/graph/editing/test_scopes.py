"""What a node reads includes what the graphs inside it take from around them."""

from __future__ import annotations

import onnx
import pytest

from quantkit.core.errors import ModelError
from quantkit.graph.editing import scopes
from tests.onnx_models import written

PROTO = written("""g (bool c, float[2] x) => (float[2] y) {
    p = Neg(x)
    q = Abs(x)
    unread = Add(p, q)
    y = If (c) <then_branch = t () => (float[2] a) { i = Add(p, p) a = Add(i, x) },
                else_branch = e () => (float[2] b) {
                    d = If (c) <then_branch = tt () => (float[2] f) { f = Neg(q) },
                                else_branch = ee () => (float[2] h) { h = Neg(x) }>
                    b = Neg(d) }>
}""")
IF = PROTO.graph.node[3]


def test_captures_reach_through_all_levels() -> None:
    assert scopes.captured(IF) == {"c", "p", "q", "x"}
    assert scopes.reads(IF) == ["c", "c", "p", "q", "x"]
    assert scopes.captured(PROTO.graph.node[0]) == set()


def test_a_loops_own_inputs_are_not_captured() -> None:
    proto = written("""g (int64 n, bool c, float[2] x, float[2] k) => (float[2] y) {
        y = Loop (n, c, x) <body = b (int64 i, bool cond, float[2] state) => (bool again, float[2] next) {
            again = Identity(cond) next = Add(state, k) }>
    }""")
    assert scopes.captured(proto.graph.node[0]) == {"k"}


def test_an_outer_tensor_may_be_a_branchs_output() -> None:
    proto = written("""g (bool c, float[2] x) => (float[2] y) {
        y = If (c) <then_branch = t () => (float[2] x) { unread = Neg(c) },
                    else_branch = e () => (float[2] b) { b = Neg(x) }> }""")
    assert scopes.captured(proto.graph.node[0]) == {"c", "x"}


def test_consumers_and_producers_of_the_outer_graph() -> None:
    readers = scopes.consumers(PROTO.graph)
    assert [node.op_type for node in readers["x"]] == ["Neg", "Abs", "If"]
    assert [node.op_type for node in readers["q"]] == ["Add", "If"]
    assert scopes.producers(PROTO.graph)["y"] == IF


def test_needed_leaves_out_what_nothing_reads() -> None:
    positions, names = scopes.needed(PROTO.graph, ["y"])
    assert positions == [0, 1, 3]
    assert "unread" not in names
    assert {"p", "q", "x", "c", "y"} <= names
    assert scopes.needed(PROTO.graph, ["p"])[0] == [0]
    assert scopes.needed(PROTO.graph, [])[0] == []


def test_names_of_all_levels_are_taken() -> None:
    taken = scopes.tensor_names(PROTO.graph)
    assert {"f", "h", "d", "i", "x", "y"} <= taken
    assert scopes.unused_name("d", taken) == "d_2"
    assert scopes.unused_name("d", taken) == "d_3"


def test_depth_is_limited() -> None:
    graph = onnx.GraphProto()
    for _ in range(33):
        outer = onnx.GraphProto()
        outer.node.add().attribute.add(name="body", type=onnx.AttributeProto.GRAPH).g.CopyFrom(graph)
        graph = outer
    with pytest.raises(ModelError, match="nested deeper than 32 levels"):
        list(scopes.nested(graph))

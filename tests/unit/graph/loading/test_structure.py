"""A graph whose names or order are wrong is refused, and the node is named."""

from __future__ import annotations

import pytest
from onnx import ModelProto, NodeProto

from quantkit.core.errors import ModelError
from quantkit.graph.editing.draft import Draft
from quantkit.graph.loading.structure import (
    refuse_disorder,
    refuse_explosion,
    refuse_unchecked,
    refuse_unreadable_names,
)
from tests.onnx_models import random, written


def graph(body: str) -> ModelProto:
    proto = written(f"g (float[2] x, bool c) => (float[2] y) {{ {body} }}")
    for position, node in enumerate(proto.graph.node):
        node.name = f"node{position}"
    return proto


BRANCHES = """y = If (c) <then_branch = t () => (float[2] a) {{ a = Neg({first}) }},
                        else_branch = e () => (float[2] b) {{ b = Neg({second}) }}>"""

WRONG = {
    "unsorted": ("y = Neg(z) z = Abs(x)", "node 'node0' (Neg) reads tensor 'z'", "is not in topological order"),
    "cyclic": ("z = Add(x, y) y = Neg(z)", "node 'node0' (Add) reads tensor 'y'", "cycle"),
    "missing": ("y = Conv(x, weight)", "node 'node0' (Conv) reads tensor 'weight'", "no node makes it"),
    "made twice": ("y = Neg(x) y = Abs(x)", "node 'node1' (Abs) makes tensor 'y', which exists already", ""),
    "input made again": ("x = Neg(x) y = Abs(x)", "node 'node0' (Neg) makes tensor 'x'", ""),
    "no output": ("z = Neg(x)", "output 'y' is made by no node", ""),
    "missing inside": (
        BRANCHES.format(first="gone", second="x"),
        "node number 0 (Neg) reads tensor 'gone'",
        "no node makes it",
    ),
    "used outside its branch": (
        BRANCHES.format(first="x", second="a"),
        "node number 0 (Neg) reads tensor 'a'",
        "no node makes it",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "title", "cause"), WRONG.values(), ids=WRONG)
def test_disorder_is_refused_by_node_and_tensor(body: str, title: str, cause: str) -> None:
    with pytest.raises(ModelError) as refusal:
        refuse_disorder(graph(body).graph)
    assert title in refusal.value.title
    assert cause in (refusal.value.cause or "")


def test_names_that_come_twice_are_refused() -> None:
    proto = written("g (float[2] x) => (float[2] y) { y = Add(x, w) }", w=random(2))
    proto.graph.initializer.append(proto.graph.initializer[0])
    with pytest.raises(ModelError, match="the graph has two initializers called 'w'"):
        refuse_disorder(proto.graph)
    proto.graph.input.append(proto.graph.input[0])
    with pytest.raises(ModelError, match="two"):
        refuse_disorder(proto.graph)


def test_subgraphs_see_what_lies_around_them() -> None:
    refuse_disorder(graph("""z = Neg(x) y = If (c) <then_branch = t () => (float[2] a) { a = Abs(z) },
        else_branch = e () => (float[2] b) { b = Add(z, x) }>""").graph)  # fmt: skip


def test_graphs_may_be_nested_but_not_without_end() -> None:
    def nested(levels: int) -> ModelProto:
        proto = graph("y = Neg(x)")
        for _ in range(levels):
            outer = graph("""y = If (c) <then_branch = t () => (float[2] a) { a = Neg(x) },
                else_branch = e () => (float[2] a) { a = Neg(x) }>""")  # fmt: skip
            for attribute in outer.graph.node[0].attribute:
                attribute.g.CopyFrom(proto.graph)
                del attribute.g.input[:]
            proto = outer
            del proto.graph.node[0].attribute[1]
        return proto

    refuse_unreadable_names(nested(31))
    with pytest.raises(ModelError, match="nested deeper than 32 levels"):
        refuse_unreadable_names(nested(33))


def test_a_name_that_is_no_text_is_refused() -> None:
    content = graph("y = Neg(x)").SerializeToString().replace(b"node0", b"n\xff\xfee0")
    with pytest.raises(ModelError, match=r"a name that is not UTF-8: b'n\\xff\\xfee0'"):
        refuse_unreadable_names(ModelProto.FromString(content))


def test_the_checkers_words_are_quoted() -> None:
    proto = graph("y = Neg(x, x)")
    with pytest.raises(ModelError, match="the ONNX checker refuses the model") as refusal:
        refuse_unchecked(Draft.of(proto).light())
    assert "Name: node0 OpType: Neg" in str(refusal.value.cause)


def functions(levels: int, calls: int) -> ModelProto:
    bodies = []
    for level in range(levels):
        called = "Neg" if level == 0 else f"local.f{level - 1}"
        lines = [f"t{call} = {called}({'a' if call == 0 else f't{call - 1}'})" for call in range(calls)]
        head = f'<domain: "local", opset_import: ["": 13, "local": 1]> f{level} (a) => (t{calls - 1})'
        bodies.append(f"{head} {{ {' '.join(lines)} }}")
    return written(f"g (float[2] x) => (float[2] y) {{ y = local.f{levels - 1}(x) }}", 13, " ".join(bodies))


def test_functions_that_multiply_without_end_are_refused() -> None:
    refuse_explosion(functions(levels=3, calls=3))
    with pytest.raises(
        ModelError, match=r"with its functions in place the model has [0-9]+ nodes; 1000000 are allowed"
    ):
        refuse_explosion(functions(levels=30, calls=10))
    with pytest.raises(ModelError, match="call each other deeper than 64 levels"):
        refuse_explosion(functions(levels=80, calls=1))


def test_graphs_inside_functions_count_as_levels_as_well() -> None:
    proto = functions(levels=50, calls=1)
    for function in proto.functions:
        for _ in range(20):
            (inner,) = function.node
            outer = NodeProto(op_type="If", output=inner.output)
            outer.attribute.add(name="then_branch").g.node.append(inner)
            function.node[0].CopyFrom(outer)
    with pytest.raises(ModelError, match="call each other deeper than 64 levels"):
        refuse_explosion(proto)

"""Every node can be called by a name of its own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quantkit.graph.editing.draft import Draft
from quantkit.graph.passes.node_names import nodes_named
from tests.onnx_models import written


def named(*names: str) -> list[str]:
    """What a chain of nodes with these names is called afterwards; their outputs are t0, t1, …"""
    lines = " ".join(f"t{number} = Neg({'x' if number == 0 else f't{number - 1}'})" for number in range(len(names)))
    draft = Draft.of(written(f"g (float[N] x) => (float[N] t{len(names) - 1}) {{ {lines} }}"))
    for node, name in zip(draft.graph.node, names, strict=True):
        node.name = name
    nodes_named(draft)
    return [node.name for node in draft.graph.node]


def test_nameless_nodes_are_called_after_what_they_make() -> None:
    assert named("", "conv", "") == ["t0", "conv", "t2"]


def test_the_first_of_namesakes_keeps_the_name() -> None:
    assert named("conv", "conv", "conv_2", "conv") == ["conv", "conv_3", "conv_2", "conv_4"]
    assert named("t1", "") == ["t1", "t1_2"]


@given(st.lists(st.sampled_from(["", "a", "a_2", "t0", "t1"]), min_size=1, max_size=8))
def test_names_are_new_and_unique_names_are_kept(names: list[str]) -> None:
    given_names = named(*names)
    assert len(set(given_names)) == len(names)
    assert all(new == old for old, new in zip(names, given_names, strict=True) if old and names.count(old) == 1)
    assert named(*names) == given_names

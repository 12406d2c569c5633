"""Who makes and who reads a tensor is known, subgraphs included."""

from __future__ import annotations

import numpy as np

from quantkit.graph.editing.wiring import TYPICAL_ELEMENTS, Slot, Wiring
from tests.onnx_models import written

MODEL = written(
    """g (float[N, 4] x, bool c) => (float[N, 4] y) <float[N, 4] a> {
        a = Add(x, w)
        b = Mul(a, a)
        y = If (c) <
            then_branch = t () => (float[N, 4] r) { r = Neg(a) },
            else_branch = e () => (float[N, 4] s) { s = Identity(b) }
        >
    }""",
    w=np.ones(4, np.float32),
)


def test_every_reader_is_found_in_graph_order_and_a_tensor_read_twice_is_named_twice() -> None:
    assert Wiring(MODEL.graph).readers["a"] == (Slot(1, 0), Slot(1, 1))


def test_what_a_branch_takes_from_around_it_leaves_the_graph() -> None:
    wiring = Wiring(MODEL.graph)
    assert wiring.captured == {"a", "b"}
    assert [name for name in ("x", "a", "b", "y") if wiring.leaves(name)] == ["a", "b", "y"]


def test_producers_are_positions_and_inputs_have_none() -> None:
    assert Wiring(MODEL.graph).producer == {"a": 0, "b": 1, "y": 2}


def test_types_are_known_for_weights_inputs_and_inferred_values_only() -> None:
    wiring = Wiring(MODEL.graph)
    assert [wiring.element_type(name) for name in ("w", "x", "c", "a", "b")] == [1, 1, 9, 1, None]
    assert not wiring.may_be_float("c")
    assert wiring.may_be_float("b")


def test_free_sizes_are_guessed_so_that_tensors_can_be_compared() -> None:
    wiring = Wiring(MODEL.graph)
    assert wiring.elements("w") == wiring.elements("x") == 4
    assert wiring.elements("b") == TYPICAL_ELEMENTS


def test_a_node_without_a_name_goes_by_what_it_makes() -> None:
    assert Wiring(MODEL.graph).title(1) == "b"

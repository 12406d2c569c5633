"""A placement says what is quantized, what is not and why."""

from __future__ import annotations

import pytest

from quantkit.core.errors import UsageError
from quantkit.core.scheme import INT8
from quantkit.graph.placement import ActivationPair, Followed, LeftOut, Placement, place
from tests.onnx_models import random, written
from tests.quantization import ready

MODEL = ready(written("g (float[N, 4] x) => (float[N, 4] y) { p = MatMul (x, w) y = Tanh (p) }", w=random(4, 4)))


def pair(tensor: str) -> ActivationPair:
    return ActivationPair(tensor, INT8, ())


def test_tensors_that_need_a_range_are_named_once_in_graph_order() -> None:
    placement = Placement(
        "ort-cpu",
        activations=(pair("x"), pair("moved"), pair("a"), pair("joined")),
        constants=(),
        shared=(("a", "joined", "silent"),),
        follows={"moved": Followed("x", 2.0)},
    )
    assert placement.tensors == ("x", "a", "joined", "silent")
    assert placement.source("moved") == Followed("x", 2.0)
    assert placement.source("a") == Followed("a")


@pytest.mark.parametrize("target", ["ort-cpu", "tensorrt"])
def test_each_target_places_its_own_pairs(target: str) -> None:
    placement = place(MODEL, target)
    assert (placement.target, placement.tensors) == (target, ("x",))


def test_an_unknown_target_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no target called 'ort-gpu'") as refusal:
        place(MODEL, "ort-gpu")
    assert "did you mean 'ort-cpu'?" in refusal.value.hints


def test_the_same_model_is_placed_the_same_way() -> None:
    assert place(MODEL, "ort-cpu") == place(MODEL, "ort-cpu")


def test_it_reads_as_a_count_and_reasons_read_as_sentences() -> None:
    placement = place(MODEL, "ort-cpu")
    assert repr(placement) == "Placement(ort-cpu: 1 nodes in integers, 1 left out, 1 activations, 1 weights)"
    assert placement.left_out == (LeftOut("y", "Tanh", "ONNX Runtime's CPU provider has no integer kernel for it"),)
    assert str(placement.left_out[0]) == "y (Tanh): ONNX Runtime's CPU provider has no integer kernel for it"

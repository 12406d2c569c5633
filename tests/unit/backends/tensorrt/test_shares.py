"""Each layer's time is counted for the matrix product that it is there for."""

from __future__ import annotations

import pytest

from quantkit.backends.tensorrt.inspection import Layer
from quantkit.backends.tensorrt.shares import Profiled, no_faster_in_int8, shared_out
from tests.onnx_models import written
from tests.unit.backends.tensorrt.small_models import network

GRAPH = network().graph


def layer(name: str, *nodes: str, kind: str = "CaskConvolution", outputs: tuple[str, ...] = ()) -> Layer:
    return Layer(name, kind, "int8", nodes, outputs=outputs)


def test_a_fused_layer_counts_for_its_product() -> None:
    found = shared_out([layer("a", "conv1", "relu1"), layer("b", "conv2", "relu2")], {"a": 1.0, "b": 2.0}, GRAPH)
    assert found.by_product == {"conv1": 1.0, "conv2": 2.0}


def test_conversions_and_activations_count_for_the_product_that_they_lead_to() -> None:
    engine = [layer("conv1", "conv1"), layer("relu1", "relu1", kind="Reformat"), layer("conv2", "conv2")]
    found = shared_out(engine, dict.fromkeys(("conv1", "relu1", "conv2"), 1.0), GRAPH)
    assert found.by_product == {"conv1": 1.0, "conv2": 2.0}


def test_a_layer_that_names_no_node_is_known_by_what_it_makes() -> None:
    found = shared_out([layer("myelin", outputs=("p",))], {"myelin": 3.0}, GRAPH)
    assert found.by_product == {"classifier": 3.0}


def test_what_follows_the_last_product_counts_for_that() -> None:
    graph = written(
        "g (float[N, 4] x) => (float[N, 4] y) <float[4, 4] w> { [m] c = MatMul (x, w) [s] y = Softmax (c) }"
    ).graph
    assert shared_out([layer("s", "s")], {"s": 1.0}, graph).by_product == {"m": 1.0}


def test_a_layer_of_several_products_is_shared_out_evenly() -> None:
    found = shared_out([layer("all", "conv1", "relu1", "conv2", "classifier")], {"all": 3.0}, GRAPH)
    assert found.by_product == {"conv1": 1.0, "conv2": 1.0, "classifier": 1.0}


def test_what_was_not_timed_took_no_time() -> None:
    assert shared_out([layer("a", "conv1"), layer("unheard of")], {}, GRAPH).by_product == {"conv1": 0.0}


@pytest.mark.parametrize(("spent", "excluded"), [(0.9, ()), (0.985, ("conv1",)), (2.0, ("conv1",))])
def test_integers_have_to_save_more_than_measurements_differ(spent: float, excluded: tuple[str, ...]) -> None:
    floats = Profiled({"conv1": 1.0, "conv2": 1.0})
    assert no_faster_in_int8(Profiled({"conv1": spent, "conv2": 0.5}), floats) == excluded


def test_a_product_that_only_one_of_the_engines_shows_is_left_alone() -> None:
    assert not no_faster_in_int8(Profiled({"conv1": 1.0}), Profiled({"conv2": 1.0}))

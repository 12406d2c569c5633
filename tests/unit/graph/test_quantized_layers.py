"""Which codes belong to which layer, and which go with it."""

from __future__ import annotations

from collections import Counter

import pytest

from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model
from quantkit.graph.placement import place
from quantkit.graph.quantized_layers import LayeredPlacement, QuantizedLayer, sites
from tests.onnx_models import random, written
from tests.quantization import ready, with_ranges

C = 8
SAME = "<pads = [1, 1, 1, 1]>"
WEIGHTS = {"w": random(C, C, 3, 3, seed=1) / 4, "v": random(C, C, 1, 1, seed=2) / 2, "b": random(C, seed=4)}


def network(body: str, more: str = "") -> Model:
    graph = f"g (float[N, 8, 8, 8] x) => (float[N, 8, 8, 8] y) <{more}> {{ {body} }}"
    return ready(written(graph, 13, **WEIGHTS))


def read(layer: QuantizedLayer) -> list[str]:
    """The tensors that a layer brings codes of, those it takes marked."""
    return sorted(f"{site.tensor}{'*' if site in layer.takes else ''}" for site in layer.brings)


CHAIN = f"[first] c = Conv {SAME} (x, w, b) r = Relu (c) [second] y = Conv (r, v, b)"
RESIDUAL = (
    f"[first] c = Conv {SAME} (x, w, b) [second] d = Conv (c, v, b) [sum] s = Add (c, d) y = Conv {SAME} (s, w, b)"
)


def test_on_the_processor_a_layer_reads_codes_and_makes_codes_and_neighbours_keep_theirs() -> None:
    first, second = LayeredPlacement(network(CHAIN), "ort-cpu").layers
    assert (first.node, first.operator, first.position) == ("first", "Conv", 0)
    assert read(first) == ["r", "w*", "x*"]
    assert read(second) == ["r", "v*", "y*"]


def test_for_tensorrt_a_layer_reads_codes_alone() -> None:
    first, second = LayeredPlacement(network(CHAIN), "tensorrt").layers
    assert read(first) == ["w*", "x*"]
    assert read(second) == ["r*", "v*"]


def test_a_sum_that_takes_a_residual_in_codes_answers_for_it() -> None:
    layers = {layer.node: layer for layer in LayeredPlacement(network(RESIDUAL), "tensorrt").layers}
    assert read(layers["sum"]) == ["c*"]


def test_what_is_only_moved_or_joined_belongs_to_who_made_it() -> None:
    body = (
        f"[a] c = Conv {SAME} (x, w, b) [b] d = Conv (x, v, b) j = Concat <axis = 0> (c, d) [last] y = Conv (j, v, b)"
    )
    layers = {layer.node: layer for layer in LayeredPlacement(network(body), "ort-cpu").layers}
    assert set(layers) == {"a", "b", "last"}
    assert "j" in read(layers["a"])
    assert "j" in read(layers["b"])


@pytest.mark.parametrize("target", ["ort-cpu", "tensorrt"])
@pytest.mark.parametrize("body", [CHAIN, RESIDUAL], ids=["chain", "residual"])
def test_every_code_has_a_layer_that_brings_it(body: str, target: str) -> None:
    placed = LayeredPlacement(network(body), target)
    assert frozenset().union(*(layer.brings for layer in placed.layers)) == placed.sites


@pytest.mark.parametrize("target", ["ort-cpu", "tensorrt"])
@pytest.mark.parametrize("body", [CHAIN, RESIDUAL], ids=["chain", "residual"])
def test_what_a_layer_takes_is_what_excluding_it_takes(body: str, target: str) -> None:
    model = network(body)
    for layer in LayeredPlacement(model, target).layers:
        left = sites(place(model, target, Exclusion(nodes=(layer.node,))))
        assert layer.takes == sites(place(model, target)) - left


def test_products_in_floats_are_listed_with_the_reason() -> None:
    placed = LayeredPlacement(network(CHAIN), "ort-cpu", Exclusion(nodes=("first",)))
    assert [(at, node.node, node.reason) for at, node in placed.in_float] == [(0, "first", "excluded by name 'first'")]
    assert [layer.node for layer in placed.layers] == ["second"]


def test_codes_are_those_that_the_written_model_has() -> None:
    model = network(CHAIN)
    placed = LayeredPlacement(model, "ort-cpu", per_channel=False)
    found = placed.codes(with_ranges(model, {name: (-1.0, 3.0) for name in placed.placement.tensors}))
    assert found.keys() == placed.sites
    assert Counter(site.is_constant for site in found) == {True: 2, False: 3}
    weights = [codes for site, codes in found.items() if site.is_constant]
    assert all(codes.scale.ndim == 0 for codes in weights)

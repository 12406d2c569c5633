"""What the engine inspector of this version says is understood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from quantkit.backends.tensorrt._versions import has_calibrators
from quantkit.backends.tensorrt.calibrators import Calibrated
from quantkit.backends.tensorrt.injection import FromRanges
from quantkit.backends.tensorrt.inspection import counts, coverage, kept_out_of_int8, unscaled
from quantkit.backends.tensorrt.profiling import no_faster_in_int8, profiled
from quantkit.graph import scales
from quantkit.graph.model import from_proto
from tests.unit.backends.tensorrt.small_models import Source, images, network, serialized

pytestmark = pytest.mark.gpu

Make = Callable[..., Any]
PRODUCTS = ["conv1", "conv2", "classifier"]


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_every_matrix_product_is_found_with_its_precision(backend: Make, precision: str) -> None:
    proto = network(width=64)
    found = backend(precision=precision).coverage(serialized(proto))
    assert [node.node for node in found.nodes] == PRODUCTS
    precisions = {node.precision for node in found.nodes}
    assert precisions == {"fp32"} if precision == "fp32" else precisions <= {"fp16", "fp32"}


@pytest.mark.skipif(not has_calibrators(), reason="this TensorRT has no calibrators")
def test_an_int8_engine_tells_what_it_left_in_floats(backend: Make) -> None:
    proto, built = network(width=64), backend()
    with built.build(serialized(proto), Calibrated(Source(images(32), 8))) as engine:
        layers = built.layers(engine, serialized(proto))
    found, out = coverage(layers, proto.graph), kept_out_of_int8(layers, proto.graph)
    assert {node.precision for node in found.nodes} <= {"int8", "fp16", "fp32"}
    assert set(out.nodes) == {node.node for node in found.nodes if node.precision != "int8"}
    assert counts(layers).reformats < len(layers)


@pytest.mark.skipif(not has_calibrators(), reason="this TensorRT has no dynamic ranges")
def test_tensors_without_a_scale_are_told_apart(backend: Make) -> None:
    proto, built = network(width=64), backend(rest="fp32")
    with built.build(serialized(proto), FromRanges({"x": 0.05, "r1": 0.05})) as engine:
        layers = built.layers(engine, serialized(proto))
    found = unscaled(layers, scales.coverage(from_proto(proto), ["x", "r1"]).absent)
    assert set(found) == {"c1", "c2", "r2", "p", "f", "logits"}
    assert set(found.values()) <= {"missing", "fused"}
    # A Relu is part of the convolution before it, in every version.
    assert found["c1"] == "fused"


def test_profiles_tell_the_time_of_every_matrix_product(backend: Make) -> None:
    proto, batch = network(width=64), {"x": images(8)}
    with backend(precision="fp32").build(serialized(proto)) as slow:
        floats = profiled(slow, batch, proto.graph)
    with backend(precision="fp16").build(serialized(proto)) as fast:
        halves = profiled(fast, batch, proto.graph)
    assert set(floats.by_node(proto.graph)) == set(PRODUCTS)
    assert all(spent > 0 for spent in floats.by_node(proto.graph).values())
    assert set(no_faster_in_int8(halves, floats, proto.graph).nodes) <= set(PRODUCTS)

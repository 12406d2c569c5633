"""What the engine inspector of this version says is understood."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantkit.backends.tensorrt._versions import has_calibrators
from quantkit.backends.tensorrt.calibrators import Calibrated
from quantkit.backends.tensorrt.injection import FromRanges
from quantkit.backends.tensorrt.inspection import composition, coverage, kept_out_of_int8, unscaled
from quantkit.backends.tensorrt.options import BuildOptions
from quantkit.backends.tensorrt.shares import no_faster_in_int8
from quantkit.graph import scales
from quantkit.graph.halves import with_halves
from quantkit.graph.model import from_proto
from quantkit.graph.prepare import prepared
from quantkit.pipeline.engines import Engines
from quantkit.pipeline.speed import ExcludeBy
from tests.gpu.references import expected, sqnr
from tests.unit.backends.tensorrt.small_models import Source, calibrated, images, network, serialized

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


def test_every_layer_of_an_engine_that_was_never_run_has_a_precision(backend: Make) -> None:
    proto, built = network(width=64), backend(precision="fp32")
    with built.build(serialized(proto)) as engine:
        assert set(composition(built.layers(engine, serialized(proto))).by_precision) == {"fp32"}


@pytest.mark.parametrize("verbosity", ["layer_names_only", "none"])
def test_an_engine_that_is_to_tell_no_details_tells_none(backend: Make, verbosity: str) -> None:
    found = backend(precision="fp32", profiling_verbosity=verbosity).coverage(serialized(network()))
    assert [node.node for node in found.nodes] == PRODUCTS
    assert {(node.precision, node.reason) for node in found.nodes} == {
        ("unknown", "the engine was built to tell no details of its layers")
    }


@pytest.mark.skipif(not has_calibrators(), reason="this TensorRT has no calibrators")
def test_an_int8_engine_tells_what_it_left_in_floats(backend: Make) -> None:
    proto, built = network(width=64), backend()
    with built.build(serialized(proto), Calibrated(Source(images(32), 8))) as engine:
        layers = built.layers(engine, serialized(proto))
    found, out = coverage(layers, proto.graph), kept_out_of_int8(layers, proto.graph)
    assert {node.precision for node in found.nodes} <= {"int8", "fp16", "fp32"}
    assert set(out.nodes) == {node.node for node in found.nodes if node.precision != "int8"}
    assert composition(layers).reformats < len(layers)


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
    proto = network(width=64)
    found = {}
    for precision in ("fp32", "fp16"):
        built = backend(precision=precision)
        with built.build(serialized(proto)) as engine:
            found[precision] = built.profile(engine, serialized(proto))
            (latency,) = built.latencies({precision: engine}).values()
        assert list(found[precision].by_product) == PRODUCTS
        assert all(spent > 0 for spent in found[precision].by_product.values())
        # Layers that are timed one by one take longer than all in a row, but not many times as long.
        assert 0.5 * latency.p50_ms < sum(found[precision].by_product.values()) < 10 * latency.p50_ms
    assert set(no_faster_in_int8(found["fp16"], found["fp32"])) <= set(PRODUCTS)


def test_fp16_by_casts_is_as_accurate_as_by_a_flag(backend: Make) -> None:
    proto, batch = network(width=64), {"x": images(8)}
    wanted = expected(proto, batch)["logits"]
    typed = with_halves(proto).proto
    for model in (proto, typed):
        with backend(precision="fp16").build(serialized(model)) as engine:
            assert sqnr(engine.run(batch)["logits"], wanted) > 50


@pytest.mark.parametrize("by", ["profile", "auto"])
def test_a_search_for_the_fastest_placement_ends(timing_cache: Path, by: ExcludeBy) -> None:
    model = prepared(from_proto(network(width=64)))
    found = Engines(model, BuildOptions(batch=8, timing_cache=timing_cache)).exclusion(calibrated(model), by=by)
    assert set(found.nodes) < set(PRODUCTS)

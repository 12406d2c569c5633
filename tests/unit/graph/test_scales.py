"""Which tensors want a scale, and which scales follow from others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quantkit.core.trt_cache_text import parsed
from quantkit.graph.model import Model, from_proto, load
from quantkit.graph.prepare import prepared
from quantkit.graph.scales import completed, coverage
from tests.onnx_models import random, written

NETWORK = """g (float[1, 3, 8, 8] x, int64[1] index) => (float[1, 6, 4, 4] y) {
    c = Conv <pads = [1, 1, 1, 1]> (x, w)
    r = Relu(c)
    p, positions = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r)
    a = Conv (p, v)
    b = Conv (p, v)
    s = Sigmoid(b)
    k2 = Neg(k)
    j = Concat <axis = 1> (a, s, k2)
    shape = Shape(j)
    still = Gather(j, index)
    y = Conv (j, u) }"""


def network() -> Model:
    weights = {"w": random(4, 3, 3, 3), "v": random(2, 4, 1, 1), "u": random(6, 6, 1, 1), "k": random(1, 2, 4, 4)}
    return from_proto(written(NETWORK, **weights))


def scales(**values: float) -> dict[str, np.float32]:
    return {name: np.float32(value) for name, value in values.items()}


def test_every_tensor_without_a_scale_has_its_reason() -> None:
    found = coverage(network(), ["x", "r", "p", "a", "s", "k2", "elsewhere"])
    assert found.scaled == ("x", "r", "p", "a", "s", "k2")
    assert dict(found.absent) == {
        "index": "not float",
        "c": "fused",
        "positions": "not float",
        "b": "fused",
        "j": "joined",
        "shape": "not float",
        "still": "unused",
        "y": "missing",
    }
    assert (found.blocking, found.unknown) == ((), ("elsewhere",))
    assert found.without("fused") == ["c", "b"]


def test_what_a_matrix_product_reads_blocks_it() -> None:
    found = coverage(network(), ["r"])
    assert found.blocking == ("x", "p", "j")
    assert set(found.without("missing")) == {"x", "p", "a", "s", "j", "y"}
    assert found.without("constant") == ["k2"]


def test_a_tensor_with_two_readers_or_that_leaves_is_not_fused() -> None:
    graph = """g (float[1, 3, 4, 4] x) => (float[1, 3, 4, 4] y, float[1, 3, 4, 4] a) {
        a = Conv (x, w)
        b = Relu(a)
        c = Conv (b, w)
        d = Relu(c)
        y = Add(c, d) }"""
    found = coverage(from_proto(written(graph, w=random(3, 3, 1, 1))), ["x"])
    assert found.without("missing") == ["a", "b", "c", "y"]
    assert found.without("fused") == ["d"]


def test_of_the_two_parts_of_a_sum_the_later_one_is_fused() -> None:
    graph = """g (float[1, 3, 4, 4] x) => (float[1, 3, 4, 4] y) {
        a = Conv (x, w)
        b = Conv (x, v)
        y = Add(a, b) }"""
    found = coverage(from_proto(written(graph, w=random(3, 3, 1, 1), v=random(3, 3, 1, 1))), ["x", "y"])
    assert dict(found.absent) == {"a": "missing", "b": "fused"}


def test_scales_follow_through_what_moves_joins_and_clamps() -> None:
    found = completed(network(), scales(x=1, p=2, j=8, y=1))
    # Relu and MaxPool before p, and what only the Concat reads; b may be anything before its Sigmoid.
    assert found == scales(x=1, c=2, r=2, p=2, a=8, s=8, k2=8, j=8, still=8, y=1)
    assert list(found) == ["x", "c", "r", "p", "a", "s", "k2", "j", "still", "y"]


def test_a_concat_has_the_largest_scale_of_its_parts() -> None:
    assert completed(network(), scales(a=1, s=3, k2=2))["j"] == np.float32(3)
    assert "j" not in completed(network(), scales(a=1, s=3))


def test_a_scale_that_is_there_stays() -> None:
    assert completed(network(), scales(r=1, p=2))["r"] == np.float32(1)
    assert completed(network(), scales(elsewhere=1)) == scales(elsewhere=1)


def test_nothing_follows_for_a_tensor_that_is_read_elsewhere_too() -> None:
    graph = """g (float[2, 2] x) => (float[2, 2] y, float[2, 2] z) {
        a = Neg(x)
        y = Relu(a)
        z = Abs(a) }"""
    assert completed(from_proto(written(graph)), scales(y=1)) == scales(y=1)


def test_the_parts_of_a_split_have_the_scale_of_the_whole_and_positions_have_none() -> None:
    graph = """g (float[2, 2] x) => (float[1, 2] y, float[1, 2] z) {
        y, z = Split <axis = 0> (x) }"""
    assert completed(from_proto(written(graph)), scales(x=3)) == scales(x=3, y=3, z=3)
    assert "positions" not in completed(network(), scales(r=1))


def test_only_nearest_resizing_hands_on_values() -> None:
    graph = """g (float[1, 1, 2, 2] x) => (float[1, 1, 4, 4] y) {{
        y = Resize <mode = "{}"> (x, , factors) }}"""
    factors = np.array([1, 1, 2, 2], np.float32)
    for mode, known in (("nearest", ["x", "y"]), ("linear", ["x"])):
        assert list(completed(from_proto(written(graph.format(mode), factors=factors)), scales(x=1))) == known


@pytest.mark.material
@pytest.mark.parametrize("calibrator", ["MinMax", "Entropy", "Entropy2", "Legacy"])
def test_tensorrts_own_caches_lack_only_what_it_fuses_or_joins(material: Path, calibrator: str) -> None:
    name = "IInt8EntropyCalibrator2" if calibrator == "Entropy2" else f"IInt8{calibrator}Calibrator"
    cache = parsed((material / "oracle" / f"{name}.cache").read_bytes())
    found = coverage(load(material / "models" / "imagenet" / "squeezenet1.1_imagenet.onnx"), cache.scales)
    assert len(found.scaled) == len(cache.scales)
    assert set(found.absent.values()) <= {"fused", "joined"}
    assert (found.blocking, found.unknown) == ((), ())


@pytest.mark.material
def test_real_networks_of_all_kinds_are_looked_through(material: Path) -> None:
    for path in sorted((material / "models").rglob("*.onnx")):
        model = load(path)
        found = coverage(model, [spec.name for spec in model.inputs])
        assert len(found.scaled) == len(model.inputs), path
        assert not found.unknown
        if "qdq" not in path.stem:
            assert completed(prepared(model, upgrade_opset=True), scales(nothing=1))["nothing"] == 1

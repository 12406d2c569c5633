"""Engines in three precisions, of every shape, kept and loaded again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from quantkit.backends.tensorrt.calibrators import Calibrated
from quantkit.backends.tensorrt.options import Profile
from quantkit.core.errors import ArtifactError, DataError, ModelError, SetupError
from quantkit.core.ports import Samples
from quantkit.core.statistics import SampleId
from tests.gpu.references import expected, sqnr
from tests.unit.backends.tensorrt.small_models import Source, images, model, network, serialized, two_inputs

pytestmark = pytest.mark.gpu

Make = Callable[..., Any]

# Signal to noise, in dB, that 24 bits of mantissa leave after a few thousand additions in another order.
FP32 = 80


def test_an_fp32_engine_computes_what_the_model_says(backend: Make) -> None:
    batch = {"x": images(8)}
    with backend(precision="fp32").build(serialized(network())) as engine:
        found = engine.run(batch)["logits"]
    # TF32 would round every factor to 11 bits, which leaves some 65 dB.
    assert sqnr(found, expected(network(), batch)["logits"]) > FP32


def test_an_fp16_engine_is_close(backend: Make) -> None:
    batch = {"x": images(8)}
    with backend(precision="fp16").build(serialized(network())) as engine:
        found = engine.run(batch)["logits"]
    # 11 bits of mantissa leave some 60 dB for one product; the sums keep more.
    assert 45 < sqnr(found, expected(network(), batch)["logits"]) < 120


def test_an_int8_engine_is_an_int8_engine(backend: Make) -> None:
    proto, batch = network(width=64), {"x": images(8)}
    int8 = backend(rest="fp32")
    with int8.build(serialized(proto), Calibrated(Source(images(64), 8), "max")) as engine:
        found = engine.run(batch)["logits"]
        layers = int8.layers(engine, serialized(proto))
    assert "int8" in {layer.precision for layer in layers}
    # 127 levels and no clipping: some 30 dB, less what two layers add up.
    assert 15 < sqnr(found, expected(proto, batch)["logits"]) < 60


@pytest.mark.parametrize("sizes", [[8, 8, 3], [1, 8, 1], [5]], ids=["short last", "up and down", "odd"])
def test_a_dynamic_engine_takes_every_batch_of_its_profile(backend: Make, sizes: list[int]) -> None:
    with backend().build(serialized(network())) as engine:
        for size in sizes:
            batch = {"x": images(size, seed=size)}
            assert sqnr(engine.run(batch)["logits"], expected(network(), batch)["logits"]) > FP32


def test_a_batch_beyond_the_profile_is_refused_and_the_engine_goes_on(backend: Make) -> None:
    with backend().build(serialized(network())) as engine:
        with pytest.raises(DataError, match=r"QK2152.*9x3x16x16, but the engine is built for 1x3x16x16 … 8x3x16x16"):
            engine.run({"x": images(9)})
        assert engine.run({"x": images(8)})["logits"].shape == (8, 10)


def test_a_profile_may_leave_every_size_free(backend: Make) -> None:
    free = model(
        [helper.make_node("AveragePool", ["x"], ["y"], "pool", kernel_shape=[2, 2], strides=[2, 2])],
        {"x": (TensorProto.FLOAT, ["N", 1, "H", "W"])},
        {"y": (TensorProto.FLOAT, None)},
        {},
    )
    profile = Profile((1, 1, 4, 4), (2, 1, 8, 8), (4, 1, 32, 32))
    with backend(profiles={"x": profile}).build(serialized(free)) as engine:
        for shape in [(1, 1, 4, 4), (4, 1, 32, 6), (2, 1, 8, 8)]:
            values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
            pooled = values.reshape(shape[0], 1, shape[2] // 2, 2, shape[3] // 2, 2).mean(axis=(3, 5))
            np.testing.assert_allclose(engine.run({"x": values})["y"], pooled, rtol=1e-6)


@pytest.mark.parametrize("size", [4, 3, 1])
def test_an_engine_of_fixed_size_takes_a_short_batch_too(backend: Make, size: int) -> None:
    batch = {"x": images(size)}
    with backend().build(serialized(network(4))) as engine:
        found = engine.run(batch)["logits"]
    assert found.shape == (size, 10)
    assert sqnr(found, expected(network(), batch)["logits"]) > FP32


def test_several_inputs_and_outputs_keep_their_names(backend: Make) -> None:
    batch = {
        "index": np.array([3, 0, 4]),
        "b": np.ones((3, 4), np.float32),
        "a": np.arange(12, dtype=np.float32).reshape(3, 4),
    }
    with backend().build(serialized(two_inputs())) as engine:
        found = engine.run(batch)
    np.testing.assert_array_equal(found["sum"], batch["a"] + batch["b"])
    np.testing.assert_array_equal(found["picked"], [[6, 7], [0, 1], [8, 9]])


def test_two_engines_live_side_by_side(backend: Make) -> None:
    batch = {"x": images(8)}
    with (
        backend(precision="fp32").build(serialized(network())) as one,
        backend(precision="fp32").build(serialized(network(seed=5))) as other,
    ):
        first, second = one.run(batch)["logits"].copy(), other.run(batch)["logits"].copy()
        assert sqnr(first, expected(network(), batch)["logits"]) > FP32
        assert sqnr(second, expected(network(seed=5), batch)["logits"]) > FP32


def test_a_plan_comes_back_as_the_same_engine(backend: Make, tmp_path: Path) -> None:
    built, batch, path = backend(precision="fp32"), {"x": images(3)}, tmp_path / "small.plan"
    built.save(built.plan(serialized(network())), path, serialized(network()))
    record = json.loads((tmp_path / "small.plan.json").read_text())
    assert record["machine"] == {
        "tensorrt": built.environment()["tensorrt"],
        "compute_capability": built.environment()["compute_capability"],
        "gpu": built.environment()["device"],
    }
    with built.load(path) as engine:
        assert sqnr(engine.run(batch)["logits"], expected(network(), batch)["logits"]) > FP32


def test_a_changed_plan_is_refused_before_tensorrt_sees_it(backend: Make, tmp_path: Path) -> None:
    built, path = backend(precision="fp32"), tmp_path / "small.plan"
    built.save(built.plan(serialized(network())), path, serialized(network()))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="QK3272"):
        built.load(path)


def test_what_is_no_plan_is_refused_by_tensorrt_in_our_words(backend: Make, tmp_path: Path) -> None:
    (tmp_path / "x.plan").write_bytes(b"no plan at all" * 100)
    with pytest.raises(ArtifactError, match=r"QK3274.*TensorRT does not take the plan"):
        backend().load(tmp_path / "x.plan", trust=True)


def test_an_operator_that_tensorrt_does_not_know_is_named_with_its_node(backend: Make) -> None:
    strange = model(
        [helper.make_node("Relu", ["x"], ["r"], "relu"), helper.make_node("Det", ["r"], ["y"], "determinant")],
        {"x": (TensorProto.FLOAT, [2, 3, 3])},
        {"y": (TensorProto.FLOAT, [2])},
        {},
    )
    with pytest.raises(ModelError, match=r"QK3041(.|\n)*'determinant'"):
        backend().build(serialized(strange))


def test_a_dla_that_is_not_there_is_refused(backend: Make) -> None:
    with pytest.raises(SetupError, match=r"QK4024.*no DLA core 0"):
        backend(dla_core=0).plan(serialized(network()))


def test_kernel_times_are_kept(backend: Make, tmp_path: Path) -> None:
    times = tmp_path / "own.cache"
    backend(timing_cache=times).plan(serialized(network()))
    first = times.stat().st_size
    backend(timing_cache=times).plan(serialized(network()))
    assert times.stat().st_size == first > 0


def test_a_long_build_gives_signs_of_life(backend: Make, tmp_path: Path) -> None:
    told: list[str] = []
    watched = type(backend())(
        options=backend(timing_cache=tmp_path / "t", precision="fp16").options, progress=told.append
    )
    watched.plan(serialized(network(width=48)))
    assert told
    assert all(text.startswith("building the fp16 engine: ") for text in told)


def test_latency_is_measured_by_turns(backend: Make) -> None:
    samples = Samples({"x": images(8)}, tuple(SampleId(str(at), "") for at in range(8)))
    built = backend(precision="fp32")
    with built.build(serialized(network())) as one, built.build(serialized(network())) as other:
        measured = built.latencies({"one": one, "other": other}, samples)
    assert all(0.001 < latency.p50_ms <= latency.p90_ms < 50 for latency in measured.values())
    # The same engine twice: as equal as this machine's noise allows.
    assert measured["one"].p50_ms == pytest.approx(measured["other"].p50_ms, rel=0.25)


def test_q_dq_nodes_make_an_int8_engine_without_any_calibration(backend: Make) -> None:
    proto, batch = with_pairs(network(width=64)), {"x": images(8)}
    built = backend()
    with built.build(serialized(proto)) as engine:
        found = engine.run(batch)["logits"]
    precisions = {node.node: node.precision for node in built.coverage(serialized(proto)).nodes}
    assert precisions["conv2"] == "int8"
    assert sqnr(found, expected(network(width=64), batch)["logits"]) > 15


def with_pairs(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A pair before ``conv2``: its input per tensor, its weights per channel and stored as codes."""
    graph = proto.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    values = onnx.numpy_helper.to_array(weights["w2"])
    scales = (np.abs(values).max(axis=(1, 2, 3)) / 127).astype(np.float32)
    codes = np.rint(values / scales[:, None, None, None]).astype(np.int8)
    graph.initializer.remove(weights["w2"])
    for name, content in {
        "w2_codes": codes,
        "w2_scale": scales,
        "w2_zero": np.zeros(len(scales), np.int8),
        "r1_scale": np.float32(8.0 / 127),
        "r1_zero": np.int8(0),
    }.items():
        graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(content), name))
    pairs = [
        helper.make_node("DequantizeLinear", ["w2_codes", "w2_scale", "w2_zero"], ["w2"], "w2_dq", axis=0),
        helper.make_node("QuantizeLinear", ["r1", "r1_scale", "r1_zero"], ["r1_codes"], "r1_q"),
        helper.make_node("DequantizeLinear", ["r1_codes", "r1_scale", "r1_zero"], ["r1_dq"], "r1_dq"),
    ]
    at = next(index for index, node in enumerate(graph.node) if node.name == "conv2")
    graph.node[at].input[0] = "r1_dq"
    # TensorRT 8.5 does not see the kernel's shape in weights that are dequantized.
    graph.node[at].attribute.append(helper.make_attribute("kernel_shape", [3, 3]))
    nodes = [*graph.node[:at], *pairs, *graph.node[at:]]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    return proto

"""Engines run what they are fed, whatever its size, and say what is wrong with it."""

from __future__ import annotations

import itertools
import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from quantkit.backends.tensorrt.options import Profile
from quantkit.core.arrays import Batch
from quantkit.core.artifact import SerializedModel
from quantkit.core.errors import ArtifactError, DataError, ModelError, SetupError, UsageError
from quantkit.core.ports import Samples
from quantkit.core.statistics import SampleId
from quantkit.core.timing import time_ratio
from tests.unit.backends.tensorrt.fakes import cuda
from tests.unit.backends.tensorrt.small_models import images, model, network, serialized, two_inputs

pytestmark = pytest.mark.usefixtures("stand_in")


def backend(**options: Any) -> Any:
    from quantkit.backends.tensorrt.backend import TensorRtBackend
    from quantkit.backends.tensorrt.options import BuildOptions

    return TensorRtBackend(options=BuildOptions(**options))


def expected(proto: onnx.ModelProto, batch: Batch) -> Batch:
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(batch)), strict=True))


def agree(found: Batch, wanted: Batch) -> None:
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sizes", [[8, 8, 3], [1, 8, 1], [5]], ids=["short last", "up and down", "odd"])
def test_a_dynamic_engine_takes_every_batch_of_its_profile(sizes: list[int]) -> None:
    with backend(batch=8).build(serialized(network())) as engine:
        for size in sizes:
            batch = {"x": images(size, seed=size)}
            agree(engine.run(batch), expected(network(), batch))


@pytest.mark.parametrize("size", [4, 3, 1])
def test_an_engine_of_fixed_size_takes_a_short_batch_too(size: int) -> None:
    batch = {"x": images(size)}
    with backend().build(serialized(network(4))) as engine:
        agree(engine.run(batch), expected(network(), batch))


def test_an_engine_of_large_batches_takes_a_short_one_too() -> None:
    ends = [(size, 3, 16, 16) for size in (4, 4, 8)]
    batch = {"x": images(3)}
    with backend(profiles={"x": Profile(*ends)}).build(serialized(network())) as engine:
        agree(engine.run(batch), expected(network(), batch))


def test_several_inputs_and_outputs_keep_their_names() -> None:
    batch = {
        "index": np.array([3, 0, 4]),
        "b": np.ones((3, 4), np.float32),
        "a": np.arange(12, dtype=np.float32).reshape(3, 4),
    }
    with backend(batch=4).build(serialized(two_inputs())) as engine:
        agree(engine.run(batch), expected(two_inputs(), batch))


def test_a_batch_beyond_the_profile_is_refused_with_the_profile() -> None:
    with backend(batch=4).build(serialized(network())) as engine:
        with pytest.raises(DataError, match=r"QK2152.*5x3x16x16, but the engine is built for 1x3x16x16 … 4x3x16x16"):
            engine.run({"x": images(5)})
        assert engine.run({"x": images(2)})["logits"].shape == (2, 10)


def test_inputs_of_other_names_are_refused() -> None:
    with (
        backend(batch=4).build(serialized(network())) as engine,
        pytest.raises(DataError, match=r"QK2157.*a batch holds y, the engine takes x"),
    ):
        engine.run({"y": images(2)})


def test_an_engine_frees_its_memory(stand_in: SimpleNamespace) -> None:
    with backend(batch=4).build(serialized(network())) as engine:
        engine.run({"x": images(2)})
        assert stand_in.cuda.allocated
    assert not stand_in.cuda.allocated


def test_an_input_that_is_free_elsewhere_needs_a_profile() -> None:
    free = model(
        [helper.make_node("Relu", ["x"], ["y"], "relu")],
        {"x": (TensorProto.FLOAT, ["N", 3, "H", "W"])},
        {"y": (TensorProto.FLOAT, ["N", 3, "H", "W"])},
        {},
    )
    with pytest.raises(UsageError, match=r"QK1063(.|\n)*--shapes x:32x3x32x32") as refusal:
        backend().build(serialized(free))
    assert refusal.value.exit_code == 2


def test_an_operator_that_tensorrt_does_not_know_is_named_with_its_node() -> None:
    boxes = helper.make_node("NonMaxSuppression", ["x", "s"], ["picked"], "choose boxes")
    inputs = {"x": (TensorProto.FLOAT, [1, 6, 4]), "s": (TensorProto.FLOAT, [1, 1, 6])}
    strange = model([boxes], inputs, {"picked": (TensorProto.INT64, ["N", 3])}, {})
    with pytest.raises(ModelError, match=r"QK3041(.|\n)*node 'choose boxes' \(NonMaxSuppression\): No importer"):
        backend().build(serialized(strange))


def test_a_model_in_float16_that_is_not_read_may_have_to_be_written_in_float32() -> None:
    halved = helper.make_node("Cast", ["x"], ["half"], "halved", to=TensorProto.FLOAT16)
    boxes = helper.make_node("NonMaxSuppression", ["half", "s"], ["picked"], "choose boxes")
    inputs = {"x": (TensorProto.FLOAT, [1, 6, 4]), "s": (TensorProto.FLOAT, [1, 1, 6])}
    strange = model([halved, boxes], inputs, {"picked": (TensorProto.INT64, ["N", 3])}, {})
    with pytest.raises(ModelError, match=r"hint:  quantize without --rest fp16"):
        backend().build(serialized(strange))


def test_a_build_that_fails_says_what_tensorrt_said() -> None:
    broken = network()
    broken.graph.name = "cannot be built"
    with pytest.raises(ModelError, match=r"QK3043(.|\n)*Could not find any implementation for node conv1"):
        backend().build(serialized(broken))


def test_an_output_whose_size_follows_the_data_is_refused() -> None:
    selecting = model(
        [helper.make_node("Relu", ["x"], ["selected"], "relu")],
        {"x": (TensorProto.FLOAT, [2])},
        {"selected": (TensorProto.FLOAT, [2])},
        {},
    )
    with pytest.raises(ModelError, match=r"QK3042.*'selected' gets depends on the data"):
        backend().build(serialized(selecting))


def test_an_input_that_is_a_shape_is_refused() -> None:
    reshaping = model(
        [helper.make_node("Relu", ["shape"], ["y"], "relu")],
        {"shape": (TensorProto.FLOAT, [2])},
        {"y": (TensorProto.FLOAT, [2])},
        {},
    )
    with pytest.raises(ModelError, match=r"QK3047.*'shape' holds a shape"):
        backend().build(serialized(reshaping))


def test_no_gpu_is_said_so(monkeypatch: pytest.MonkeyPatch, stand_in: SimpleNamespace) -> None:
    monkeypatch.setattr(stand_in.cuda, "PRESENT", False)
    with pytest.raises(SetupError, match=r"QK4020.*no NVIDIA GPU(.|\n)*no CUDA-capable device is detected") as refusal:
        backend().build(serialized(network()))
    assert refusal.value.exit_code == 4


def test_a_library_that_does_not_start_is_said_so(monkeypatch: pytest.MonkeyPatch, stand_in: SimpleNamespace) -> None:
    monkeypatch.setattr(stand_in.trt, "STARTS", False)
    with pytest.raises(SetupError, match=r"QK4021(.|\n)*CUDA initialization failure with error: 35"):
        backend().build(serialized(network()))


def test_too_little_gpu_memory_is_said_so(monkeypatch: pytest.MonkeyPatch, stand_in: SimpleNamespace) -> None:
    def full(size: int) -> None:
        raise stand_in.cuda.MemoryError("cuMemAlloc failed: out of memory")

    monkeypatch.setattr(stand_in.cuda, "mem_alloc", full)
    with pytest.raises(SetupError, match=r"QK4022(.|\n)*out of memory"):
        backend().build(serialized(network()))


def test_a_plan_comes_back_as_the_same_engine(tmp_path: Path) -> None:
    built, batch = backend(batch=4), {"x": images(3)}
    plan = built.plan(serialized(network()))
    artifact = built.save(plan, tmp_path / "small.plan", serialized(network()), {"algorithm": "none"})
    record = json.loads((tmp_path / "small.plan.json").read_text())
    assert record["machine"] == {"tensorrt": "8.5.3.1", "compute_capability": "9.0", "gpu": "Imaginary GPU"}
    assert record["sha256"] == artifact.digest
    assert record["scales"] == {"algorithm": "none"}
    with built.load(str(tmp_path / "small.plan")) as engine:
        agree(engine.run(batch), expected(network(), batch))


def test_a_plan_for_a_dla_runs_on_the_core_that_it_was_built_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: SimpleNamespace
) -> None:
    monkeypatch.setattr(stand_in.trt, "DLA_CORES", 2)
    built, cores = backend(dla_core=1, precision="fp16"), []

    class Watched(stand_in.trt.Runtime):  # type: ignore[misc, name-defined]
        DLA_core = -1

        def deserialize_cuda_engine(self, plan: bytes) -> Any:
            cores.append(self.DLA_core)
            return super().deserialize_cuda_engine(plan)

    monkeypatch.setattr(stand_in.trt, "Runtime", Watched)
    built.save(built.plan(serialized(network())), tmp_path / "small.plan", serialized(network()))
    backend().load(tmp_path / "small.plan").close()
    backend().build(serialized(network())).close()
    assert cores == [1, -1]


def test_a_plan_that_tensorrt_refuses_is_an_error_even_when_trusted(tmp_path: Path) -> None:
    (tmp_path / "x.plan").write_bytes(b"no plan")
    with pytest.raises(ArtifactError, match=r"QK3274(.|\n)*Magic tag does not match"):
        backend().load(tmp_path / "x.plan", trust=True)


def test_kernel_times_are_kept_between_builds(tmp_path: Path) -> None:
    times = tmp_path / "timing.cache"
    for _ in range(2):
        backend(timing_cache=times).plan(serialized(network()))
    assert times.read_bytes() == b"timed;timed;"


def test_kernel_times_of_another_machine_are_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    times = tmp_path / "timing.cache"
    times.write_bytes(b"other machine")
    backend(timing_cache=times).plan(serialized(network()))
    assert times.read_bytes() == b"timed;"
    assert "timing.cache holds the times of another GPU or TensorRT: starting anew" in caplog.text


def test_kernel_times_of_builds_at_the_same_time_are_all_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: SimpleNamespace
) -> None:
    times = tmp_path / "timing.cache"
    times.write_bytes(b"first;")
    build = stand_in.trt.Builder.build_serialized_network

    def beside_another(builder: Any, network: Any, config: Any) -> Any:
        assert times.read_bytes() == b"first;"
        times.write_bytes(b"first;other;")
        return build(builder, network, config)

    monkeypatch.setattr(stand_in.trt.Builder, "build_serialized_network", beside_another)
    backend(timing_cache=times).plan(serialized(network()))
    assert times.read_bytes() == b"first;other;timed;"


def test_a_place_that_takes_no_kernel_times_is_noticed_before_the_build(
    tmp_path: Path, stand_in: SimpleNamespace
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="QK4104"):
        backend(timing_cache=tmp_path / "file" / "timing.cache").plan(serialized(network()))
    assert not stand_in.trt.built


def test_options_reach_tensorrt(stand_in: SimpleNamespace) -> None:
    backend(workspace_bytes=1 << 20, threads=3, timing_runs=8, tactic_sources=("CUDNN",)).plan(serialized(network(2)))
    build = stand_in.trt.built[-1]
    assert (build["config"].workspace, build["threads"], build["config"].tactics) == (1 << 20, 3, 0b100)
    assert build["config"].avg_timing_iterations == 8
    assert build["config"].profiling_verbosity == stand_in.trt.ProfilingVerbosity.DETAILED
    assert not build["config"].profiles


@pytest.mark.parametrize("verbosity", ["detailed", "layer_names_only", "none"])
def test_an_engine_tells_as_much_of_itself_as_was_asked_for(stand_in: SimpleNamespace, verbosity: str) -> None:
    model, own = serialized(network(2)), backend(profiling_verbosity=verbosity)
    covered = own.coverage(model)
    assert stand_in.trt.built[-1]["config"].profiling_verbosity.name.lower() == verbosity
    assert {node.precision for node in covered.nodes} == {"fp32" if verbosity == "detailed" else "unknown"}


def test_tactics_whose_library_is_missing_are_left_out(
    monkeypatch: pytest.MonkeyPatch, stand_in: SimpleNamespace
) -> None:
    from quantkit.backends.tensorrt import build

    monkeypatch.setattr(build, "_loads", lambda library: library == "libcudnn.so.8")
    backend().plan(serialized(network()))
    assert stand_in.trt.built[-1]["config"].tactics == 0b1100


def test_coverage_comes_from_the_engine_and_is_built_once(stand_in: SimpleNamespace) -> None:
    built = backend(precision="fp16")
    built.build(serialized(network())).close()
    coverage = built.coverage(serialized(network()))
    assert [(node.node, node.precision) for node in coverage.nodes] == [
        ("conv1", "fp16"),
        ("conv2", "fp16"),
        ("classifier", "fp16"),
    ]
    assert len(stand_in.trt.built) == 1


def test_latencies_of_engines_that_take_turns() -> None:
    built = backend(batch=4)
    samples = Samples({"x": images(4)}, tuple(SampleId(str(at), "") for at in range(4)))
    with built.build(serialized(network())) as one, built.build(serialized(network())) as other:
        measured = built.latencies({"one": one, "other": other}, samples)
    # Seven nodes take 2 ms each, and an event 1.
    assert {name: (latency.p50_ms, latency.runs, latency.batch) for name, latency in measured.items()} == {
        "one": (15.0, 200, 4),
        "other": (15.0, 200, 4),
    }
    ratio = time_ratio(measured["one"], measured["other"])
    assert ratio is not None
    assert (ratio.low, ratio.high) == (1.0, 1.0)
    assert "10 blocks" in ratio.method


def test_rounds_are_cut_into_blocks_of_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    from quantkit.backends.tensorrt import timing

    spent = itertools.count(1)
    monkeypatch.setattr(timing, "_launched", lambda engine, delay: float(next(spent)))
    with backend(batch=4).build(serialized(network())) as engine:
        stopwatch = timing.GpuStopwatch(warmup=1, rounds=7, blocks=3)
        samples = Samples({"x": images(4)}, tuple(SampleId(str(at), "") for at in range(4)))
        (latency,) = stopwatch.measured({"one": engine}, samples).values()
    assert (latency.p50s_ms, latency.runs, latency.warmup) == ((2.0, 4.5, 6.5), 7, 1)


def test_kernels_are_launched_while_the_gpu_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    from quantkit.backends.tensorrt.timing import GpuStopwatch

    copies: list[int] = []
    monkeypatch.setattr(cuda, "memcpy_dtoh_async", lambda values, address, stream: copies.append(values.nbytes))
    ticks = itertools.count()
    stopwatch = GpuStopwatch(warmup=3, rounds=2, clock=lambda: next(ticks) * 1e-3)
    samples = Samples({"x": images(4)}, tuple(SampleId(str(at), "") for at in range(4)))
    with backend(batch=4).build(serialized(network())) as engine:
        (latency,) = stopwatch.measured({"one": engine}, samples).values()
    # Eight copies take the 1 ms of an event here, and so does a launch; twice that is to spare.
    assert len(copies) == 8 + 2 * 16
    assert latency.p50_ms == 15.0


def test_without_samples_latencies_are_those_of_the_usual_sizes() -> None:
    built = backend(batch=4)
    with built.build(serialized(two_inputs())) as engine:
        (latency,) = built.latencies({"one": engine}).values()
    assert latency.batch == 4


def test_a_profile_counts_every_layer_for_the_product_that_it_is_there_for() -> None:
    built = backend(batch=4)
    with built.build(serialized(network())) as engine:
        profile = built.profile(engine, serialized(network()))
    # A Relu leads to what follows it; all behind the last product counts for that.
    assert profile.by_product == {"conv1": 2.0, "conv2": 4.0, "classifier": 8.0}


def test_a_profile_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    built, batch = backend(batch=4), {"x": images(3)}
    with built.build(serialized(network())) as engine, caplog.at_level(logging.WARNING):
        before = {name: values.copy() for name, values in engine.run(batch).items()}
        built.profile(engine, serialized(network()))
        assert engine.context.profiler is None
        agree(engine.run(batch), before)
    # TensorRT calls it a mistake to take a profiler off a context.
    assert not caplog.records


def test_weights_outside_the_model_are_looked_for_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: SimpleNamespace
) -> None:
    seen: list[str | None] = []

    class Watched(stand_in.trt.OnnxParser):  # type: ignore[misc, name-defined]
        def parse(self, model: bytes, path: str | None = None) -> bool:
            seen.append(path)
            return bool(super().parse(model, path))

    monkeypatch.setattr(stand_in.trt, "OnnxParser", Watched)
    backend().plan(SerializedModel(network().SerializeToString(), tmp_path))
    assert seen == [str(tmp_path / "model.onnx")]


def test_the_environment_names_what_may_move_a_float() -> None:
    assert backend().environment() == {
        "tensorrt": "8.5.3.1",
        "device": "Imaginary GPU",
        "compute_capability": "9.0",
        "cuda_driver": "13000",
        "precision": "auto",
    }

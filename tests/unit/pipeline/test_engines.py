"""What is built for a comparison of engines, and what comes out, with a TensorRT that runs anywhere."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import quantkit
from quantkit.backends.tensorrt.options import BuildOptions
from quantkit.core import trt_cache_file
from quantkit.core.calibration import Calibration
from quantkit.core.errors import SetupError, TooLittleError
from quantkit.core.trt_cache_text import parsed
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model, from_proto
from quantkit.graph.prepare import prepared
from quantkit.pipeline.collecting import Collecting
from quantkit.pipeline.engine_comparison import EngineFile
from quantkit.pipeline.engines import Engines, cache_beside
from quantkit.pipeline.speed import ExcludeBy
from tests.quantization import without_observations
from tests.unit.backends.tensorrt import fakes
from tests.unit.backends.tensorrt.fakes import cuda, trt
from tests.unit.backends.tensorrt.inspected import keep_in_floats, take
from tests.unit.backends.tensorrt.small_models import Source, calibrated, images, network


@pytest.fixture
def stand_in() -> Iterator[SimpleNamespace]:
    with fakes.installed():
        yield SimpleNamespace(cuda=cuda, trt=trt)


@pytest.fixture(scope="module")
def model() -> Model:
    return prepared(from_proto(network()))


@pytest.fixture(scope="module")
def calibration(model: Model) -> Calibration:
    return calibrated(model)


@pytest.fixture
def engines(stand_in: SimpleNamespace, model: Model, tmp_path: Path) -> Engines:
    return Engines(model, BuildOptions(batch=8))


def record(plan: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(plan.with_name(f"{plan.name}.json").read_text())
    return found


def explicit(engines: Engines, calibration: Calibration, folder: Path) -> EngineFile:
    written = quantkit.quantize(engines.model, calibration, to=folder / "int8.onnx", target="tensorrt")
    return engines.explicit(written, folder / "max.plan")


def test_engines_are_kept_with_their_records_and_compared(
    engines: Engines, calibration: Calibration, tmp_path: Path
) -> None:
    files = {"FP16": engines.half(tmp_path / "fp16.plan"), "max": explicit(engines, calibration, tmp_path)}
    reference = engines.reference(tmp_path / "fp32.plan")
    found = engines.compared(reference, files, Source(images(20, seed=3), 8))

    assert len(found.samples) == 20
    assert [outcome.subject.name for outcome in found.candidates] == ["FP16", "max"]
    for outcome in found.candidates:
        subject = outcome.subject
        plan = Path(subject.path)
        assert subject.provenance["plan.sha256"] == hashlib.sha256(plan.read_bytes()).hexdigest()
        assert (subject.size_bytes, subject.digest) == (plan.stat().st_size, files[subject.name].digest)
        assert json.loads(plan.with_name(f"{plan.name}.json").read_text())["machine"]["gpu"] == "Imaginary GPU"
        assert subject.latency is not None
        assert subject.latency.batch == 8
        assert subject.coverage is not None
        assert subject.coverage.total == 3
    coverages = [outcome.subject.coverage for outcome in found.candidates]
    assert [coverage.integer for coverage in coverages if coverage] == [0, 3]
    assert found.reference.digest == engines.model.digest
    assert found.environment["tensorrt"] == "8.5.3.1"


def test_the_int8_engine_computes_what_the_pairs_say(
    engines: Engines, calibration: Calibration, tmp_path: Path
) -> None:
    reference = engines.reference(tmp_path / "fp32.plan")
    found = engines.compared(
        reference, {"max": explicit(engines, calibration, tmp_path)}, Source(images(20), 8), metrics=("sqnr",)
    )
    summary = found.candidates[0].metric("sqnr")
    assert summary is not None
    assert 15 < summary.candidate < 60


def test_a_comparison_says_where_int8_is_no_faster_than_fp16(
    engines: Engines, calibration: Calibration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"FP16": engines.half(tmp_path / "fp16.plan"), "max": explicit(engines, calibration, tmp_path)}
    reference, source = engines.reference(tmp_path / "fp32.plan"), Source(images(8), 8)
    take(monkeypatch, {"conv1": 2.0, "conv2": 2.5, "classifier": 2.0})
    slow = "INT8 is no faster than FP16 on this GPU for this model: max takes 15.500 ms, FP16 15.000 ms"
    assert slow in engines.compared(reference, files, source).notes
    take(monkeypatch, {"conv1": 1.0, "conv2": 2.0, "classifier": 2.0})
    assert slow.partition(":")[0] not in " ".join(engines.compared(reference, files, source).notes)


def test_a_plan_that_was_changed_is_not_run(engines: Engines, tmp_path: Path) -> None:
    reference = engines.reference(tmp_path / "fp32.plan")
    reference.plan.path.write_bytes(reference.plan.path.read_bytes() + b" ")
    with pytest.raises(quantkit.QuantkitError, match=r"QK3272"):
        engines.compared(reference, {"same": reference}, Source(images(8), 8))


def test_what_stays_in_floats_in_spite_of_its_scales_gets_no_pairs(
    engines: Engines, calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_in_floats(monkeypatch, "conv1")
    found = engines.exclusion(calibration, Exclusion(ops=("Gemm",)))
    assert found == Exclusion(nodes=("conv1",), ops=("Gemm",))


def test_an_int8_model_is_not_left_without_integers(
    engines: Engines,
    calibration: Calibration,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    keep_in_floats(monkeypatch, "conv1", "conv2", "classifier")
    with caplog.at_level(logging.WARNING):
        assert not engines.exclusion(calibration, by="inspector")
    assert "nothing is faster in INT8 on this GPU" in caplog.text


def test_without_all_ranges_nothing_can_be_said_about_speed(
    engines: Engines, model: Model, caplog: pytest.LogCaptureFixture
) -> None:
    few = without_observations(calibrated(model), "x")
    with caplog.at_level(logging.WARNING):
        assert not engines.exclusion(few)
    assert "no ranges for x: what is slower in INT8 cannot be found out" in caplog.text
    assert not trt.built


def test_tensorrts_own_calibrator_leaves_its_cache_with_its_origin(
    engines: Engines, calibration: Calibration, tmp_path: Path
) -> None:
    made = engines.calibrated(Source(images(16), 8), "entropy", calibration, tmp_path / "net.trt-entropy.plan")
    stored = trt_cache_file.load(cache_beside(made.plan.path))
    assert list(stored.cache.scales) == ["x"]
    origin = stored.origin_for(engines.model.digest)
    assert (origin.rule, origin.tensorrt, origin.provenance.samples) == ("tensorrt entropy", "8.5.3.1", 16)
    # Those of the GPU that calibrated, though the statistics were the processor's.
    assert origin.provenance.environment["device"] == "Imaginary GPU"
    assert "isa" not in origin.provenance.environment


def test_a_cache_of_another_version_is_handed_over_as_one_of_this(engines: Engines, tmp_path: Path) -> None:
    cache = parsed(b"TRT-100300-EntropyCalibration2\nx: 3c010a14\nr1: 3c010a14\n")
    engines.injected(cache, tmp_path / "net.plan", {"from": "old.cache"})
    calibrator = trt.built[-1]["config"].int8_calibrator
    assert calibrator.read_calibration_cache().startswith(b"TRT-8503-EntropyCalibration2\n")
    assert json.loads((tmp_path / "net.plan.json").read_text())["scales"] == {"from": "old.cache", "given_as": "cache"}


def test_our_ranges_are_kept_as_the_cache_that_tensorrt_gets(
    engines: Engines, calibration: Calibration, tmp_path: Path
) -> None:
    made = engines.ours(calibration, tmp_path / "net.injected-max.plan")
    stored = trt_cache_file.load(tmp_path / "net.injected-max.cache")
    assert trt.built[-1]["config"].int8_calibrator.read_calibration_cache() == stored.cache.to_bytes()
    assert made.scaled == frozenset(stored.cache.scales) > frozenset(["x", "r1", "r2"])
    origin = stored.origin_for(engines.model.digest)
    assert (origin.rule, origin.tensorrt, origin.provenance) == ("max", None, calibration.provenance)
    assert record(tmp_path / "net.injected-max.plan")["scales"] == {"rule": "max", "given_as": "cache"}


def test_or_they_are_set_as_dynamic_ranges(engines: Engines, calibration: Calibration, tmp_path: Path) -> None:
    engines.ours(calibration, tmp_path / "net.plan", "ranges")
    built = trt.built[-1]
    assert built["config"].int8_calibrator is None
    limit = calibration.ranges["x"].limit
    assert built["network"].get_input(0).dynamic_range == pytest.approx((-limit, limit), rel=1e-6)
    assert record(tmp_path / "net.plan")["scales"] == {"rule": "max", "given_as": "ranges"}
    assert not cache_beside(tmp_path / "net.plan").exists()


def test_ranges_for_codes_with_a_zero_point_are_told(
    engines: Engines, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    statistics = quantkit.collect(engines.model, Source(images(16), 8), how=Collecting(everything=True))
    with caplog.at_level(logging.WARNING):
        engines.ours(quantkit.calibrate_ranges(statistics, "mse", symmetric=False), tmp_path / "net.plan")
    assert "the ranges by mse were chosen for codes with a zero point" in caplog.text
    assert record(tmp_path / "net.plan")["scales"]["chosen_for"] == "affine codes"


def test_engines_that_describe_themselves_in_another_way_are_compared_nevertheless(
    engines: Engines, calibration: Calibration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trt.EngineInspector, "get_engine_information", lambda *_: '{"Engine": []}')
    reference = engines.reference(tmp_path / "fp32.plan")
    found = engines.compared(reference, {"max": explicit(engines, calibration, tmp_path)}, Source(images(8), 8))
    unknown = (
        "FP32, max: TensorRT 8.5.3.1 describes its engine in an unknown way: nothing is known of what runs in INT8"
    )
    assert found.notes[0] == unknown
    assert [subject.coverage for subject in (found.reference, found.candidates[0].subject)] == [None, None]
    assert found.candidates[0].subject.latency is not None
    with pytest.raises(TooLittleError, match=r"QK6020.*INT8 nodes of max is limited but not known"):
        quantkit.judge(found, quantkit.Rules(min_int8_share=0.5))


@pytest.mark.parametrize("by", ["auto", "inspector", "profile"])
def test_and_what_is_slower_in_int8_cannot_be_found_out(
    engines: Engines,
    calibration: Calibration,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    by: ExcludeBy,
) -> None:
    monkeypatch.setattr(trt.EngineInspector, "get_engine_information", lambda *_: "[]")
    asked = Exclusion(ops=("Gemm",))
    with caplog.at_level(logging.WARNING):
        assert engines.exclusion(calibration, asked, by=by) == asked
    assert "an unknown way: what is slower in INT8 cannot be found out, and becomes INT8" in caplog.text


def test_version_11_takes_the_explicit_road_alone(
    engines: Engines, calibration: Calibration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(trt, "IInt8Calibrator")
    assert not engines.has_calibrators
    with pytest.raises(SetupError, match=r"QK4025.*has no calibrators(.|\n)*--target tensorrt(.|\n)*cache convert"):
        engines.require_calibrators()


def test_without_a_gpu_nothing_begins(stand_in: SimpleNamespace, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "PRESENT", False)
    with pytest.raises(SetupError, match=r"QK4020.*no NVIDIA GPU can be used here"):
        Engines(model)

"""``quantkit build``: plans, and what it says where none can be built."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import onnx
import pytest

import quantkit
from quantkit.backends.tensorrt import plan
from quantkit.core import trt_cache_file
from quantkit.core.calibration import Calibration
from quantkit.core.trt_cache import Header, TensorrtCache
from quantkit.core.trt_cache_file import Origin
from quantkit.graph.halves import has_halves
from tests.unit.backends.tensorrt import fakes
from tests.unit.backends.tensorrt.fakes import cuda, trt
from tests.unit.backends.tensorrt.small_models import calibrated, network, two_inputs

Command = Callable[..., Any]


@pytest.fixture
def stand_in() -> Iterator[None]:
    with fakes.installed():
        yield


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("net") / "net.onnx"
    onnx.save(network(), path)
    return path


@pytest.fixture(scope="module")
def calibration(net: Path) -> Path:
    path = net.with_name("max.qcal.json")
    calibrated(quantkit.load_model(net)).save(path)
    return path


def cache_of(calibration: Path, to: Path, *, with_origin: bool) -> Path:
    ranges = Calibration.load(calibration)
    origin = Origin("max", ranges.provenance) if with_origin else None
    trt_cache_file.save(TensorrtCache.of(ranges, Header.of("10.3")), to, origin)
    return to


def flags() -> set[str]:
    return {flag.name for flag in trt.built[-1]["config"].flags}


def record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("net.plan.json").read_text())
    return found


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(("precision", "expected"), [("auto", set()), ("fp32", set()), ("fp16", {"TF32", "FP16"})])
def test_a_plain_model_becomes_a_plan_with_its_record(
    command: Command, net: Path, precision: str, expected: set[str]
) -> None:
    result = command("build", net, "--precision", precision, "--json")
    assert result.exit_code == 0, result.notes
    assert result.document["sha256"] == record()["sha256"]
    assert (result.document["output"], result.document["record"]) == ("net.plan", "net.plan.json")
    assert flags() == expected
    assert record()["options"]["batch"] == 32


@pytest.mark.usefixtures("stand_in")
def test_a_model_with_pairs_becomes_an_int8_engine(command: Command, net: Path, calibration: Path) -> None:
    quantkit.quantize(net, Calibration.load(calibration), to="net.onnx", target="tensorrt")
    result = command("build", "net.onnx", "-q")
    assert result.output.splitlines() == ["net.plan", "net.plan.json"]
    assert flags() == {"TF32", "INT8", "FP16"}


@pytest.mark.usefixtures("stand_in")
def test_sizes_are_those_of_trtexec(command: Command, net: Path) -> None:
    sizes = ["--min-shapes", "x:2x3x16x16", "--opt-shapes", "x:4x3x16x16", "--max-shapes", "x:8x3x16x16"]
    options = ["--workspace", "64", "--timing-cache", "times", "--threads", "3"]
    result = command("build", net, *sizes, *options)
    assert result.exit_code == 0, result.notes
    assert record()["options"]["profiles"] == {"x": "2x3x16x16 … 4x3x16x16 … 8x3x16x16"}
    assert trt.built[-1]["config"].workspace == 64 << 20
    assert trt.built[-1]["threads"] == 3
    assert Path("times").read_bytes() == b"timed;"


@pytest.mark.usefixtures("stand_in")
def test_how_kernels_are_timed_and_what_the_plan_tells_is_chosen_and_recorded(command: Command, net: Path) -> None:
    assert command("build", net, "--timing-runs", "8", "--profiling-verbosity", "layer_names_only").exit_code == 0
    config, options = trt.built[-1]["config"], record()["options"]
    assert (config.avg_timing_iterations, options["timing_runs"]) == (8, 8)
    assert config.profiling_verbosity is trt.ProfilingVerbosity.LAYER_NAMES_ONLY
    assert options["profiling_verbosity"] == "layer_names_only"


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--shapes", "x:4x3x16x16"], "4x3x16x16"),
        (["--max-shapes", "x:4x3x16x16"], "4x3x16x16"),
        (["--min-shapes", "x:1x3x16x16", "--max-shapes", "x:4x3x16x16"], "1x3x16x16 … 4x3x16x16"),
    ],
)
def test_sizes_that_are_left_out_follow(command: Command, net: Path, options: list[str], expected: str) -> None:
    assert command("build", net, *options).exit_code == 0
    assert record()["options"]["profiles"] == {"x": expected}


FOLLOWING = {"a": "8x4", "b": "8x4", "index": "8"}
GROWING = {"a": "1x4 … 2x4 … 8x4", "b": "1x4 … 2x4 … 8x4", "index": "1 … 2 … 8"}


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--shapes", "a:8x4"], FOLLOWING),
        (["--shapes", "a:8x4,index:8"], FOLLOWING),
        (["--min-shapes", "a:1x4", "--opt-shapes", "a:2x4", "--max-shapes", "a:8x4"], GROWING),
        (["--shapes", "a:8x4", "--batch-size", "8"], {"a": "8x4"}),
        (["--shapes", "a:8x4,index:4"], {"a": "8x4", "index": "4"}),
    ],
    ids=["one", "two", "growing", "unless a batch is asked for", "unless they contradict each other"],
)
def test_inputs_without_shapes_follow_the_batch_of_the_others(
    command: Command, options: list[str], expected: dict[str, str]
) -> None:
    onnx.save(two_inputs(), "net.onnx")
    result = command("build", "net.onnx", *options)
    assert result.exit_code == 0, result.notes
    assert record()["options"]["profiles"] == expected


@pytest.mark.usefixtures("stand_in")
def test_an_input_that_is_free_elsewhere_as_well_has_to_be_said(command: Command) -> None:
    proto = two_inputs()
    proto.graph.input[1].type.tensor_type.shape.dim[1].dim_param = "W"
    onnx.save(proto, "net.onnx")
    result = command("build", "net.onnx", "--shapes", "a:8x4")
    assert result.exit_code == 2
    assert "QK1063" in result.notes


@pytest.mark.usefixtures("stand_in")
def test_a_calibration_makes_a_plain_model_an_int8_engine(command: Command, net: Path, calibration: Path) -> None:
    result = command("build", net, "--calib", calibration)
    assert result.exit_code == 0, result.notes
    assert flags() == {"TF32", "INT8", "FP16"}
    assert trt.built[-1]["config"].int8_calibrator.read_calibration_cache().startswith(b"TRT-8503-EntropyCalibration2")
    assert record()["scales"]["rule"] == "max"


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("form", ["calibration", "cache"])
def test_scales_may_be_set_as_dynamic_ranges(command: Command, net: Path, calibration: Path, form: str) -> None:
    given = calibration if form == "calibration" else cache_of(calibration, Path("net.cache"), with_origin=True)
    result = command("build", net, "--calib", given, "--inject", "ranges")
    assert result.exit_code == 0, result.notes
    assert flags() == {"TF32", "INT8", "FP16"}
    assert trt.built[-1]["config"].int8_calibrator is None
    limit = Calibration.load(calibration).ranges["x"].limit
    assert trt.built[-1]["network"].get_input(0).dynamic_range == pytest.approx((-limit, limit), rel=1e-6)
    assert record()["scales"]["given_as"] == "ranges"


@pytest.mark.usefixtures("stand_in")
def test_a_cache_of_another_version_serves_where_its_origin_is_known(
    command: Command, net: Path, calibration: Path
) -> None:
    cache_of(calibration, Path("net.cache"), with_origin=True)
    result = command("build", net, "--calib", "net.cache")
    assert result.exit_code == 0, result.notes
    assert trt.built[-1]["config"].int8_calibrator.read_calibration_cache().startswith(b"TRT-8503-EntropyCalibration2")


@pytest.mark.usefixtures("stand_in")
def test_a_strangers_cache_has_to_be_trusted(command: Command, net: Path, calibration: Path) -> None:
    cache_of(calibration, Path("net.cache"), with_origin=False)
    result = command("build", net, "--calib", "net.cache")
    assert result.exit_code == 3
    assert "QK3267" in result.notes
    assert command("build", net, "--calib", "net.cache", "--trust-cache").exit_code == 0


@pytest.mark.usefixtures("stand_in")
def test_products_that_a_cache_has_no_scale_for_are_named(command: Command, net: Path) -> None:
    Path("few.cache").write_bytes(
        b"TRT-8503-EntropyCalibration2\nx: 3c010a14\nr2: 3c010a14\np: 3c010a14\nf: 3c010a14\n"
    )
    result = command("build", net, "--calib", "few.cache", "--trust-cache")
    assert result.exit_code == 0
    assert "warning: no scale for r1: what computes with them stays in FP16 or FP32" in result.notes


@pytest.mark.usefixtures("stand_in")
def test_a_calibration_of_another_model_is_refused(command: Command, calibration: Path) -> None:
    onnx.save(network(seed=1), "other.onnx")
    result = command("build", "other.onnx", "--calib", calibration)
    assert result.exit_code == 3
    assert "QK3222" in result.notes
    assert not Path("other.plan").exists()


@pytest.mark.usefixtures("stand_in")
def test_a_plain_model_without_scales_is_no_int8_engine(command: Command, net: Path) -> None:
    result = command("build", net, "--precision", "int8")
    assert result.exit_code == 3
    assert "QK3045" in result.notes


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--calib", "c.qcal.json", "--precision", "fp16"], "QK1087", "--calib says nothing to an engine in fp16"),
        (["--rest", "fp32", "--precision", "fp16"], "QK1087", "--rest says nothing to an engine in fp16"),
        (["--inject", "cache"], "QK1087", "--inject says nothing without --calib"),
        (["--trust-cache"], "QK1087", "--trust-cache says nothing without a cache"),
        (["--shapes", "x:1x3x16x16", "--max-shapes", "x:2x3x16x16"], "QK1087", "--shapes is one size"),
        (["--shapes", "y:1x3x16x16"], "QK1042", "the model has no input 'y'"),
        (["--min-shapes", "x:4x3x16x16", "--max-shapes", "x:2x3x16x16"], "QK1061", "must grow"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    command: Command, net: Path, options: list[str], code: str, said: str
) -> None:
    result = command("build", net, *options)
    assert result.exit_code == 2
    assert code in result.notes
    assert said in result.notes


@pytest.mark.usefixtures("stand_in")
def test_a_dla_core_that_is_not_there_is_named(command: Command, net: Path) -> None:
    result = command("build", net, "--dla-core", "0")
    assert result.exit_code == 4
    assert "QK4024" in result.notes


@pytest.mark.usefixtures("stand_in")
def test_an_fp32_engine_for_a_dla_is_refused(command: Command, net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trt, "DLA_CORES", 1)
    result = command("build", net, "--dla-core", "0")
    assert result.exit_code == 2
    assert "QK1066" in result.notes
    assert "hint:  --precision fp16" in result.notes
    assert command("build", net, "--dla-core", "0", "--precision", "fp16").exit_code == 0


@pytest.mark.usefixtures("stand_in")
def test_an_existing_plan_is_replaced_by_force_only(command: Command, net: Path) -> None:
    Path("net.plan").write_bytes(b"mine")
    assert command("build", net).exit_code == 2
    assert Path("net.plan").read_bytes() == b"mine"
    assert command("build", net, "--force").exit_code == 0
    assert plan.sidecar(Path("net.plan")).exists()


@pytest.mark.usefixtures("stand_in")
def test_without_a_gpu_the_exit_code_is_4(command: Command, net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "PRESENT", False)
    result = command("build", net)
    assert result.exit_code == 4
    assert "QK4020" in result.notes
    assert "no NVIDIA GPU can be used here" in result.notes


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(("rest", "expected"), [("fp16", {"TF32", "INT8", "FP16"}), ("fp32", {"TF32", "INT8"})])
def test_the_rest_of_an_int8_engine_is_fp16_unless_told_otherwise(
    command: Command, net: Path, calibration: Path, rest: str, expected: set[str]
) -> None:
    assert command("build", net, "--calib", calibration, "--rest", rest).exit_code == 0
    assert flags() == expected
    assert record()["options"]["rest"] == rest


@pytest.mark.usefixtures("stand_in")
def test_version_11_builds_fp16_of_casts(command: Command, net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(trt, "IInt8Calibrator")
    monkeypatch.setattr(trt, "BuilderFlag", Enum("BuilderFlag", ["TF32", "GPU_FALLBACK"]))
    result = command("build", net, "--precision", "fp16")
    assert result.exit_code == 0, result.notes
    assert has_halves(onnx.load_model_from_string(trt.built[-1]["network"].model))


@pytest.mark.usefixtures("stand_in")
def test_version_11_says_what_to_do_with_a_cache(
    command: Command, net: Path, calibration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(trt, "IInt8Calibrator")
    result = command("build", net, "--calib", cache_of(calibration, Path("net.cache"), with_origin=True))
    assert result.exit_code == 4
    assert "QK4025" in result.notes
    assert "quantkit cache convert" in result.notes


def test_without_the_package_the_command_that_installs_it_is_named(
    command: Command, net: Path, without_tensorrt: None
) -> None:
    result = command("build", net)
    assert result.exit_code == 4
    assert "QK4001" in result.notes
    assert "the packages 'tensorrt' and 'pycuda' are not installed" in result.notes
    assert 'pip install "quantkit-ptq[tensorrt]"' in result.notes

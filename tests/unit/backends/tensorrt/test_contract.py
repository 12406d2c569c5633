"""Every TensorRT name that the package touches exists in the real bindings, on the road that it is used on.

The bindings are a small wheel apart from TensorRT itself, and import against libraries that export the few functions
they ask for. Each version runs in a process of its own. Tests are skipped, saying why, where there is no wheel.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.backends.tensorrt import touched

ROOT = Path(__file__).resolve().parents[4]
CACHE = ROOT / "build" / "tensorrt-bindings"
PROBE = Path(__file__).with_name("contract_probe.py")

IMPLICIT, EXPLICIT = "10.16.1.11", "11.4.0.106"

# TensorRT 8 and 9 can build networks without a batch axis, and say so by this name.
ONLY_BEFORE_10 = {"Builder.max_batch_size"}

LIBRARIES = {
    "libnvinfer": [
        "createInferBuilder_INTERNAL",
        "createInferRefitter_INTERNAL",
        "createInferRuntime_INTERNAL",
        "getBuilderPluginRegistry",
        "getPluginRegistry",
    ],
    "libnvonnxparser": [
        "createNvOnnxParser_INTERNAL",
        "createNvOnnxParserRefitter_INTERNAL",
        "getNvOnnxParserVersion",
    ],
    "libnvinfer_plugin": ["initLibNvInferPlugins"],
}


@pytest.fixture(scope="module")
def implicit() -> dict[str, Any]:
    """What is found in a version with calibrators."""
    return found_in(IMPLICIT)


@pytest.fixture(scope="module")
def explicit() -> dict[str, Any]:
    """What is found in a version without."""
    return found_in(EXPLICIT)


def found_in(version: str) -> dict[str, Any]:
    names = sorted(touched.used("explicit") | touched.used("implicit") | touched.quoted())
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(bindings(version))]),
        "LD_LIBRARY_PATH": str(libraries(version.partition(".")[0])),
    }
    probe = subprocess.run(
        [sys.executable, "-W", "error", str(PROBE)],
        input=json.dumps(names),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert probe.returncode == 0, probe.stderr
    found: dict[str, Any] = json.loads(probe.stdout)
    assert found["version"] == version
    return found


def bindings(version: str) -> Path:
    """The folder that the wheel is unpacked in; fetched once."""
    tag = f"{sys.implementation.name}-{sys.version_info.major}.{sys.version_info.minor}"
    place = CACHE / f"{version}-{tag}"
    if not place.is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        limits = ["--retries", "1", "--timeout", "20", "--only-binary", ":all:"]
        with made(place) as folder:
            wanted = ["--target", str(folder), f"tensorrt-cu13-bindings=={version}"]
            fetched = subprocess.run([*command, *limits, *wanted], capture_output=True, text=True, check=False)
            if fetched.returncode:
                pytest.skip(f"no TensorRT {version} bindings: {fetched.stderr.strip().splitlines()[-1]}")
    return place


def libraries(major: str) -> Path:
    """The folder with libraries that export what the bindings ask for, and do nothing."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or sys.platform != "linux":
        pytest.skip("no C compiler to make stand-ins for TensorRT's libraries with")
    place = CACHE / f"libraries-{major}"
    if not place.is_dir():
        with made(place) as folder:
            for library, functions in LIBRARIES.items():
                source = folder / f"{library}.c"
                source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in functions))
                name = f"{library}.so.{major}"
                target = ["-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", str(folder / name)]
                subprocess.run([compiler, *target, str(source)], check=True)
    return place


@contextmanager
def made(place: Path) -> Iterator[Path]:
    """A folder that appears at `place` only once it is complete."""
    folder = place.with_name(f"{place.name}.{os.getpid()}.tmp")
    folder.mkdir(parents=True)
    try:
        yield folder
        if not place.exists():
            folder.rename(place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_version_with_calibrators_has_every_name(implicit: dict[str, Any]) -> None:
    assert set(implicit["missing"]) == ONLY_BEFORE_10


def test_a_version_without_has_every_name_of_the_explicit_road(explicit: dict[str, Any]) -> None:
    assert not touched.used("explicit") & set(explicit["missing"])


def test_the_names_of_the_implicit_road_are_gone_for_real(explicit: dict[str, Any]) -> None:
    gone = {"BuilderFlag.INT8", "BuilderFlag.FP16", "IInt8Calibrator", "IBuilderConfig.int8_calibrator"}
    assert gone <= set(explicit["missing"])


def test_every_calibrator_can_be_derived_and_answers(implicit: dict[str, Any]) -> None:
    assert implicit["questions"] == ["max", "entropy", "entropy-1", "percentile"]
    assert implicit["refusal"] is None


def test_a_calibrator_is_refused_with_the_way_out_where_there_is_none(explicit: dict[str, Any]) -> None:
    assert explicit["refusal"]["exit"] == 4
    assert "TensorRT 11.4.0.106 has no calibrators" in explicit["refusal"]["text"]
    assert "quantkit calibrate MODEL --data DATA --target tensorrt" in explicit["refusal"]["text"]


def test_a_build_tells_its_phases_and_can_be_stopped(implicit: dict[str, Any], explicit: dict[str, Any]) -> None:
    """For an interrupted callback, and for a calibrator that failed."""
    steps: list[Any] = ["building: Timing", "building: Timing, 1 of 2", True]
    steps += ["building: Timing, 2 of 2", False] * 2
    assert implicit["progress"] == explicit["progress"] == steps


def test_precisions_come_from_flags_or_from_the_model(implicit: dict[str, Any], explicit: dict[str, Any]) -> None:
    assert (implicit["precision_by_flags"], explicit["precision_by_flags"]) == (True, False)


def test_fp16_comes_from_a_flag_or_from_casts(implicit: dict[str, Any], explicit: dict[str, Any]) -> None:
    assert implicit["half_weights"] == {"fp16": False, "fp32": False}
    assert explicit["half_weights"] == {"fp16": True, "fp32": False}


def test_network_flags_are_those_that_mean_something(implicit: dict[str, Any], explicit: dict[str, Any]) -> None:
    # From 10 on every network has a batch axis; in 11 every one is strongly typed.
    assert (implicit["plain_network"], explicit["plain_network"]) == (0, 0)
    assert (implicit["typed_network"], explicit["typed_network"]) == (1 << 1, 0)


def test_the_survey_covers_every_module_that_imports_tensorrt() -> None:
    assert {path.name for path in touched.modules()} == set(touched.OBJECTS)
    assert {"IBuilderConfig.int8_calibrator", "ITensor.dynamic_range"} <= touched.used("implicit")
    assert {"OnnxParser.parse", "IExecutionContext.execute_async_v3", "Runtime"} <= touched.used("explicit")

"""The doctor finds what keeps packages from working together."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from quantkit.cli.work import examination
from quantkit.cli.work.examination import Finding, examined
from tests.unit.backends.tensorrt import fakes
from tests.unit.backends.tensorrt.fakes import trt

NEEDED = {name: "1.0" for name in ("numpy", "scipy", "onnx", "pillow", "safetensors", "rich")}


def found(installed: Mapping[str, str]) -> dict[str, Finding]:
    return {finding.name: finding for finding in examined({**NEEDED, **installed}.get)}


def test_a_sound_installation_has_no_problem() -> None:
    assert [finding for finding in found({"onnxruntime": "1.0"}).values() if finding.status == "problem"] == []


def test_two_builds_of_onnxruntime_are_a_problem_with_a_way_out() -> None:
    finding = found({"onnxruntime": "1.0", "onnxruntime-gpu": "1.0"})["onnxruntime twice"]
    assert finding.status == "problem"
    assert finding.remedies[0] == "pip uninstall -y onnxruntime onnxruntime-gpu"


def test_no_engine_at_all_is_a_problem() -> None:
    finding = found({})["onnxruntime"]
    assert (finding.status, finding.remedies) == ("problem", ('pip install "quantkit-ptq[cpu]"',))


def test_the_unrelated_package_of_the_same_name_is_a_problem() -> None:
    finding = found({"onnxruntime": "1.0", "quantkit": "0.9"})["name clash"]
    assert finding.status == "problem"
    assert "pip uninstall -y quantkit" in finding.remedies[0]


def test_a_package_that_nobody_needs_is_no_problem_and_comes_with_its_command() -> None:
    finding = found({"onnxruntime": "1.0"})["tensorrt"]
    assert (finding.status, finding.remedies) == ("absent", ('pip install "quantkit-ptq[tensorrt]"',))


def test_a_package_that_everybody_needs_is_a_problem() -> None:
    findings = {finding.name: finding for finding in examined({"onnxruntime": "1.0"}.get)}
    assert findings["scipy"].remedies == ("pip install scipy",)


def test_the_processor_s_integer_instructions_are_explained() -> None:
    value = found({"onnxruntime": "1.0"})["int8 instructions"].value
    assert "8-bit products are exact" in value or "7-bit weights" in value


def test_the_python_at_work_is_named() -> None:
    assert platform.python_version() in found({})["python"].value


@pytest.mark.parametrize(
    ("answer", "status", "value"),
    [
        pytest.param("NVIDIA H200, 570.1, 9.0\n", "ok", "NVIDIA H200, 570.1, 9.0", id="a device"),
        pytest.param("", "ok", "none found", id="no device"),
    ],
)
def test_a_gpu_is_asked_for_its_name(monkeypatch: pytest.MonkeyPatch, answer: str, status: str, value: str) -> None:
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: subprocess.CompletedProcess([], 0, answer))
    assert found({})["GPU"] == Finding("GPU", status, value)


def test_a_driver_that_hangs_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*arguments: object, **options: object) -> None:
        raise subprocess.TimeoutExpired("nvidia-smi", 10)

    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(subprocess, "run", hang)
    assert "nvidia-smi does not answer" in found({})["GPU"].value


def test_what_is_not_installed_has_no_version() -> None:
    assert examination.installed_version("surely-no-such-distribution") is None


@pytest.mark.parametrize(
    ("version", "status"), [("1.16.0", "outdated"), ("1.21.0", "ok"), ("1.23.2", "ok"), ("2.0", "ok")]
)
def test_a_release_with_a_known_hole_is_outdated_and_no_problem(version: str, status: str) -> None:
    finding = found({"onnx": version})["onnx"]
    assert finding.status == status
    assert finding.remedies == (('pip install "onnx>=1.21.0"',) if status == "outdated" else ())


@pytest.mark.parametrize(("driver", "status"), [("570.1", "problem"), ("580.65.06", "ok")])
def test_the_driver_has_to_be_new_enough_for_tensorrt(
    monkeypatch: pytest.MonkeyPatch, driver: str, status: str
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/nvidia-smi")
    answer = subprocess.CompletedProcess([], 0, f"NVIDIA H200, {driver}, 9.0\n")
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: answer)
    finding = found({"tensorrt-cu13": "11.4.0"})["driver"]
    assert finding.status == status
    assert driver in finding.value
    assert "tensorrt-cu13 11.4.0" in finding.value


def test_tensorrt_that_loads_says_so_with_its_version_and_its_ways_to_int8() -> None:
    with fakes.installed():
        findings = found({"onnxruntime": "1.0"})
    assert findings["tensorrt"] == Finding("tensorrt", "ok", "8.5.3.1, loads")
    assert findings["pycuda"].value == "there, without a record of its version, loads"
    assert "its own calibrators" in findings["INT8 of TensorRT"].value


def test_a_version_without_calibrators_has_one_way_to_int8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(trt, "IInt8Calibrator")
    with fakes.installed():
        assert found({"tensorrt": "11.1"})["INT8 of TensorRT"].value == "Q/DQ models only"
    assert "INT8 of TensorRT" not in found({})


@pytest.mark.parametrize(("graphics", "status"), [("/usr/bin/nvidia-smi", "problem"), (None, "absent")])
def test_tensorrt_that_does_not_load_is_a_problem_where_there_is_a_gpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, graphics: str | None, status: str
) -> None:
    (tmp_path / "tensorrt.py").write_text("raise OSError('libnvinfer.so.10: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: graphics)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: subprocess.CompletedProcess([], 0, ""))
    finding = found({"tensorrt": "10.3"})["tensorrt"]
    assert finding.status == status
    assert finding.value == "10.3, does not load: libnvinfer.so.10: cannot open shared object file"


def test_a_module_is_looked_up_by_the_name_of_its_distribution() -> None:
    assert found({"scikit-image": "0.25"})["skimage"].status == "ok"

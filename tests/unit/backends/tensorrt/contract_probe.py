"""Runs in a process of its own, where one version of TensorRT's real bindings can be imported; tells what it finds.

Reads names from stdin and writes findings to stdout, both as JSON. There is no GPU and no TensorRT behind the bindings,
so everything that is looked at is a name, or a class that is defined in Python.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
import types
from typing import Any

import onnx

from quantkit.core.artifact import SerializedModel
from quantkit.core.errors import QuantkitError


def main() -> None:
    trt = importlib.import_module("tensorrt_bindings")
    sys.modules["tensorrt"] = trt
    fake_pycuda()
    package = importlib.import_module("quantkit.backends.tensorrt")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    names: list[str] = json.load(sys.stdin)
    json.dump(
        {"version": trt.__version__, "missing": [name for name in names if not has(trt, name)], **roads()}, sys.stdout
    )


def has(found: Any, name: str) -> bool:
    """Whether a dotted name exists; members of an instance are attributes of its class."""
    for part in name.split("."):
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True


def roads() -> dict[str, Any]:
    """What quantkit makes of this version."""
    versions = importlib.import_module("quantkit.backends.tensorrt._versions")
    return {
        "calibrators": versions.has_calibrators(),
        "precision_by_flags": versions.precision_by_flags(),
        "plain_network": versions.network_flags(strongly_typed=False),
        "typed_network": versions.network_flags(strongly_typed=True),
        "refusal": refusal(),
        "half_weights": {rest: half_weights(rest) for rest in ("fp16", "fp32")},
        "questions": answered() if versions.has_calibrators() else [],
        "progress": told(),
    }


def refusal() -> dict[str, Any] | None:
    """How a calibrator is refused, where it is."""
    versions = importlib.import_module("quantkit.backends.tensorrt._versions")
    try:
        versions.require_calibrators("calibrators")
    except QuantkitError as error:
        return {"code": error.code, "exit": int(error.exit_code), "text": str(error)}
    return None


def half_weights(rest: str) -> bool:
    """Whether TensorRT is given float16 weights for what an engine of a float32 model with Q/DQ pairs leaves over."""
    network = importlib.import_module("quantkit.backends.tensorrt.network")
    options = importlib.import_module("quantkit.backends.tensorrt.options").BuildOptions(rest=rest)
    proto = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 13]> g (float[4] x) => (float[4] y)
        <float s = {0.1}, int8 z = {0}, float[4] b = {1, 2, 3, 4}> {
            q = QuantizeLinear (x, s, z) d = DequantizeLinear (q, s, z) y = Add (d, b) }"""
    )
    given = network.typed(SerializedModel(proto.SerializeToString()), proto, options, "int8")
    types = {tensor.name: tensor.data_type for tensor in onnx.load_model_from_string(given.proto).graph.initializer}
    return types["b"] == onnx.TensorProto.FLOAT16


def told() -> list[Any]:
    """What a build's phases come to, up to the step at which it is told to stop."""
    said: list[Any] = []
    kept = importlib.import_module("quantkit.backends.tensorrt._log").Kept
    config, interrupted, failure = types.SimpleNamespace(), kept(), kept()
    progress = importlib.import_module("quantkit.backends.tensorrt._progress")
    with progress.watched(config, "building", said.append, interrupted, failure):
        monitor = config.progress_monitor
        assert isinstance(monitor, sys.modules["tensorrt"].IProgressMonitor)
        monitor.phase_start("Timing", None, 2)
        said.append(monitor.step_complete("Timing", 0))
        for stopping in (interrupted, failure):
            stopping.error = KeyboardInterrupt()
            said.append(monitor.step_complete("Timing", 1))
            stopping.error = None
        monitor.phase_finish("Timing")
    return said


class Script:
    """Answers that a calibrator hands on."""

    cache: bytes | None = b"cache"

    def __init__(self) -> None:
        self.written = b""

    def next_batch(self, names: list[str]) -> list[int] | None:
        return list(range(len(names)))

    def write(self, cache: Any) -> None:
        self.written = bytes(cache)


def answered() -> list[str]:
    """The algorithms whose class can be derived from and answers as it should."""
    calibrators = importlib.import_module("quantkit.backends.tensorrt.calibrators")
    done = []
    for algorithm, base in calibrators.ALGORITHMS.items():
        script = Script()
        made = calibrators.calibrator(algorithm, script, quantile=0.5, regression_cutoff=0.25)
        made.write_calibration_cache(memoryview(b"written"))
        answers = [made.get_batch_size(), made.get_batch(["a", "b"]), made.read_calibration_cache(), script.written]
        if algorithm == "percentile":
            answers += [made.get_quantile(), made.get_regression_cutoff(), made.read_histogram_cache(0)]
        expected = [1, [0, 1], b"cache", b"written", 0.5, 0.25, None][: len(answers)]
        if isinstance(made, getattr(sys.modules["tensorrt"], base)) and answers == expected:
            done.append(algorithm)
    return done


def fake_pycuda() -> None:
    """PyCUDA cannot be imported without a driver; nothing here calls it."""
    driver = types.ModuleType("pycuda.driver")
    driver.Error = type("Error", (Exception,), {})  # type: ignore[attr-defined]
    package = types.ModuleType("pycuda")
    package.driver = driver  # type: ignore[attr-defined]
    sys.modules |= {"pycuda": package, "pycuda.driver": driver}


if __name__ == "__main__":
    main()

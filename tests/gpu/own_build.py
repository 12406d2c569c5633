"""A build script as users have them, in a process of its own: ``python -m tests.gpu.own_build CONTEXT FOLDER TIMES``.

CONTEXT says who makes a CUDA context current: ``autoinit`` (PyCUDA, one of its own), ``primary`` (PyCUDA, the device's
primary one) or ``runtime`` (nobody but TensorRT itself). Writes FOLDER/net.plan and FOLDER/net.cache, and into
FOLDER/told.json how a calibration on all of the data went, and what came of one whose data fails half-way.
"""

from __future__ import annotations

import atexit
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import pycuda.driver as cuda
import tensorrt as trt

import quantkit
from quantkit.backends.tensorrt._versions import network_flags
from quantkit.backends.tensorrt.build import _tactic_sources
from tests.unit.backends.tensorrt.small_models import images, network

SHAPE = (8, 3, 16, 16)


class NoSuchImageError(Exception):
    """Something of the user's own."""


def main(context: str, folder: Path, times: Path) -> None:
    make_current(context)
    model = folder / "net.onnx"
    onnx.save_model(network(), model)
    scales = quantkit.tensorrt_calibrator(model, batches(), "max")
    plan = built(model, scales, times)
    (folder / "net.plan").write_bytes(plan)
    scales.save(folder / "net.cache")
    told = {"facts": scales.facts, "raised": "", "left": ""}
    failing = quantkit.tensorrt_calibrator(model, batches(fails=True), "max")
    try:
        built(model, failing, times)
    except NoSuchImageError as own:
        told |= {"raised": str(own), "left": failing.cache.decode()}
    (folder / "told.json").write_text(json.dumps(told))


def make_current(context: str) -> None:
    """What a script does about CUDA before it builds, if anything."""
    if context == "autoinit":
        importlib.import_module("pycuda.autoinit")
    elif context == "primary":
        cuda.init()
        primary = cuda.Device(0).retain_primary_context()
        primary.push()
        atexit.register(cuda.Context.pop)


def batches(*, fails: bool = False) -> Iterator[dict[str, Any]]:
    """20 images in batches of 5."""
    values = images(20)
    for start in range(0, len(values), 5):
        if fails and start == 10:
            raise NoSuchImageError("no such image")
        yield {"x": values[start : start + 5]}


def built(model: Path, scales: Any, times: Path) -> bytes:
    """The plan, by TensorRT's own interface."""
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    net = builder.create_network(network_flags(strongly_typed=False))
    assert trt.OnnxParser(net, logger).parse(model.read_bytes())
    config = builder.create_builder_config()
    config.set_tactic_sources(_tactic_sources(config, None))
    if times.exists():
        config.set_timing_cache(config.create_timing_cache(times.read_bytes()), False)
    profile = builder.create_optimization_profile()
    profile.set_shape("x", (1, *SHAPE[1:]), SHAPE, SHAPE)
    config.add_optimization_profile(profile)
    with scales.within(builder, net, config, shapes={"x": SHAPE}):
        plan = builder.build_serialized_network(net, config)
    return bytes(plan)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))

"""Every calibrator class of TensorRT, fed and answered; thresholds injected both ways; no failure is silent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import quantkit
from quantkit.backends.tensorrt import _cuda
from quantkit.backends.tensorrt._versions import has_calibrators
from quantkit.backends.tensorrt.calibrators import ALGORITHMS, Calibrated
from quantkit.backends.tensorrt.injection import FromCache, FromRanges
from quantkit.backends.tensorrt.options import Algorithm
from quantkit.core import trt_cache_file
from quantkit.core.errors import ArtifactError, DataError, SetupError
from quantkit.core.ports import Samples
from quantkit.core.trt_cache import Header, TensorrtCache
from quantkit.core.trt_cache_text import parsed
from tests.gpu.references import expected, sqnr
from tests.unit.backends.tensorrt.small_models import Source, images, network, serialized, two_inputs

Make = Callable[..., Any]

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not has_calibrators(), reason="this TensorRT has no calibrators"),
]

# Every float tensor of the small network.
TENSORS = ("x", "c1", "r1", "c2", "r2", "p", "f", "logits")


def scales_of(values: np.ndarray[Any, Any]) -> dict[str, np.float32]:
    """The scale without saturation of each tensor of the small network on these images."""
    proto = network()
    del proto.graph.output[:]
    proto.graph.output.extend(value for value in proto.graph.value_info if value.name in TENSORS)
    proto.graph.output.extend(network().graph.output)
    seen = {**expected(proto, {"x": values}), "x": values}
    return {name: np.float32(np.abs(seen[name]).max() / 127) for name in TENSORS}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_calibrator_makes_an_engine_and_a_cache(backend: Make, algorithm: Algorithm) -> None:
    scales, batch = Calibrated(Source(images(64), 8), algorithm), {"x": images(8)}
    with backend().build(serialized(network()), scales) as engine:
        found = engine.run(batch)["logits"]
    cache = parsed(scales.cache, "cache")
    assert (
        cache.header.algorithm
        == {
            "max": "MinMaxCalibration",
            "entropy": "EntropyCalibration2",
            "entropy-1": "EntropyCalibration",
            "percentile": "LegacyCalibration",
        }[algorithm]
    )
    assert scales.facts["samples"] == 64
    assert sqnr(found, expected(network(), batch)["logits"]) > 10


def test_the_max_calibrator_sees_every_tensor_and_its_largest_value(backend: Make) -> None:
    values, scales = images(64), Calibrated(Source(images(64), 8), "max")
    backend().plan(serialized(network()), scales)
    cache, ours = parsed(scales.cache, "cache").scales, scales_of(values)
    assert set(TENSORS) <= set(cache)
    assert cache["x"] == ours["x"]
    for name in TENSORS:
        # The engine adds in another order than the reference does.
        assert cache[name] == pytest.approx(ours[name], rel=1e-4), name


@pytest.mark.parametrize("algorithm", ["max", "entropy"])
def test_a_cache_goes_round(backend: Make, algorithm: Algorithm) -> None:
    """Written by TensorRT, read and written by us to the byte, and taken by TensorRT without any data."""
    scales, batch = Calibrated(Source(images(64), 8), algorithm), {"x": images(8)}
    with backend().build(serialized(network()), scales) as engine:
        first = engine.run(batch)["logits"].copy()
    ours = parsed(scales.cache, "cache").to_bytes()
    assert ours == scales.cache
    with backend().build(serialized(network()), FromCache(ours, algorithm)) as engine:
        again = engine.run(batch)["logits"].copy()
    # The same scales; kernels may be others, as their times are measured anew.
    assert sqnr(again, first) > 25


def test_a_last_short_batch_is_filled_up_and_counted_once(backend: Make) -> None:
    values = images(20)
    scales = Calibrated(Source(values, 8), "max")
    backend().plan(serialized(network()), scales)
    assert (scales.facts["samples"], scales.facts["batches"], scales.facts["repeated"]) == (20, 3, 4)
    # The largest value is in the last, short batch.
    assert parsed(scales.cache, "cache").scales["x"] == np.float32(np.abs(values).max() / 127)


def test_a_model_of_fixed_size_is_calibrated_with_other_batches(backend: Make) -> None:
    values = images(12)
    scales = Calibrated(Source(values, 5), "max")
    backend().plan(serialized(network(4)), scales)
    assert scales.facts["batches"] == 3
    assert parsed(scales.cache, "cache").scales["x"] == np.float32(np.abs(values).max() / 127)


def test_inputs_are_fed_by_name(backend: Make) -> None:
    class Pairs(Source):
        def __iter__(self) -> Any:
            for samples in super().__iter__():
                count = len(samples)
                ones, fives = np.ones((count, 4), np.float32), np.full((count, 4), 5, np.float32)
                yield Samples({"index": np.arange(count) % 5, "b": fives, "a": ones}, samples.ids)

    scales = Calibrated(Pairs(images(16), 8), "max")
    backend().plan(serialized(two_inputs()), scales)
    cache = parsed(scales.cache, "cache").scales
    assert cache["a"] == np.float32(1 / 127)
    assert cache["b"] == np.float32(5 / 127)


class WorseThanUsualError(Exception):
    """Something of the user's own."""


@pytest.mark.parametrize("error", [WorseThanUsualError("no such image"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
def test_the_users_own_error_comes_back_and_nothing_is_left(backend: Make, error: BaseException) -> None:
    def spoilt(batch: int, samples: Samples) -> Samples:
        if batch == 2:
            raise error
        return samples

    scales = Calibrated(Source(images(64), 8, spoilt=spoilt))
    with pytest.raises(type(error)) as caught:
        backend().plan(serialized(network()), scales)
    assert caught.value is error
    assert scales.cache == b""
    # The GPU is as usable as before.
    with backend().build(serialized(network())) as engine:
        assert engine.run({"x": images(1)})["logits"].shape == (1, 10)


def test_a_source_that_ends_early_is_refused(backend: Make) -> None:
    scales = Calibrated(Source(images(16), 8, promised=64))
    with pytest.raises(DataError, match=r"QK2154.*16 calibration samples came of 64"):
        backend().plan(serialized(network()), scales)
    assert scales.cache == b""


def test_calibration_memory_is_given_back(backend: Make) -> None:
    import pycuda.driver as cuda

    def free() -> int:
        with _cuda.gpu().current():
            return int(cuda.mem_get_info()[0])

    backend().plan(serialized(network()), Calibrated(Source(images(16), 8)))
    before = free()
    for _ in range(2):
        backend().plan(serialized(network()), Calibrated(Source(images(16), 8)))
    assert before - free() < 64 << 20


def test_thresholds_go_in_as_a_cache(backend: Make) -> None:
    batch = {"x": images(8)}
    cache = TensorrtCache(Header.of(backend().environment()["tensorrt"]), scales_of(images(64))).to_bytes()
    with backend().build(serialized(network()), FromCache(cache)) as engine:
        found = engine.run(batch)["logits"]
    assert sqnr(found, expected(network(), batch)["logits"]) > 15


def test_a_cache_that_tensorrt_ignores_is_an_error(backend: Make) -> None:
    cache = TensorrtCache(Header.of(backend().environment()["tensorrt"], "MinMaxCalibration"), scales_of(images(8)))
    with pytest.raises(ArtifactError, match=r"QK3275.*does not take the calibration cache"):
        backend().plan(serialized(network()), FromCache(cache.to_bytes(), "entropy"))


def test_thresholds_go_in_as_ranges(backend: Make) -> None:
    batch = {"x": images(8)}
    scales = {name: float(scale) for name, scale in scales_of(images(64)).items()}
    ranges = FromRanges({**scales, "elsewhere": 1.0})
    built = backend(rest="fp32")
    with built.build(serialized(network(width=16)), ranges) as engine:
        found = engine.run(batch)["logits"]
    assert (ranges.given, ranges.unknown) == (len(TENSORS), ("elsewhere",))
    assert sqnr(found, expected(network(), batch)["logits"]) > 15


def test_wrong_thresholds_show(backend: Make) -> None:
    """Otherwise the tests above would pass without any threshold being used."""
    batch = {"x": images(8)}
    ranges = FromRanges({name: 0.05 / 127 for name in TENSORS})
    with backend(rest="fp32").build(serialized(network(width=64)), ranges) as engine:
        found = engine.run(batch)["logits"]
    assert sqnr(found, expected(network(width=64), batch)["logits"]) < 10


def test_a_version_with_calibrators_does_not_refuse_them(backend: Make) -> None:
    try:
        backend().plan(serialized(network()), Calibrated(Source(images(16), 8)))
    except SetupError as refusal:
        pytest.fail(str(refusal))


@pytest.mark.parametrize("context", ["autoinit", "primary", "runtime"])
def test_a_build_script_of_ones_own_is_calibrated_in_whatever_context_is_current(
    backend: Make, timing_cache: Path, tmp_path: Path, context: str
) -> None:
    """In a process of its own, since a context stays with a process; see `own_build`."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    words = [sys.executable, "-m", "tests.gpu.own_build", context, str(tmp_path), str(timing_cache)]
    done = subprocess.run(
        words, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "told.json").read_text())
    assert (told["raised"], told["left"]) == ("no such image", "")
    assert (told["facts"]["samples"], told["facts"]["batches"], told["facts"]["repeated"]) == (20, 3, 4)
    stored = trt_cache_file.load(tmp_path / "net.cache")
    stored.origin_for(quantkit.load_model(tmp_path / "net.onnx").digest)
    # TensorRT read on the GPU what was given here, to the last bit.
    assert stored.cache.scales["x"] == np.float32(np.abs(images(20)).max() / 127)
    batch = {"x": images(8)}
    with backend().engine((tmp_path / "net.plan").read_bytes()) as engine:
        assert sqnr(engine.run(batch)["logits"], expected(network(), batch)["logits"]) > 10

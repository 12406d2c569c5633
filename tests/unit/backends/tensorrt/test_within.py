"""Calibrators in a build script of one's own: whatever context is current, no failure is silent and nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from quantkit.core.errors import DataError, OutOfMemoryError, SetupError, UsageError
from quantkit.core.ports import Samples
from tests.unit.backends.tensorrt.small_models import Source, images, network, serialized

CACHE = b"TRT-8503-EntropyCalibration2\nx: 3c010a14\n"


class WorseThanUsualError(Exception):
    """Something of the user's own."""


@pytest.fixture
def script(stand_in: SimpleNamespace) -> SimpleNamespace:
    """What a build script has made by itself: builder, network, config, and a context of its own on the second GPU."""
    trt, cuda = stand_in.trt, stand_in.cuda
    logger = trt.ILogger()
    logger.log = lambda severity, message: None
    builder = trt.Builder(logger)
    net = builder.create_network(1)
    assert trt.OnnxParser(net, logger).parse(network().SerializeToString())
    own = cuda.Context(cuda.Device(1), primary=False)
    return SimpleNamespace(builder=builder, network=net, config=builder.create_builder_config(), context=own, cuda=cuda)


@pytest.fixture(params=["PyCUDA's", "the runtime's"])
def current(request: pytest.FixtureRequest, script: SimpleNamespace) -> Iterator[str]:
    """Makes the script's context current, as pycuda.autoinit does, or as PyTorch and TensorRT itself do."""
    place = script.cuda.stack if request.param == "PyCUDA's" else script.cuda.elsewhere
    place.append(script.context)
    yield request.param
    assert place.pop() is script.context
    assert not place


def built(script: SimpleNamespace, scales: Any, then: Exception | None = None, **options: Any) -> bytes | None:
    with scales.within(script.builder, script.network, script.config, **options):
        plan: bytes | None = script.builder.build_serialized_network(script.network, script.config)
        if then is not None:
            raise then
    return plan


def calibrated(source: Any, **options: Any) -> Any:
    from quantkit.backends.tensorrt import Calibrated

    return Calibrated(source, **options)


def raising(error: BaseException) -> Any:
    def spoilt(batch: int, samples: Samples) -> Samples:
        if batch == 1:
            raise error
        return samples

    return spoilt


@pytest.mark.usefixtures("current")
def test_a_build_script_calibrates_and_has_the_cache_afterwards(script: SimpleNamespace) -> None:
    scales = calibrated(Source(images(20), 7))
    assert built(script, scales, shapes={"x": (8, 3, 16, 16)})
    assert scales.cache == CACHE
    assert (scales.facts["samples"], scales.facts["batches"], scales.facts["repeated"]) == (20, 3, 4)
    assert scales.facts["gpu"] == "Imaginary GPU 1"
    assert not script.cuda.allocated
    assert {flag.name for flag in script.config.flags} == {"INT8", "TF32"}
    assert script.config.calibration_profile.shapes == {"x": ((8, 3, 16, 16),) * 3}


def test_memory_is_taken_where_tensorrt_looks_for_it(script: SimpleNamespace, current: str) -> None:
    taken: list[Any] = []

    def seen(batch: int, samples: Samples) -> Samples:
        taken.extend(block.context for block in script.cuda.allocated.values())
        return samples

    built(script, calibrated(Source(images(16), 8, spoilt=seen)), shapes={"x": (8, 3, 16, 16)})
    (context,) = taken
    if current == "PyCUDA's":
        assert context is script.context
    else:
        # PyCUDA cannot name a context that it did not make current, but it can that GPU's primary one.
        assert (context.device, context.primary) == (script.context.device, True)


@pytest.mark.usefixtures("current")
@pytest.mark.parametrize("error", [WorseThanUsualError("no such image"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
def test_the_users_own_error_comes_back_at_the_end_of_the_block(script: SimpleNamespace, error: BaseException) -> None:
    scales = calibrated(Source(images(32), 8, spoilt=raising(error)))
    with pytest.raises(type(error)) as caught:
        built(script, scales)
    assert caught.value is error
    assert (scales.cache, scales.facts, script.cuda.allocated) == (b"", {}, {})


@pytest.mark.usefixtures("current")
def test_the_users_own_error_explains_a_block_that_failed_for_it(script: SimpleNamespace) -> None:
    scales = calibrated(Source(images(32), 8, spoilt=raising(WorseThanUsualError())))
    with pytest.raises(WorseThanUsualError) as caught:
        built(script, scales, then=TypeError("None is no plan"))
    assert isinstance(caught.value.__context__, TypeError)


@pytest.mark.usefixtures("current")
def test_a_block_that_fails_by_itself_keeps_its_error_and_leaves_nothing(script: SimpleNamespace) -> None:
    scales = calibrated(Source(images(32), 8))
    with pytest.raises(WorseThanUsualError):
        built(script, scales, then=WorseThanUsualError())
    assert (scales.cache, scales.facts, script.cuda.allocated) == (b"", {}, {})


@pytest.mark.usefixtures("current")
def test_a_source_that_ends_early_is_refused(script: SimpleNamespace) -> None:
    with pytest.raises(DataError, match=r"QK2154.*16 calibration samples came of 64"):
        built(script, calibrated(Source(images(16), 8, promised=64)))


def test_a_block_without_a_build_is_refused(script: SimpleNamespace) -> None:
    scales = calibrated(Source(images(16), 8))
    with (
        pytest.raises(UsageError, match=r"QK1067.*did not calibrate within the block"),
        scales.within(script.builder, script.network, script.config),
    ):
        pass


def test_after_the_block_the_config_feeds_nothing(script: SimpleNamespace, current: str) -> None:
    del current
    built(script, calibrated(Source(images(16), 8)))
    assert script.config.int8_calibrator.get_batch(["x"]) is None


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"y": (8, 3, 16, 16)}, r"QK1042.*the network has no input 'y'"),
        ({"x": (8, 3, 16, 20)}, r"QK1062.*'x'.*8x3x16x20 does not fit"),
    ],
    ids=["name", "size"],
)
def test_shapes_that_do_not_fit_are_refused_before_the_build(
    script: SimpleNamespace, shapes: Any, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        built(script, calibrated(Source(images(16), 8)), shapes=shapes)


def test_a_version_without_calibrators_says_so_before_the_build(
    monkeypatch: pytest.MonkeyPatch, stand_in: SimpleNamespace, script: SimpleNamespace
) -> None:
    monkeypatch.delattr(stand_in.trt, "IInt8Calibrator")
    with pytest.raises(SetupError, match="QK4025"):
        built(script, calibrated(Source(images(16), 8)))


@pytest.mark.usefixtures("current")
def test_too_little_memory_is_told_as_such(monkeypatch: pytest.MonkeyPatch, script: SimpleNamespace) -> None:
    def refused(size: int) -> None:
        raise script.cuda.MemoryError("cuMemAlloc failed: out of memory")

    monkeypatch.setattr(script.cuda, "mem_alloc", refused)
    with pytest.raises(OutOfMemoryError, match="QK4022"):
        built(script, calibrated(Source(images(16), 8)))


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ([{"x": np.zeros((8, 3, 16, 16))}], {}, r"source is a list(.|\n)*quantkit.tensorrt_calibrator\(model, data\)"),
        (Source(images(8), 8), {"algorithm": "entropy2"}, r"algorithm is 'entropy2'(.|\n)*max, entropy, entropy-1"),
    ],
    ids=["list", "algorithm"],
)
def test_what_no_calibrator_takes_is_refused_at_once(source: Any, options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=rf"QK1096(.|\n)*{message}"):
        calibrated(source, **options)


@pytest.mark.usefixtures("stand_in")
def test_there_is_nothing_to_save_before_a_build(tmp_path: Any) -> None:
    scales = calibrated(Source(images(8), 8))
    with pytest.raises(UsageError, match=r"QK1068.*no calibration cache"):
        scales.save(tmp_path / "net.cache")


def test_a_cache_of_an_unknown_model_has_nothing_beside_it(
    tmp_path: Any, script: SimpleNamespace, current: str
) -> None:
    del current
    scales = calibrated(Source(images(16), 8))
    built(script, scales)
    scales.save(tmp_path / "net.cache")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("net.cache", CACHE)]


@pytest.mark.usefixtures("stand_in")
def test_a_build_that_failed_before_it_calibrated_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not that there were no samples, which nobody asked for."""
    from quantkit.backends.tensorrt import TensorRtBackend
    from quantkit.core.errors import ModelError
    from tests.unit.backends.tensorrt.fakes import trt

    monkeypatch.setattr(trt.Builder, "build_serialized_network", lambda *_: None)
    with pytest.raises(ModelError, match="QK3043"):
        TensorRtBackend().plan(serialized(network()), calibrated(Source(images(16), 8)))

"""No failure of a calibration is silent, and none leaves a cache, an engine or a context behind."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from quantkit.core.errors import ArtifactError, DataError, ModelError, SetupError, UsageError
from quantkit.core.ports import Samples
from tests.unit.backends.tensorrt.small_models import Source, images, network, serialized, two_inputs

pytestmark = pytest.mark.usefixtures("stand_in")


def backend(**options: Any) -> Any:
    from quantkit.backends.tensorrt.backend import TensorRtBackend
    from quantkit.backends.tensorrt.options import BuildOptions

    return TensorRtBackend(options=BuildOptions(**options))


def calibrated(source: Any, algorithm: str = "entropy", **options: Any) -> Any:
    """Builds the small network with a calibrator; returns the calibration."""
    from quantkit.backends.tensorrt.calibrators import Calibrated

    scales = Calibrated(source, algorithm)  # type: ignore[arg-type]
    backend(batch=8, **options).plan(serialized(network()), scales)
    return scales


class WorseThanUsualError(Exception):
    """Something of the user's own."""


def failing_at(number: int, error: BaseException) -> Any:
    def spoilt(batch: int, samples: Samples) -> Samples:
        if batch == number:
            raise error
        return samples

    return spoilt


@pytest.mark.parametrize("algorithm", ["max", "entropy", "entropy-1", "percentile"])
def test_a_cache_is_handed_out_after_success_with_what_it_was_made_of(algorithm: str) -> None:
    scales = calibrated(Source(images(32), 8), algorithm)
    assert scales.cache.endswith(b"\nx: 3c010a14\n")
    assert (scales.facts["samples"], scales.facts["batches"], scales.facts["repeated"]) == (32, 4, 0)
    assert (scales.facts["algorithm"], scales.facts["tensorrt"]) == (algorithm, "8.5.3.1")
    assert scales.facts["preprocessing"] == {"made": "up"}


@pytest.mark.parametrize("error", [WorseThanUsualError("no such image"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
def test_the_users_own_error_comes_back_and_no_cache_is_left(error: BaseException) -> None:
    from quantkit.backends.tensorrt.calibrators import Calibrated

    scales = Calibrated(Source(images(32), 8, spoilt=failing_at(2, error)))
    with pytest.raises(type(error)) as caught:
        backend(batch=8).plan(serialized(network()), scales)
    assert caught.value is error
    assert (scales.cache, scales.facts) == (b"", {})


def test_a_build_that_fails_leaves_nothing_of_an_earlier_one() -> None:
    from quantkit.backends.tensorrt import Calibrated

    scales = Calibrated(Source(images(32), 8))
    backend(batch=8).plan(serialized(network()), scales)
    assert scales.cache
    scales.source = Source(images(16), 8, promised=32)
    with pytest.raises(DataError, match="QK2154"):
        backend(batch=8).plan(serialized(network()), scales)
    assert (scales.cache, scales.facts) == (b"", {})


def test_a_source_that_ends_early_is_refused() -> None:
    with pytest.raises(DataError, match=r"QK2154.*16 calibration samples came of 32 that were promised"):
        calibrated(Source(images(16), 8, promised=32))


def test_a_source_without_samples_is_refused() -> None:
    with pytest.raises(DataError, match=r"QK2101.*0 calibration samples"):
        calibrated(Source(images(8)[:0], 8))


def test_batches_that_do_not_fit_are_refused_with_the_first_samples_name() -> None:
    from quantkit.backends.tensorrt.calibrators import Calibrated

    wide = np.zeros((8, 3, 16, 20), np.float32)
    with pytest.raises(DataError, match=r"QK2152.*8x3x16x20.*8x3x16x16") as failure:
        backend(batch=8).plan(serialized(network()), Calibrated(Source(wide, 8)))
    assert failure.value.where == "0000"


def test_an_input_of_another_name_is_refused() -> None:
    with pytest.raises(DataError, match=r"QK2151.*lacks input 'x'"):
        calibrated(Source(images(8), 8, name="y"))


@pytest.mark.parametrize("error", [None, WorseThanUsualError()], ids=["success", "failure"])
def test_device_memory_lives_through_the_build_and_is_freed_after(stand_in: SimpleNamespace, error: Any) -> None:
    spoilt = {} if error is None else {"spoilt": failing_at(1, error)}
    with contextlib.suppress(WorseThanUsualError):
        calibrated(Source(images(32), 8, **spoilt))
    assert not stand_in.cuda.allocated


def test_a_dynamic_model_is_calibrated_at_its_usual_shape(stand_in: SimpleNamespace) -> None:
    calibrated(Source(images(16), 8))
    config = stand_in.trt.built[-1]["config"]
    assert config.calibration_profile.shapes == {"x": ((8, 3, 16, 16),) * 3}
    assert config.profiles[0].shapes == {"x": ((1, 3, 16, 16), (8, 3, 16, 16), (8, 3, 16, 16))}


def test_a_version_without_calibrators_says_what_to_do_instead(
    monkeypatch: pytest.MonkeyPatch, stand_in: SimpleNamespace
) -> None:
    monkeypatch.delattr(stand_in.trt, "IInt8Calibrator")
    with pytest.raises(SetupError, match=r"QK4025(.|\n)*quantkit calibrate MODEL") as refusal:
        calibrated(Source(images(16), 8))
    assert refusal.value.exit_code == 4


def test_thresholds_go_in_as_a_cache_without_any_data(stand_in: SimpleNamespace) -> None:
    from quantkit.backends.tensorrt.injection import FromCache

    backend().plan(serialized(network()), FromCache(b"TRT-8503-EntropyCalibration2\nx: 3c010a14\n"))
    assert stand_in.trt.BuilderFlag.INT8 in stand_in.trt.built[-1]["config"].flags


def test_a_cache_that_tensorrt_ignores_is_an_error() -> None:
    from quantkit.backends.tensorrt.injection import FromCache

    with pytest.raises(ArtifactError, match=r"QK3275(.|\n)*'TRT-100300-EntropyCalibration2'.*'entropy'"):
        backend().plan(serialized(network()), FromCache(b"TRT-100300-EntropyCalibration2\nx: 3c010a14\n"))


def test_thresholds_go_in_as_ranges_and_are_accounted_for(stand_in: SimpleNamespace) -> None:
    from quantkit.backends.tensorrt.injection import FromRanges

    ranges = FromRanges({"x": 0.5, "r1": 0.25, "elsewhere": 1.0})
    backend().plan(serialized(network()), ranges)
    tensors = {tensor.name: tensor for tensor in stand_in.trt.built[-1]["network"].inputs}
    assert tensors["x"].dynamic_range == (-63.5, 63.5)
    assert (ranges.given, ranges.unknown) == (2, ("elsewhere",))
    assert {"c1", "logits"} <= set(ranges.without)
    assert "r1" not in ranges.without


def test_an_int8_engine_without_scales_is_refused() -> None:
    with pytest.raises(ModelError, match=r"QK3045.*no int8 scales"):
        backend(precision="int8").plan(serialized(network()))


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_scales_that_would_be_ignored_are_refused(precision: str) -> None:
    with pytest.raises(UsageError, match=rf"QK1065.*an {precision} engine would ignore the scales"):
        calibrated(Source(images(16), 8), precision=precision)


def test_a_model_with_scales_of_its_own_takes_no_others() -> None:
    from quantkit.backends.tensorrt.injection import FromRanges

    proto = network()
    proto.graph.node[1].op_type = "QuantizeLinear"
    with pytest.raises(UsageError, match=r"QK1065.*the model has Q/DQ nodes"):
        backend().plan(serialized(proto), FromRanges({}))
    with pytest.raises(UsageError, match=r"QK1065.*an fp16 engine would ignore the Q/DQ nodes"):
        backend(precision="fp16").plan(serialized(proto))


@pytest.mark.parametrize(
    ("precision", "rest", "flags"),
    [
        ("fp32", "fp16", set()),
        ("auto", "fp16", set()),
        ("fp16", "fp16", {"FP16", "TF32"}),
    ],
)
def test_a_plain_model_is_built_in_the_precision_asked_for(
    stand_in: SimpleNamespace, precision: str, rest: str, flags: set[str]
) -> None:
    backend(precision=precision, rest=rest).plan(serialized(network()))
    assert {flag.name for flag in stand_in.trt.built[-1]["config"].flags} == flags


@pytest.mark.parametrize(("rest", "flags"), [("fp16", {"INT8", "FP16", "TF32"}), ("fp32", {"INT8", "TF32"})])
def test_what_int8_does_not_cover_may_be_fp16_or_not(stand_in: SimpleNamespace, rest: str, flags: set[str]) -> None:
    calibrated(Source(images(16), 8), rest=rest)
    assert {flag.name for flag in stand_in.trt.built[-1]["config"].flags} == flags


def test_inputs_are_matched_by_name_and_integers_are_narrowed() -> None:
    from quantkit.backends.tensorrt.calibrators import Calibrated

    class Pairs(Source):
        def __iter__(self) -> Any:
            for samples in super().__iter__():
                count = len(samples)
                ones, zeros = np.ones((count, 4), np.float32), np.zeros((count, 4), np.float32)
                yield Samples({"index": np.arange(count), "b": ones, "a": zeros}, samples.ids)

    scales = Calibrated(Pairs(images(8), 4))
    backend(batch=4).plan(serialized(two_inputs()), scales)
    assert scales.facts["batches"] == 2


def test_a_dla_that_is_not_there_is_refused() -> None:
    with pytest.raises(SetupError, match=r"QK4024.*no DLA core 0 here: the device has 0"):
        backend(dla_core=0).plan(serialized(network()))


def test_a_dla_takes_what_it_can_and_the_gpu_the_rest(
    monkeypatch: pytest.MonkeyPatch, stand_in: SimpleNamespace
) -> None:
    monkeypatch.setattr(stand_in.trt, "DLA_CORES", 2)
    backend(dla_core=1, precision="fp16").plan(serialized(network()))
    config = stand_in.trt.built[-1]["config"]
    assert (config.DLA_core, config.default_device_type) == (1, stand_in.trt.DeviceType.DLA)
    assert stand_in.trt.BuilderFlag.GPU_FALLBACK in config.flags


def test_strong_typing_is_refused_where_it_is_not_known() -> None:
    with pytest.raises(SetupError, match="QK4028"):
        backend(strongly_typed=True).plan(serialized(network()))


def test_an_unknown_tactic_source_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"QK1064.*'CUBLASS'(.|\n)*did you mean 'CUBLAS'"):
        backend(tactic_sources=("CUBLASS",)).plan(serialized(network()))

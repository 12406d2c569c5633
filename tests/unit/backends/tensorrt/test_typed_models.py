"""Where no flag allows FP16, it is put into the model; where one does, the model stays as it is."""

from __future__ import annotations

import enum
from types import SimpleNamespace
from typing import Any

import onnx
import pytest
from onnx import ModelProto, TensorProto

from quantkit.core.errors import ModelError
from quantkit.graph.halves import has_halves, with_halves
from tests.onnx_models import results
from tests.quantization import quantized, ready, sqnr_db
from tests.unit.backends.tensorrt.small_models import images, network, serialized


class FlagsOf11(enum.IntEnum):
    """What version 11 has left of those that the stand-in knows."""

    TF32, GPU_FALLBACK = 2, 3


@pytest.fixture
def version_11(stand_in: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.delattr(stand_in.trt, "IInt8Calibrator")
    monkeypatch.setattr(stand_in.trt, "BuilderFlag", FlagsOf11)
    return stand_in


def pairs() -> ModelProto:
    return quantized(ready(network()), [{"x": images(8)}], target="tensorrt")


def built(proto: ModelProto, stand_in: SimpleNamespace, **options: Any) -> ModelProto:
    """The model that TensorRT is given for `proto`."""
    from quantkit.backends.tensorrt.backend import TensorRtBackend
    from quantkit.backends.tensorrt.options import BuildOptions

    TensorRtBackend(options=BuildOptions(**options)).plan(serialized(proto))
    return onnx.load_model_from_string(stand_in.trt.built[-1]["network"].model)


def test_an_fp16_engine_of_version_11_has_its_types_from_casts(version_11: SimpleNamespace) -> None:
    given = built(network(), version_11, precision="fp16")
    assert {tensor.data_type for tensor in given.graph.initializer} == {TensorProto.FLOAT16}
    assert [value.type.tensor_type.elem_type for value in (*given.graph.input, *given.graph.output)] == [1, 1]
    batch = {"x": images(8)}
    # Every tensor is rounded to 11 bits, 66 dB and more below it.
    assert sqnr_db(results(network(), batch), results(given, batch)) > 55


def test_such_an_engine_runs_like_any_other(version_11: SimpleNamespace) -> None:
    from quantkit.backends.tensorrt.backend import TensorRtBackend
    from quantkit.backends.tensorrt.options import BuildOptions

    batch = {"x": images(5)}
    with TensorRtBackend(options=BuildOptions(precision="fp16")).build(serialized(network())) as engine:
        assert sqnr_db(results(network(), batch), engine.run(batch)) > 55


def test_what_an_int8_engine_of_version_11_leaves_over_is_fp16(version_11: SimpleNamespace) -> None:
    given = built(pairs(), version_11)
    assert has_halves(given)
    assert not has_halves(built(pairs(), version_11, rest="fp32"))


def test_an_fp32_engine_and_a_model_with_types_of_its_own_stay_as_they_are(version_11: SimpleNamespace) -> None:
    assert built(network(), version_11, precision="fp32") == network()
    own = with_halves(network()).proto
    assert built(own, version_11, precision="fp16") == own


def test_where_flags_allow_it_the_model_stays_as_it_is(stand_in: SimpleNamespace) -> None:
    assert built(network(), stand_in, precision="fp16") == network()
    assert built(pairs(), stand_in) == pairs()


def test_a_model_with_float16_in_it_is_allowed_to_use_it(stand_in: SimpleNamespace) -> None:
    built(with_halves(network()).proto, stand_in)
    assert stand_in.trt.BuilderFlag.FP16 in stand_in.trt.built[-1]["config"].flags


def test_a_plain_model_without_scales_is_not_called_int8(version_11: SimpleNamespace) -> None:
    with pytest.raises(ModelError, match=r"QK3045.*without Q/DQ nodes has no int8 scales"):
        built(network(), version_11, precision="int8")


def test_what_is_no_model_is_said_to_be_none(stand_in: SimpleNamespace) -> None:
    from quantkit.backends.tensorrt.backend import TensorRtBackend
    from quantkit.core.artifact import SerializedModel

    with pytest.raises(ModelError, match="QK3009"):
        TensorRtBackend().plan(SerializedModel(b"\x08\x08 no model"))

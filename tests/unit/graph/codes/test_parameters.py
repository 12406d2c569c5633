"""Ranges become scales that fit the codes, the clamps and the neighbours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quantkit.core.calibration import TensorCalibration
from quantkit.core.errors import ArtifactError
from quantkit.core.qparams import SMALLEST_SCALE, QParams
from quantkit.core.ranges import Range
from quantkit.core.scheme import INT7, INT8, UINT8, Scheme
from quantkit.graph.codes.parameters import (
    activation_parameters,
    activation_ranges,
    weight_scheme,
    within_reach,
)
from quantkit.graph.placement import ActivationPair, Followed, Placement
from tests.onnx_models import random, written
from tests.quantization import ready, with_ranges

MODEL = ready(written("g (float[N, 4] x) => (float[N, 4] y) { y = MatMul (x, w) }", w=random(4, 4)))


def placement(*tensors: str, scheme: Scheme = UINT8, **more: object) -> Placement:
    pairs = tuple(ActivationPair(name, scheme, ()) for name in tensors)
    return replace(Placement("ort-cpu", pairs, ()), **more)  # type: ignore[arg-type]


def parameters(placed: Placement, ranges: dict[str, tuple[float, float]]) -> dict[str, QParams]:
    return activation_parameters(placed, activation_ranges(placed, with_ranges(MODEL, ranges)))


def test_tensors_that_share_get_the_union_of_their_ranges() -> None:
    found = parameters(placement("a", "b", shared=(("a", "b"),)), {"a": (0.0, 1.0), "b": (-3.0, 2.0)})
    assert found["a"].scale == found["b"].scale == np.float32(5 / 255)
    assert found["a"].zero_point == found["b"].zero_point == 153


def test_a_tensor_that_follows_another_has_its_codes_and_a_multiple_of_its_scale() -> None:
    placed = placement("a", "b", "c", follows={"b": Followed("a"), "c": Followed("a", 0.5)})
    found = parameters(placed, {"a": (-1.0, 3.0)})
    assert [float(found[name].scale) for name in "abc"] == pytest.approx([4 / 255, 4 / 255, 2 / 255])
    assert len({int(found[name].zero_point) for name in "abc"}) == 1


def test_a_symmetric_range_gives_back_the_codes_that_nothing_observed_needs() -> None:
    calibration = with_ranges(MODEL, {"relu": (0.0, 2.55)}, symmetric=True)
    entry = TensorCalibration(Range.symmetric(2.55), Range(0.0, 7.0), "entropy")
    calibration = replace(calibration, tensors={"relu": entry})
    found = activation_parameters(placement("relu"), activation_ranges(placement("relu"), calibration))
    assert int(found["relu"].zero_point) == 0
    assert float(found["relu"].scale) == pytest.approx(0.01)


def test_an_affine_range_serves_symmetric_codes_by_its_larger_end() -> None:
    found = parameters(placement("a", scheme=INT8), {"a": (-1.0, 2.54)})
    assert int(found["a"].zero_point) == 0
    assert float(found["a"].scale) == pytest.approx(0.02)


def test_a_tensor_without_a_range_is_refused_by_name() -> None:
    with pytest.raises(ArtifactError, match="no range for tensor 'middle'") as refusal:
        parameters(placement("x", "middle"), {"x": (0.0, 1.0), "mddle": (0.0, 1.0)})
    assert refusal.value.code == "QK3223"
    assert "did you mean 'mddle'?" in refusal.value.hints


@given(st.floats(-10, 0), st.floats(0, 10))
@example(-8.660932811257087e-18, 0.0)
def test_no_code_lies_beyond_what_the_clamp_lets_through(low: float, high: float) -> None:
    found = within_reach(QParams.of(Range(low, high), UINT8), low, high)
    # The smallest scale that there is may reach beyond a clamp that is narrower still.
    if high - low >= 255 * SMALLEST_SCALE:
        ends = found.dequantize(np.array([0, 255]))
        assert ends[0] >= np.float32(low) or found.zero_point == 0
        assert ends[1] <= np.float32(high) or found.zero_point == 255


def test_seven_bits_are_for_weights_only_when_asked() -> None:
    assert weight_scheme(INT8.per_channel(1), reduce_range=True) == INT7.per_channel(1)
    assert weight_scheme(INT8.per_channel(1), reduce_range=False) == INT8.per_channel(1)

"""A Clip before codes is the same function in a form that bears the Q before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core.qparams import QParams
from quantkit.core.ranges import Range
from quantkit.core.scheme import INT8
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.placement import place
from quantkit.graph.qdq import with_qdq
from quantkit.graph.rewrites.clamps import is_implied
from tests.onnx_models import operators, random, results, written
from tests.quantization import as_written, calibrated, quantized, ready, sqnr_db, with_ranges

C = 4
CONSTANTS = {
    "w": random(C, C, 1, 1, seed=1),
    "b": random(C, seed=2),
    "zero": np.float32(0),
    "half": np.float32(0.5),
    "six": np.float32(6),
    "below": np.float32(-1),
}
BATCH = {"x": 4 * random(3, C, 6, 6, seed=3)}
FLOATING = Exclusion(nodes=("first",))


def network(between: str, given: str = "") -> onnx.ModelProto:
    """A convolution that stays in floats, and one in integers."""
    return written(
        f"""g (float[N, {C}, 6, 6] x{given}) => (float[N, M, H, W] y) {{
            [first] c = Conv (x, w, b) {between} y = Conv (r, w, b) }}""",
        **CONSTANTS,
    )


def middle(proto: onnx.ModelProto) -> list[str]:
    """The operators between the two convolutions."""
    found = [name for name in operators(proto.graph) if name != "DequantizeLinear"]
    return found[found.index("Conv") + 1 : found.index("QuantizeLinear")]


@pytest.mark.parametrize(
    ("between", "form"),
    [
        pytest.param("r = Clip (c, zero, six)", ["Relu"], id="ReLU6"),
        pytest.param("r = Clip (c, zero)", ["Relu"], id="no upper bound"),
        pytest.param("k = Clip (c, zero, six) r = MaxPool <kernel_shape = [2, 2]> (k)", ["Relu", "MaxPool"], id="pool"),
        pytest.param(
            "k = Clip (c, zero, six) l = Clip (x, zero, six) r = Concat <axis = 2> (k, l)",
            ["Relu", "Relu", "Concat"],
            id="Concat",
        ),
        pytest.param("s = Add (c, x) r = Clip (s, zero, six)", ["Add", "Relu"], id="sum"),
        pytest.param("r = Clip (c, below, six)", ["Min", "Max"], id="both sides"),
        pytest.param("r = Clip (c, half, six)", ["Min", "Max"], id="above zero"),
        pytest.param("r = Clip (c, below)", ["Max"], id="no upper bound, below zero"),
        pytest.param("r = Clip (c)", ["Clip"], id="no bounds"),
        pytest.param("k = Clip (c, zero, six) r = Add (k, k)", ["Clip", "Add"], id="read by a sum"),
        pytest.param(
            "k = Clip (c, zero, six) r = AveragePool <kernel_shape = [2, 2]> (k)", ["Clip", "AveragePool"], id="mean"
        ),
    ],
)
def test_its_form_follows_from_what_reads_it(between: str, form: list[str]) -> None:
    model = ready(network(between))
    proto = quantized(model, [BATCH], target="tensorrt", exclude=FLOATING)
    assert middle(proto) == form
    # Two convolutions round to 8 bits, each some 40 dB below a signal that fills them.
    assert sqnr_db(results(model, BATCH), as_written(proto, BATCH)) > 30


@pytest.mark.parametrize("high", [5.0, 6.0, 6.01, 9.0])
def test_a_scale_of_any_size_leaves_the_function_as_it_is(high: float) -> None:
    """Scales that come from elsewhere, such as an old cache, or are shared, may reach beyond the Clip."""
    model = ready(network("r = Clip (c, zero, six)"))
    placement = place(model, "tensorrt", FLOATING)
    proto = with_qdq(model, placement, with_ranges(model, {"r": (0.0, high)}))
    plain = with_qdq(model, replace(placement, forms={}), with_ranges(model, {"r": (0.0, high)}))
    assert middle(plain) == ["Clip"]
    assert middle(proto) == (["Relu"] if high < 6.02 else ["Min", "Max"])
    np.testing.assert_array_equal(as_written(proto, BATCH)["y"], as_written(plain, BATCH)["y"])


def test_bounds_that_are_computed_stay_bounds() -> None:
    model = ready(network("r = Clip (c, zero, limit)", ", float limit"))
    batch = {**BATCH, "limit": np.array(2, np.float32)}
    placement = place(model, "tensorrt", FLOATING)
    proto = with_qdq(model, placement, calibrated(model, placement, [batch]))
    assert middle(proto) == ["Min", "Max"]
    assert sqnr_db(results(model, batch), as_written(proto, batch)) > 30


def test_behind_integers_it_has_the_same_form() -> None:
    proto = quantized(ready(network("r = Clip (c, zero, six)")), [BATCH], target="tensorrt")
    assert operators(proto.graph).count("Relu") == 1
    assert "Clip" not in operators(proto.graph)


@given(high=st.floats(2**-10, 2**10, width=32), part=st.floats(0.1, 1.0), value=st.floats(-(2**12), 2**12, width=32))
def test_what_is_implied_changes_no_code(high: float, part: float, value: float) -> None:
    how = QParams.of(Range(0.0, high * part), INT8)
    assert is_implied(high, float(how.scale))
    clamped, free = (np.array([bound], np.float32) for bound in (min(max(value, 0.0), high), max(value, 0.0)))
    np.testing.assert_array_equal(how.quantize(clamped), how.quantize(free))

"""An upgraded model computes what it computed."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from onnx import ModelProto

from quantkit.core.arrays import Array
from quantkit.core.errors import ModelError
from quantkit.graph.editing.draft import Draft
from quantkit.graph.passes.opset import opset_of, opset_raised, opset_upgraded
from tests.onnx_models import assert_same, random, results, written

IMAGE = "g (float[1, 2, 4, 6] x) => (float[?, ?, ?, ?] y)"
SIZES = {"s": np.array([1, 1, 1.5, 2.5], np.float32), "tiny": np.array([1, 1, 0.5, 0.6], np.float32)}
OLD: dict[str, tuple[int, str, dict[str, Array]]] = {
    "upsample 7, linear": (7, "y = Upsample <mode = \"linear\", scales = [1.0, 1.0, 1.5, 2.5]> (x)", {}),
    "upsample 8, nearest": (8, "y = Upsample <mode = \"nearest\", scales = [1.0, 1.0, 1.5, 2.5]> (x)", {}),
    "upsample 9, linear": (9, "y = Upsample <mode = \"linear\"> (x, s)", SIZES),
    "upsample 9, nearest": (9, "y = Upsample <mode = \"nearest\"> (x, s)", SIZES),
    "resize 10, linear": (10, "y = Resize <mode = \"linear\"> (x, s)", SIZES),
    "resize 10, smaller": (10, "y = Resize <mode = \"nearest\"> (x, tiny)", SIZES),
    "softmax over all later axes": (11, "y = Softmax <axis = 1> (x)", {}),
    "squeeze, unsqueeze": (11, "a = Unsqueeze <axes = [0]> (x) y = Squeeze <axes = [0]> (a)", {}),
    "sum of squares": (11, "y = ReduceSum <axes = [2], keepdims = 1> (x)", {}),
    "clip": (6, "y = Clip <min = -0.5, max = 0.5> (x)", {}),
    "pad": (10, "y = Pad <pads = [0, 0, 1, 1, 0, 0, 1, 2], mode = \"reflect\"> (x)", {}),
    "normalization": (
        8,
        "y = BatchNormalization(x, one, one, one, one)",
        {"one": np.ones(2, np.float32)},
    ),
    "branches": (
        11,
        """m = ReduceMean <axes = [0, 1, 2, 3], keepdims = 0> (x) c = Cast <to = 9> (m)
           y = If (c) <then_branch = t () => (float[?, ?, ?, ?] a) {
                           p = Unsqueeze <axes = [0]> (x) a = Squeeze <axes = [0]> (p) },
                       else_branch = e () => (float[?, ?, ?, ?] b) { b = Neg(x) }>""",
        {},
    ),
}  # fmt: skip


def upgraded(proto: ModelProto) -> ModelProto:
    draft = Draft.of(proto)
    opset_upgraded(draft, allowed=True)
    return draft.whole()


@pytest.mark.parametrize(("opset", "body", "weights"), OLD.values(), ids=OLD)
def test_results_stay_the_same(opset: int, body: str, weights: dict[str, Array]) -> None:
    proto = written(f"{IMAGE} {{ {body} }}", opset, **weights)
    proto.ir_version = 4
    result = upgraded(proto)
    assert opset_of(result) == 13
    # Softmax is computed over other axes in another order; the others are exact.
    assert_same(results(result, {"x": random(1, 2, 4, 6)}), results(proto, {"x": random(1, 2, 4, 6)}), 2.0**-20)


def test_large_weights_pass_by_untouched() -> None:
    proto = written("g (float[N, 60] x) => (float[N, 60] y) { y = Gemm(x, w, b) }", 11, w=random(60, 60), b=random(60))
    result = upgraded(proto)
    assert sorted(tensor.name for tensor in result.graph.initializer) == ["b", "w"]
    assert [value.name for value in result.graph.input] == ["x"]
    assert_same(results(result, {"x": random(2, 60)}), results(proto, {"x": random(2, 60)}))


def test_an_old_model_is_refused_unless_asked_for() -> None:
    draft = Draft.of(written("g (float[N] x) => (float[N] y) { y = Relu(x) }", 12))
    with pytest.raises(ModelError, match="the model uses operator set 12; one scale per channel needs 13") as refusal:
        opset_upgraded(draft, allowed=False)
    assert refusal.value.hints[0].startswith("--upgrade-opset")


@pytest.mark.parametrize("opset", [13, 17])
def test_a_new_model_stays(opset: int) -> None:
    proto = written("g (float[N] x) => (float[N] y) { y = Relu(x) }", opset)
    draft = Draft.of(proto)
    opset_upgraded(draft, allowed=False)
    assert draft.whole() == proto


def test_an_upgrade_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        upgraded(written("g (float[N] x) => (float[N] y) { y = Relu(x) }", 11))
    assert caplog.messages == ["operator set 11 upgraded to 13"]


REFUSED = {
    "spatial normalization": (7, "y = BatchNormalization <spatial = 0> (x, k, k, k, k)", "spatial"),
    "hardmax": (11, "y = Hardmax(x)", "Hardmax means something else"),
    "resize by a computed scale": (10, "f = Neg(k) y = Resize(x, f)", "scales that are not fixed"),
    "resize in both directions": (10, "y = Resize(x, k)", "shrink one axis and stretch another"),
}  # fmt: skip


@pytest.mark.parametrize(("opset", "body", "cause"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_converted_is_an_error_and_no_crash(opset: int, body: str, cause: str) -> None:
    proto = written(f"{IMAGE} {{ {body} }}", opset, k=np.array([1, 1, 2, 0.5], np.float32))
    with pytest.raises(ModelError, match="cannot be upgraded to") as refusal:
        upgraded(proto)
    assert cause in str(refusal.value.cause)


def test_a_model_may_be_raised_further_than_it_has_to() -> None:
    graph = f"{IMAGE} {{ h = Hardmax (x) s = ReduceMean <axes = [2], keepdims = 1> (x) y = Add (h, s) }}"
    draft = Draft.of(written(graph, 13))
    opset_raised(draft, 19)
    assert opset_of(draft.proto) == 19
    # Operator set 19 came with version 9 of the format.
    assert draft.proto.ir_version >= 9
    batch = {"x": random(1, 2, 4, 6)}
    assert_same(results(draft.whole(), batch), results(written(graph, 13), batch))
    before = draft.whole()
    opset_raised(draft, 17)
    assert draft.whole() == before

"""A folded BatchNormalization computes what it computed beside the product."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper

from quantkit.core.arrays import Array
from quantkit.graph.editing.draft import Draft
from quantkit.graph.model import load
from quantkit.graph.passes.batchnorm import batchnorm_folded
from tests.onnx_models import assert_same, node, operators, random, results, saved, written

IMAGE = "g (float[N, 4, 5, 5] x) => (float[?, ?, ?, ?] y)"
ROW = "g (float[N, 4] x) => (float[?, ?] y)"
# Weights are rounded once more, and every output is a sum of at most 37 products in another order.
ROUNDING = 64 * 2.0**-24

Weights = dict[str, Array]


def statistics(channels: int) -> Weights:
    """Scale (also negative), shift, mean and variance."""
    rng = np.random.default_rng(5)
    variance = rng.uniform(0.2, 3.0, channels).astype(np.float32)
    return {"s": random(channels, seed=1), "o": random(channels, seed=2), "m": random(channels, seed=3), "v": variance}


def folded(proto: ModelProto) -> ModelProto:
    draft = Draft.of(proto)
    batchnorm_folded(draft)
    return draft.whole()


def conv(groups: int, **more: Array) -> Weights:
    return {"w": random(6, 4 // groups, 3, 3), **statistics(6), **more}


def transposed(groups: int, **more: Array) -> Weights:
    return {"w": random(4, 6 // groups, 3, 3), **statistics(6), **more}


B6, NORMALIZED = random(6, seed=9), "y = BatchNormalization(p, s, o, m, v)"
FOLDED: dict[str, tuple[str, str, Weights]] = {
    "conv": (IMAGE, "p = Conv(x, w)", conv(1)),
    "conv with bias": (IMAGE, "p = Conv(x, w, b)", conv(1, b=B6)),
    "conv with an empty bias": (IMAGE, 'p = Conv(x, w, "")', conv(1)),
    "grouped conv": (IMAGE, "p = Conv <group = 2> (x, w, b)", conv(2, b=B6)),
    "transposed conv": (IMAGE, "p = ConvTranspose(x, w, b)", transposed(1, b=B6)),
    "grouped transposed conv": (IMAGE, "p = ConvTranspose <group = 2> (x, w)", transposed(2)),
    "gemm": (ROW, "p = Gemm(x, w)", {"w": random(4, 6), **statistics(6)}),
    "gemm with strengths": (
        ROW,
        "p = Gemm <alpha = 0.5, beta = 3.0> (x, w, b)",
        {"w": random(4, 6), "b": B6, **statistics(6)},
    ),
    "gemm with both transposed": (
        "g (float[4, N] x) => (float[?, ?] y)",
        "p = Gemm <transA = 1, transB = 1> (x, w, b)",
        {"w": random(6, 4), "b": B6.reshape(1, 6), **statistics(6)},
    ),
    "gemm with a scalar bias": (
        ROW,
        "p = Gemm <beta = 2.0> (x, w, b)",
        {"w": random(4, 6), "b": np.float32(0.7), **statistics(6)},
    ),
}  # fmt: skip


def feed(head: str) -> Weights:
    return {"x": random(3, 4, 5, 5) if head == IMAGE else random(4, 3) if "4, N" in head else random(3, 4)}


@pytest.mark.parametrize(("head", "product", "weights"), FOLDED.values(), ids=FOLDED)
def test_a_normalization_behind_a_product_is_folded(head: str, product: str, weights: Weights) -> None:
    proto = written(f"{head} {{ {product} {NORMALIZED.replace('(p', ' <epsilon = 0.01> (p')} }}", **weights)
    result = folded(proto)
    assert len(result.graph.node) == 1
    assert_same(results(result, feed(head)), results(proto, feed(head)), ROUNDING)


KEPT: dict[str, tuple[str, Weights]] = {
    "another reader": ("p = Conv(x, w) n = BatchNormalization(p, s, o, m, v) y = Add(p, n)", conv(1)),
    "no product": ("p = Relu(x) " + NORMALIZED, statistics(4)),
    "weights from an input": ("c = Relu(k) p = Conv(x, c) " + NORMALIZED, {"k": random(6, 4, 3, 3), **statistics(6)}),
    "computed bias": ("c = Relu(b) p = Conv(x, w, c) " + NORMALIZED, conv(1, b=B6)),
    "computed scale": (f"t = Relu(s) p = Conv(x, w) {NORMALIZED.replace('s,', 't,')}", conv(1)),
    "training": (
        "p = Conv(x, w) y, mm, vv = BatchNormalization <training_mode = 1> (p, s, o, m, v)",
        conv(1),
    ),
    "negative variance": ("p = Conv(x, w) " + NORMALIZED, conv(1) | {"v": np.full(6, -1, np.float32)}),
    "fewer means than scales": ("p = Conv(x, w) " + NORMALIZED, conv(1) | {"m": random(5)}),
    "other channels": ("p = Conv(x, w) " + NORMALIZED, conv(1) | statistics(5)),
    "overflow": ("p = Conv(x, w) " + NORMALIZED, conv(1) | {"s": np.full(6, 3e38, np.float32)}),
}  # fmt: skip


@pytest.mark.parametrize(("body", "weights"), KEPT.values(), ids=KEPT)
def test_a_normalization_stays_where_folding_would_change_something(body: str, weights: Weights) -> None:
    proto = written(f"{IMAGE} {{ {body} }}", 14, **weights)
    assert operators(folded(proto).graph) == operators(proto.graph)


def test_a_product_that_is_an_output_stays() -> None:
    head = "g (float[N, 4, 5, 5] x) => (float[?, ?, ?, ?] y, float[?, ?, ?, ?] p)"
    proto = written(f"{head} {{ p = Conv(x, w) {NORMALIZED} }}", **conv(1))
    assert folded(proto) == proto


def test_a_product_that_a_branch_reads_stays() -> None:
    proto = written(
        f"""g (float[N, 4, 5, 5] x, bool c) => (float[?, ?, ?, ?] y, float[?, ?, ?, ?] z) {{ p = Conv(x, w) {NORMALIZED}
            z = If (c) <then_branch = t () => (float[?, ?, ?, ?] a) {{ a = Neg(p) }},
                        else_branch = e () => (float[?, ?, ?, ?] b) {{ b = Neg(x) }}> }}""",
        **conv(1),
    )
    assert folded(proto) == proto


def test_a_row_of_biases_per_sample_stays() -> None:
    weights = {"w": random(4, 6), "b": random(3, 6), **statistics(6)}
    proto = written(f"{ROW} {{ p = Gemm(x, w, b) {NORMALIZED} }}", **weights)
    assert operators(folded(proto).graph) == ["Gemm", "BatchNormalization"]


def test_weights_that_two_products_share_are_copied() -> None:
    body = """p = Conv(x, w, b) q = Conv(x, w, b) n = BatchNormalization(p, s, o, m, v) r = Neg(q)
              k = BatchNormalization(r, s, o, m, v) y = Add(n, k)"""
    proto = written(f"{IMAGE} {{ {body} }}", **conv(1, b=B6))
    result = folded(proto)
    assert operators(result.graph) == ["Conv", "Conv", "Neg", "BatchNormalization", "Add"]
    assert list(result.graph.node[0].input) == ["x", "w_folded", "b_folded"]
    assert list(result.graph.node[1].input) == ["x", "w", "b"]
    assert_same(results(result, feed(IMAGE)), results(proto, feed(IMAGE)), ROUNDING)


def test_two_normalizations_in_a_row_are_both_folded() -> None:
    body = "p = Conv(x, w) n = BatchNormalization(p, s, o, m, v) y = BatchNormalization(n, o, s, m, v)"
    proto = written(f"{IMAGE} {{ {body} }}", **conv(1))
    assert operators(folded(proto).graph) == ["Conv"]
    assert_same(results(folded(proto), feed(IMAGE)), results(proto, feed(IMAGE)), 4 * ROUNDING)


def test_a_new_bias_takes_no_name_that_is_in_use() -> None:
    proto = written(f"{IMAGE} {{ p = Conv(x, w) n = BatchNormalization(p, s, o, m, v) y = Add(n, p_bias) }}",
                    **conv(1), p_bias=random(1))  # fmt: skip
    result = folded(proto)
    assert node(result.graph, "Conv").input[2] not in {"", "p_bias"}
    assert_same(results(result, feed(IMAGE)), results(proto, feed(IMAGE)), ROUNDING)


def test_weights_outside_the_model_are_read_for_folding(tmp_path: Path) -> None:
    proto = written(f"{IMAGE} {{ p = Conv(x, w) {NORMALIZED} }}", **conv(1))
    model = load(saved(proto, tmp_path, outside="weights.bin"))
    draft = Draft.of(model.proto, model.folder)
    batchnorm_folded(draft)
    assert_same(results(draft.whole(), feed(IMAGE)), results(proto, feed(IMAGE)), ROUNDING)


def test_the_factor_is_scale_over_the_root_of_variance_and_epsilon() -> None:
    weights = {"w": np.full((1, 4, 1, 1), 2, np.float32)} | {name: np.array([value], np.float32) for name, value in
               {"s": 3, "o": 5, "m": 7, "v": 15}.items()}  # fmt: skip
    result = folded(
        written(f"{IMAGE} {{ p = Conv(x, w) {NORMALIZED.replace('(p', ' <epsilon = 1.0> (p')} }}", **weights)
    )
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in result.graph.initializer}
    assert stored["w"].flat[0] == 2 * 3 / 4
    assert stored["p_bias"][0] == 5 - 7 * 3 / 4

"""Copies are bridged where nobody outside the graph knows their name."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto

from quantkit.graph.editing.draft import Draft
from quantkit.graph.passes.identities import identities_bridged
from tests.onnx_models import assert_same, operators, random, results, written

ON = np.ones((), np.bool_)


def bridged(body: str) -> tuple[ModelProto, ModelProto]:
    """The model and what the pass makes of it."""
    weights = {"w": random(3), "on": ON, "off": ~ON, "ratio": np.float32(0.5)}
    proto = written(f"g (float[3] x, bool c) => (float[3] y) {{ {body} }}", **weights)
    draft = Draft.of(proto)
    identities_bridged(draft)
    return proto, draft.whole()


def test_chains_of_identities_and_idle_dropouts_vanish() -> None:
    body = "a = Identity(x) b = Dropout(a, ratio, off) d = Dropout(b) e = Identity(w) y = Add(d, e)"
    proto, result = bridged(body)
    assert operators(result.graph) == ["Add"]
    assert list(result.graph.node[0].input) == ["x", "w"]
    feeds = {"x": random(3), "c": ON}
    assert_same(results(result, feeds), results(proto, feeds))


def test_an_identity_that_is_an_output_stays() -> None:
    proto, result = bridged("a = Neg(x) y = Identity(a)")
    assert result == proto


def test_an_identity_that_a_branch_reads_stays() -> None:
    proto, result = bridged("""a = Identity(x) b = Neg(a) y = If (c) <
        then_branch = t () => (float[3] p) { p = Abs(a) }, else_branch = e () => (float[3] q) { q = Abs(b) }>""")
    assert result == proto


def test_a_dropout_that_trains_or_hands_out_its_mask_stays() -> None:
    for body in (
        "y = Dropout(x, ratio, on) z = Neg(y)",
        "a = Dropout(x, ratio, c) y = Neg(a)",
        "a, m = Dropout(x) y = Neg(a)",
    ):
        proto, result = bridged(body)
        assert result == proto

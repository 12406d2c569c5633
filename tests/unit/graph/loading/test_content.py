"""Weights have to be finite; other constants may be infinite on purpose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quantkit.core.errors import ModelError
from quantkit.graph.loading.content import digests, refuse_contradictions
from quantkit.graph.loading.reading import read_proto
from tests.onnx_models import random, saved, written

GEMM = "g (float[N, 4] x) => (float[N, 2] y) { y = Gemm(x, w) }"
MASKED = "g (float[4] x) => (float[4] y) { y = Add(x, w) }"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite_is_named_with_its_count(bad: float) -> None:
    weight = random(4, 2)
    weight[1, 0] = bad
    nans, infinities = (1, 0) if np.isnan(bad) else (0, 1)
    with pytest.raises(ModelError, match=f"weight 'w' holds {nans} NaN and {infinities} infinite values of 8"):
        digests(written(GEMM, w=weight))


def test_a_mask_may_be_infinite_but_not_nan() -> None:
    digests(written(MASKED, w=np.full(4, -np.inf, np.float32)))
    with pytest.raises(ModelError, match="weight 'w' holds 4 NaN"):
        digests(written(MASKED, w=np.full(4, np.nan, np.float32)))


def test_a_weight_in_a_constant_node_is_named_after_what_it_makes() -> None:
    proto = written(GEMM.replace("{", "{ w = Constant <value = float[4, 2] {1, 1, 1, 1, 1, 1, 1, 1}> ()"))
    proto.graph.node[0].attribute[0].t.float_data[3] = np.nan
    with pytest.raises(ModelError, match="weight 'w' holds 1 NaN and 0 infinite values of 8"):
        digests(proto)


def test_a_contradiction_in_a_nameless_tensor_says_where() -> None:
    proto = written(MASKED.replace("{", "{ w = Constant <value = float[4] {1, 1, 1, 1}> ()"))
    proto.graph.node[0].attribute[0].t.dims[0] = 5
    with pytest.raises(ModelError, match="shape 5 takes 20 bytes, 16 are stored") as refusal:
        refuse_contradictions(proto)
    assert refusal.value.where == "w"


def test_overlapping_external_tensors_are_refused(tmp_path: Path) -> None:
    proto = read_proto(saved(written(MASKED, w=random(4), v=random(4)), tmp_path, outside="w.bin"))
    refuse_contradictions(proto)
    next(entry for entry in proto.graph.initializer[1].external_data if entry.key == "offset").value = "8"
    with pytest.raises(ModelError, match="tensors 'w' and 'v' overlap"):
        refuse_contradictions(proto)

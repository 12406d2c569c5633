"""Models in other precisions are refused by the tensor that shows it."""

from __future__ import annotations

import numpy as np
import pytest

from quantkit.core.errors import ModelError
from quantkit.graph.editing.draft import Draft
from quantkit.graph.loading.precision import refuse_other_precisions
from tests.onnx_models import written


@pytest.mark.parametrize(("word", "kind"), [("float16", "float16"), ("bfloat16", "bfloat16"), ("double", "float64")])
def test_an_input_of_another_precision_is_named(word: str, kind: str) -> None:
    proto = written(f"g (int64 i, {word}[2] x) => ({word}[2] y) {{ y = Neg(x) }}")
    with pytest.raises(ModelError, match=f"tensor 'x' is {kind}; quantization starts from a float32 model"):
        refuse_other_precisions(Draft.of(proto))


def test_a_weight_of_another_precision_behind_casts_is_named() -> None:
    proto = written(
        "g (float[N, 4] x) => (float16[N, 2] y) { h = Cast <to = 10> (x) y = MatMul(h, w) }",
        w=np.ones((4, 2), np.float16),
    )
    with pytest.raises(ModelError, match="tensor 'w' is float16"):
        refuse_other_precisions(Draft.of(proto))


def test_a_float64_scalar_beside_the_network_does_no_harm() -> None:
    proto = written("g (float[2] x) => (double[2] y) { d = Cast <to = 11> (x) y = Mul(d, s) }", s=np.float64(2))
    refuse_other_precisions(Draft.of(proto))

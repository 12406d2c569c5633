"""On what sensitivity is measured, and of which layers."""

from __future__ import annotations

import pytest

from quantkit.core.errors import TooLittleError, UsageError
from quantkit.graph.exclusion import Exclusion
from quantkit.pipeline.sensing import Sensing, first, placement
from tests.fake_comparison import FakeSource
from tests.onnx_models import random, written
from tests.quantization import ready

FREE, FIXED = (
    ready(written(f"g (float[{batch}, 4] x) => (float[{batch}, 3] y) {{ [fc] y = Gemm(x, w) }}", w=random(4, 3)))
    for batch in ("n", "4")
)
INPUTS = random(12, 4)


@pytest.mark.parametrize("most", [1, 4, 7, 12, 99, None])
def test_batches_are_cut_where_the_model_takes_any(most: int | None) -> None:
    data = first(FakeSource(INPUTS, batch=4), FREE, most)
    assert sum(map(len, data)) == data.size == min(most or 12, 12)


@pytest.mark.parametrize("most", [1, 4, 7, 12, 99, None])
def test_a_batch_that_cannot_be_cut_is_counted_whole(most: int | None) -> None:
    data = first(FakeSource(INPUTS, batch=4), FIXED, most)
    assert sum(map(len, data)) == data.size
    assert data.size == {1: 4, 4: 4, 7: 8}.get(most or 0, 12)


def test_a_model_without_layers_to_measure_is_refused() -> None:
    with pytest.raises(TooLittleError, match="no layer of the model becomes INT8 for ort-cpu"):
        placement(FREE, Sensing(exclude=Exclusion(nodes=("fc",))))


def test_a_measurement_on_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="samples is 0"):
        Sensing(samples=0)

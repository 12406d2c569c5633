"""What ONNX Runtime says, in words that name the remedy."""

from __future__ import annotations

import numpy as np
import pytest

from quantkit.backends._ort_session import _out_of_memory
from quantkit.cli.process.memory import limited
from quantkit.core.errors import ModelError, OutOfMemoryError

ALLOCATION = (
    "[ONNXRuntimeError] : 1 : FAIL : bfc_arena.cc:376 Failed to allocate memory for requested buffer of size {}"
)


@pytest.mark.parametrize(
    ("samples", "said", "kind"),
    [
        pytest.param(32, ALLOCATION.format(1 << 20), OutOfMemoryError, id="a batch that does not fit any more"),
        pytest.param(32, "std::bad_alloc", OutOfMemoryError, id="nobody says how much was asked for"),
        pytest.param(32, ALLOCATION.format(1 << 44), ModelError, id="a tensor beyond all memory"),
        pytest.param(1, ALLOCATION.format(1 << 20), ModelError, id="a single sample that does not fit"),
    ],
)
def test_a_batch_that_does_not_fit_is_told_apart_from_a_model_that_never_would(
    samples: int, said: str, kind: type[Exception]
) -> None:
    with limited(None):
        refusal = _out_of_memory(RuntimeError(said), {"x": np.zeros((samples, 3), np.float32)})
    assert isinstance(refusal, kind)
    if kind is ModelError:
        assert "it exceeds --memory-limit" in str(refusal)
    else:
        assert "not enough memory for a batch of 32 samples" in str(refusal)
        assert "--batch-size 16, or auto" in str(refusal)

"""Whatever the onnx package raises becomes one kind of error."""

from __future__ import annotations

import onnx
import pytest

from quantkit.core.errors import ModelError
from quantkit.graph.editing.onnx_calls import reported


@pytest.mark.parametrize("failure", [onnx.checker.ValidationError, RuntimeError, MemoryError, IndexError])
def test_a_failure_is_quoted_in_one_line(failure: type[Exception]) -> None:
    with (
        pytest.raises(ModelError, match="it is refused") as refusal,
        reported("QK3013", "it is refused", hints=["again"]),
    ):
        raise failure("first\n\n  second")
    assert refusal.value.cause == "first; second"
    assert refusal.value.hints == ("again",)


def test_a_long_failure_is_cut() -> None:
    with pytest.raises(ModelError) as refusal, reported("QK3013", "refused"):
        raise ValueError("x" * 10_000)
    assert len(str(refusal.value.cause)) < 700

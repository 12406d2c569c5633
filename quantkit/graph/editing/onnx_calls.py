"""Calls into the onnx package, whose many kinds of failure become one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from google.protobuf.message import DecodeError, EncodeError
from onnx.checker import ValidationError
from onnx.shape_inference import InferenceError
from onnx.version_converter import ConvertError

from quantkit.core.errors import ModelError

# What the C++ side was seen to raise on odd models; pybind turns its std::exceptions into the built-in ones.
_FAILURES = (
    ValidationError,
    InferenceError,
    ConvertError,
    DecodeError,
    EncodeError,
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    MemoryError,
)

_LONGEST_CAUSE = 600


@contextmanager
def reported(code: str, title: str, *, hints: Iterable[str] = ()) -> Iterator[None]:
    """Turns any refusal by the onnx package into a `ModelError` that quotes it."""
    try:
        yield
    except _FAILURES as refusal:
        raise ModelError(code, title, cause=_in_one_line(str(refusal)), hints=hints) from refusal


def _in_one_line(text: str) -> str:
    line = "; ".join(part.strip() for part in text.splitlines() if part.strip())
    return line if len(line) <= _LONGEST_CAUSE else f"{line[:_LONGEST_CAUSE]}…"

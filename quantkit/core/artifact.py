"""Files that quantkit wrote, and models on their way to an engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Artifact:
    """A written file: where it lies, what it is (``"qdq-onnx"``, ``"statistics"``, …) and its SHA-256."""

    path: Path
    kind: str
    digest: str
    facts: Mapping[str, object] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Artifact({self.kind}: {self.path}, sha256 {self.digest[:12]})"


@dataclass(frozen=True, slots=True)
class SerializedModel:
    """An ONNX model as bytes, which every engine can be built from.

    Tensors stored outside the model are found in `folder`.
    """

    proto: bytes
    folder: Path | None = None

    def __repr__(self) -> str:
        return f"SerializedModel({len(self.proto)} bytes)"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A model's input or output: its name, NumPy dtype name and shape; ``None`` or a word is a free dimension."""

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        return f"{self.name}:{'x'.join('?' if size is None else str(size) for size in self.shape)}"


def shape_text(shape: Iterable[int | str | None]) -> str:
    """A shape in one word, as trtexec writes it.

    >>> shape_text(("N", 3, None, 224)), shape_text(())
    ('Nx3x?x224', 'scalar')
    """
    return "x".join("?" if size is None else str(size) for size in shape) or "scalar"

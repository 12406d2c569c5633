"""What quantization does to each tensor of a network: by itself, and on top of everything before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quantkit.core.errors import ArtifactError
from quantkit.core.files import readable, write_whole
from quantkit.core.json_values import MALFORMED, count, decoded, encoded, entries, real, text
from quantkit.core.notebook import html_table

SCHEMA = "quantkit.layers/1"


@dataclass(frozen=True, slots=True)
class LayerError:
    """One quantized activation; ratios of signal to quantization noise in dB, +inf where nothing is lost.

    Args:
        tensor: its name in the FP32 model.
        operator: what computes it; empty for a model input.
        isolated_db: of the FP32 model's values after quantizing and dequantizing them with the scale that the INT8
            model has for this tensor: what this tensor loses by itself.
        accumulated_db: of the INT8 model's values against the FP32 model's: with everything before it quantized.
        output_db: of the FP32 model's outputs when this tensor alone is quantized, weights left as they are;
            ``None`` where it was not measured.
        node: which node computes it, as a comparison's coverage calls it; empty for a model input.
    """

    tensor: str
    operator: str
    isolated_db: float
    accumulated_db: float
    output_db: float | None = None
    node: str = ""


@dataclass(frozen=True, slots=True)
class LayerErrors:
    """Every quantized activation of one INT8 model, in graph order.

    Args:
        model: SHA-256 of the FP32 model. candidate: SHA-256 of the INT8 model.
        samples: how many were run for `isolated_db` and `accumulated_db`.
        output_samples: how many for `output_db`, which costs a run for each tensor.
        layers: one entry a tensor.
    """

    model: str
    candidate: str
    samples: int
    output_samples: int
    layers: tuple[LayerError, ...]

    @property
    def worst_first(self) -> tuple[LayerError, ...]:
        """By accumulated ratio; of equals, in graph order."""
        return tuple(sorted(self.layers, key=lambda layer: layer.accumulated_db))

    def __repr__(self) -> str:
        return f"LayerErrors({len(self.layers)} tensors on {self.samples} samples)"

    def _repr_html_(self) -> str:
        rows = [
            [layer.tensor, layer.operator, f"{layer.isolated_db:.2f}", f"{layer.accumulated_db:.2f}"]
            for layer in self.worst_first
        ]
        return html_table(f"{self!r}, the worst first", ["tensor", "made by", "isolated, dB", "accumulated, dB"], rows)


def save(found: Mapping[str, LayerErrors], path: Path) -> str:
    """Writes the errors of every candidate by name as canonical JSON, atomically. Returns the SHA-256."""
    document = {"schema": SCHEMA, "candidates": {name: asdict(errors) for name, errors in found.items()}}
    return write_whole(path, f"{encoded(document, indent=1)}\n".encode("ascii"))


def load(path: Path) -> dict[str, LayerErrors]:
    """Candidate → what `save` wrote of it.

    Raises:
        ArtifactError: not such a file, or one of another version.
    """
    with readable(path):
        content = path.read_bytes()
    try:
        document = decoded(content)
        if document["schema"] != SCHEMA:
            raise _refused(path, f"its schema is {document['schema']!r}, this version reads {SCHEMA!r}")
        return {text(name): _read(entry) for name, entry in document["candidates"].items()}
    except MALFORMED as reason:
        raise _refused(path, f"{type(reason).__name__}: {reason}") from reason


def _read(entry: Mapping[str, Any]) -> LayerErrors:
    return LayerErrors(
        model=text(entry["model"]),
        candidate=text(entry["candidate"]),
        samples=count(entry["samples"]),
        output_samples=count(entry["output_samples"]),
        layers=tuple(_layer(layer) for layer in entries(entry["layers"])),
    )


def _layer(entry: Mapping[str, Any]) -> LayerError:
    return LayerError(
        tensor=text(entry["tensor"]),
        operator=text(entry["operator"]),
        isolated_db=real(entry["isolated_db"]),
        accumulated_db=real(entry["accumulated_db"]),
        output_db=None if entry["output_db"] is None else real(entry["output_db"]),
        node=text(entry["node"]),
    )


def _refused(path: Path, cause: str) -> ArtifactError:
    return ArtifactError(
        "QK3281", "not a usable file of layer errors", where=str(path), cause=cause, hints=["measure again"]
    )

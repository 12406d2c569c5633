"""All of a model's tensors, read once: as large as they say, stored where they may be, and finite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from onnx import ModelProto

from quantkit.core.errors import ModelError
from quantkit.graph.editing.external import refuse_overlap
from quantkit.graph.editing.tensors import Survey, count, refuse_contradiction, survey, tensors
from quantkit.graph.loading.operators import all_nodes

# An infinity in these is damage. Elsewhere it may be meant: attention masks add −∞, open-ended Clips end there.
_WEIGHTED = frozenset(
    {
        "BatchNormalization",
        "Conv",
        "ConvTranspose",
        "Einsum",
        "GRU",
        "Gemm",
        "GroupNormalization",
        "InstanceNormalization",
        "LSTM",
        "LayerNormalization",
        "MatMul",
        "PRelu",
        "RNN",
    }
)


def refuse_contradictions(proto: ModelProto) -> None:
    """Checks shape, stored size and place of every tensor, before anything trusts them.

    Raises:
        ModelError: names the tensor.
    """
    pieces = []
    for name, tensor in tensors(proto):
        with _named(name):
            pieces.append(refuse_contradiction(tensor))
    refuse_overlap(place for place in pieces if place)


def digests(proto: ModelProto, folder: Path | None = None) -> list[bytes]:
    """SHA-256 of every tensor's values, in the order of `tensors`; reads external data block by block.

    Raises:
        ModelError: external data that cannot be read; NaN in a tensor, or infinities in a weight, with their number.
    """
    weights = {name for node in all_nodes(proto) if node.op_type in _WEIGHTED for name in node.input}
    found = []
    for name, tensor in tensors(proto):
        with _named(name):
            seen = survey(tensor, folder)
        if seen.nans or (seen.infinities and name in weights):
            raise _not_finite(name, seen, count(tensor))
        found.append(seen.digest)
    return found


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Says which tensor it was, for tensors without a name of their own."""
    try:
        yield
    except ModelError as refusal:
        raise refusal.located(name) from refusal.__cause__


def _not_finite(name: str, seen: Survey, values: int) -> ModelError:
    return ModelError(
        "QK3018",
        f"weight {name!r} holds {seen.nans} NaN and {seen.infinities} infinite values of {values}",
        where=name,
        cause="every result that depends on it is meaningless",
        hints=["training diverged or the file is damaged: check the checkpoint and export it again"],
    )

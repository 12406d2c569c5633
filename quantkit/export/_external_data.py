"""Weights in a file beside the model, because a Protocol Buffers message holds 2 GB at most."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from onnx import ModelProto, TensorProto

from quantkit.core.files import replacing, writable

# Smaller tensors stay in the model: tools read scales, shapes and axes without looking for other files.
SMALLEST_BYTES = 1024

# Runtimes map the file into memory, which works in whole pages.
PAGE_BYTES = 4096


def stored_bytes(proto: ModelProto) -> int:
    """Bytes that the initializers of the outermost graph take."""
    return sum(len(tensor.raw_data) or tensor.ByteSize() for tensor in proto.graph.initializer)


def data_moved_out(proto: ModelProto, model: Path) -> Path:
    """Moves the large initializers of `proto` into a file for a model to be written at `model`; returns its path.

    The name holds the content's digest. So the model that is at `model` now, and its weights, stay whole until the
    new one takes their place.
    """
    large = [tensor for tensor in proto.graph.initializer if len(tensor.raw_data) >= SMALLEST_BYTES]
    seen = hashlib.sha256()
    for block in _blocks(large):
        seen.update(block)
    data = model.with_name(f"{model.name}.{seen.hexdigest()[:16]}.data")
    with replacing(data) as temporary, writable(data), temporary.open("wb") as stream:
        stream.writelines(_blocks(large))
    offset = 0
    for tensor in large:
        length = len(tensor.raw_data)
        _point(tensor, {"location": data.name, "offset": str(offset), "length": str(length)})
        offset += _in_pages(length)
    return data


def _blocks(tensors: list[TensorProto]) -> Iterator[bytes]:
    """Each tensor's bytes, filled up to whole pages."""
    for tensor in tensors:
        yield tensor.raw_data
        yield bytes(_in_pages(len(tensor.raw_data)) - len(tensor.raw_data))


def _in_pages(length: int) -> int:
    return -(-length // PAGE_BYTES) * PAGE_BYTES


def _point(tensor: TensorProto, place: dict[str, str]) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in place.items():
        tensor.external_data.add(key=key, value=value)

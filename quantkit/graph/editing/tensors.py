"""The content of a model's tensors, wherever and however it is stored."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto

from quantkit.core.arrays import Array
from quantkit.core.artifact import shape_text
from quantkit.core.errors import ModelError
from quantkit.graph.editing import external
from quantkit.graph.editing.scopes import nested

BLOCK = 1 << 24
"""Bytes that are looked at together: large enough to be fast, small beside any model."""


class Storage(NamedTuple):
    """How a type's values lie in ``raw_data``, and which field holds them otherwise."""

    bits: int
    dtype: str
    field: str


_INTS, _BYTES = "int32_data", "u1"
_STORAGE: dict[int, Storage] = {
    TensorProto.FLOAT: Storage(32, "<f4", "float_data"),
    TensorProto.DOUBLE: Storage(64, "<f8", "double_data"),
    TensorProto.COMPLEX64: Storage(64, "<f4", "float_data"),
    TensorProto.COMPLEX128: Storage(128, "<f8", "double_data"),
    TensorProto.INT64: Storage(64, "<i8", "int64_data"),
    TensorProto.UINT64: Storage(64, "<u8", "uint64_data"),
    TensorProto.UINT32: Storage(32, "<u4", "uint64_data"),
    TensorProto.INT32: Storage(32, "<i4", _INTS),
    TensorProto.INT16: Storage(16, "<i2", _INTS),
    TensorProto.UINT16: Storage(16, "<u2", _INTS),
    TensorProto.FLOAT16: Storage(16, "<u2", _INTS),
    TensorProto.BFLOAT16: Storage(16, "<u2", _INTS),
    TensorProto.INT8: Storage(8, "i1", _INTS),
    TensorProto.UINT8: Storage(8, _BYTES, _INTS),
    TensorProto.BOOL: Storage(8, _BYTES, _INTS),
    TensorProto.FLOAT8E4M3FN: Storage(8, _BYTES, _INTS),
    TensorProto.FLOAT8E4M3FNUZ: Storage(8, _BYTES, _INTS),
    TensorProto.FLOAT8E5M2: Storage(8, _BYTES, _INTS),
    TensorProto.FLOAT8E5M2FNUZ: Storage(8, _BYTES, _INTS),
    TensorProto.UINT4: Storage(4, _BYTES, _INTS),
    TensorProto.INT4: Storage(4, _BYTES, _INTS),
}

# Type → (integer that holds a value's bits, mask of the exponent, mask of the fraction), IEEE 754 and bfloat16.
_EXPONENTS: dict[int, tuple[str, int, int]] = {
    TensorProto.FLOAT: ("<u4", 0x7F800000, 0x007FFFFF),
    TensorProto.DOUBLE: ("<u8", 0x7FF0000000000000, 0x000FFFFFFFFFFFFF),
    TensorProto.FLOAT16: ("<u2", 0x7C00, 0x03FF),
    TensorProto.BFLOAT16: ("<u2", 0x7F80, 0x007F),
}


@dataclass(frozen=True, slots=True)
class Survey:
    """One look at all of a tensor's values: the SHA-256 of their little-endian bytes, and how many are not finite."""

    digest: bytes
    nans: int = 0
    infinities: int = 0


def tensors(proto: ModelProto) -> Iterator[tuple[str, TensorProto]]:
    """Every tensor with content, and what to call it: its own name, or that of what its node makes.

    Initializers and attributes, of inner graphs and functions as well; always in the same order.
    """
    functions = (GraphProto(node=function.node) for function in proto.functions)
    for graph in chain([proto.graph], functions):
        for scope in nested(graph):
            yield from ((tensor.name, tensor) for tensor in scope.initializer)
            yield from ((s.values.name, part) for s in scope.sparse_initializer for part in _parts(s))
            for node in scope.node:
                name = next(iter(node.output), node.name)
                yield from ((name, tensor) for tensor in node_tensors(node))


def node_tensors(node: NodeProto) -> Iterator[TensorProto]:
    """The tensors among a node's attributes, as a Constant has one."""
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        if attribute.HasField("sparse_tensor"):
            yield from _parts(attribute.sparse_tensor)
        for sparse in attribute.sparse_tensors:
            yield from _parts(sparse)


def size_bytes(tensor: TensorProto) -> int:
    """Bytes that the tensor's values take.

    Raises:
        ModelError: a type without a fixed size, a negative dimension, or another number of bytes than stored.
    """
    elements = count(tensor)
    storage = _STORAGE.get(tensor.data_type)
    if storage is None:
        raise _contradiction(tensor, f"its type {_type_name(tensor.data_type)} is not supported")
    return (elements * storage.bits + 7) // 8


def count(tensor: TensorProto) -> int:
    """Number of values, from the dimensions; exact, so that no product overflows."""
    if any(size < 0 for size in tensor.dims):
        raise _contradiction(tensor, f"its dimensions are {shape_text(tensor.dims)}")
    return math.prod(tensor.dims)


def refuse_contradiction(tensor: TensorProto) -> external.Piece | None:
    """Checks that as many values are stored as the dimensions say; the place, where that is another file.

    Raises:
        ModelError: too many or too few values, an unknown type, an unsafe place.
    """
    if tensor.HasField("segment"):
        raise _contradiction(tensor, "it is stored in segments, which no tool reads")
    if tensor.data_type == TensorProto.STRING:
        _expect(tensor, len(tensor.string_data), count(tensor), "strings")
        return None
    size = size_bytes(tensor)
    if tensor.data_location == TensorProto.EXTERNAL:
        return external.piece(tensor, size)
    if tensor.HasField("raw_data"):
        _expect(tensor, len(tensor.raw_data), size, "bytes")
        return None
    storage = _STORAGE[tensor.data_type]
    _expect(tensor, len(getattr(tensor, storage.field)) * np.dtype(storage.dtype).itemsize, size, "bytes")
    return None


def blocks(tensor: TensorProto, folder: Path | None = None) -> Iterator[memoryview | bytes]:
    """The tensor's values as little-endian bytes, block by block, from wherever they are stored."""
    if tensor.data_location == TensorProto.EXTERNAL:
        place = external.piece(tensor, size_bytes(tensor))
        with external.opened(place, folder) as stream:
            yield from external.blocks(stream, place, BLOCK)
        return
    content = memoryview(_inline(tensor))
    for start in range(0, len(content), BLOCK):
        yield content[start : start + BLOCK]


def survey(tensor: TensorProto, folder: Path | None = None) -> Survey:
    """Reads all of the tensor once."""
    seen, nans, infinities = hashlib.sha256(), 0, 0
    for block in blocks(tensor, folder):
        seen.update(block)
        if tensor.data_type in _EXPONENTS:
            more_nans, more_infinities = _nonfinite(block, tensor.data_type)
            nans, infinities = nans + more_nans, infinities + more_infinities
    return Survey(seen.digest(), nans, infinities)


def array(tensor: TensorProto, folder: Path | None = None) -> Array:
    """The tensor as an array of its own shape and NumPy type, read-only; external data is read, and checked.

    Raises:
        ModelError: external data that is missing, unsafe or too short; a type that NumPy lacks.
    """
    storage = _STORAGE.get(tensor.data_type)
    if storage is None or storage.bits < 8:
        raise _contradiction(tensor, f"its type {_type_name(tensor.data_type)} is not supported here")
    content = b"".join(blocks(tensor, folder))
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
    return np.frombuffer(content, dtype).reshape(tuple(tensor.dims))


def _inline(tensor: TensorProto) -> bytes:
    if tensor.data_type == TensorProto.STRING:
        return b"".join(len(text).to_bytes(8, "little") + text for text in tensor.string_data)
    if tensor.HasField("raw_data"):
        return tensor.raw_data
    storage = _STORAGE[tensor.data_type]
    values: NDArray[Any] = np.array(getattr(tensor, storage.field))
    return values.astype(storage.dtype).tobytes()


def _nonfinite(block: memoryview | bytes, data_type: int) -> tuple[int, int]:
    """How many NaN and how many infinities lie in `block`."""
    dtype, exponent, fraction = _EXPONENTS[data_type]
    bits = np.frombuffer(block, dtype)
    odd = bits[(bits & exponent) == exponent]
    nans = int(np.count_nonzero(odd & fraction))
    return nans, odd.size - nans


def _parts(sparse: SparseTensorProto) -> Iterator[TensorProto]:
    yield sparse.values
    yield sparse.indices


def _expect(tensor: TensorProto, found: int, wanted: int, unit: str) -> None:
    if found != wanted:
        raise _contradiction(tensor, f"shape {shape_text(tensor.dims)} takes {wanted} {unit}, {found} are stored")


def _type_name(data_type: int) -> str:
    known = TensorProto.DataType.values()
    return TensorProto.DataType.Name(data_type) if data_type in known else f"number {data_type}"


def _contradiction(tensor: TensorProto, cause: str) -> ModelError:
    return ModelError(
        "QK3010",
        f"tensor {tensor.name!r} contradicts itself: {cause}",
        where=tensor.name or None,
        hints=["the file is damaged or was edited by hand; export the model again"],
    )

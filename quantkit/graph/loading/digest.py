"""One number for what a model computes: the same for the same graph and weights, wherever they are stored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import TypeVar

from google.protobuf.message import Message
from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto

from quantkit.graph.editing.scopes import subgraphs
from quantkit.graph.editing.tensors import node_tensors

_CONTENT = (
    "raw_data",
    "float_data",
    "int32_data",
    "int64_data",
    "uint64_data",
    "double_data",
    "string_data",
    "external_data",
    "data_location",
)
_REMARKS = ("doc_string", "metadata_props")

_Message = TypeVar("_Message", NodeProto, FunctionProto, ValueInfoProto)


def digest_of_model(proto: ModelProto, contents: Iterable[bytes]) -> str:
    """SHA-256, in hex, of the graph and of `contents`, the digests of the model's tensors in the order of `tensors`.

    File names, times, remarks, recorded inner shapes, the producer and the way in which tensors are stored do not
    count; names, attributes, operator sets, interface and every weight do.
    """
    seen = hashlib.sha256()
    for part in [*_opsets(proto.opset_import), *_graph(proto.graph), *_functions(proto.functions), *contents]:
        # The length in front keeps two neighbours from being taken for one.
        seen.update(len(part).to_bytes(8, "little") + part)
    return seen.hexdigest()


def _opsets(imports: Iterable[OperatorSetIdProto]) -> list[bytes]:
    return sorted(_canonical(entry) for entry in imports)


def _graph(graph: GraphProto) -> Iterator[bytes]:
    for values in (graph.input, graph.output):
        for value in values:
            yield _canonical(_bare(value))
    for tensor in graph.initializer:
        yield _tensor(tensor)
    for sparse in graph.sparse_initializer:
        yield f"{sparse.values.name} {list(sparse.dims)}".encode()
    for node in graph.node:
        yield from _node(node)


def _node(node: NodeProto) -> Iterator[bytes]:
    bare = _bare(node)
    for tensor in node_tensors(bare):
        for field in _CONTENT:
            tensor.ClearField(field)
    for attribute in bare.attribute:
        for field in ("g", "graphs", "doc_string"):
            attribute.ClearField(field)
    yield _canonical(bare)
    for inner in subgraphs(node):
        yield from _graph(inner)


def _functions(functions: Iterable[FunctionProto]) -> Iterator[bytes]:
    for function in functions:
        bare = _bare(function)
        del bare.node[:]
        bare.ClearField("value_info")
        yield _canonical(bare)
        for node in function.node:
            yield from _node(node)


def _tensor(tensor: TensorProto) -> bytes:
    return _canonical(TensorProto(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type))


def _bare(message: _Message) -> _Message:
    """A copy without remarks."""
    copy = type(message)()
    copy.CopyFrom(message)
    for field in _REMARKS:
        copy.ClearField(field)
    return copy


def _canonical(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)

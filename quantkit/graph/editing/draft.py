"""A model taken apart for editing: a light graph to change, and the weights by name, untouched and uncopied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import onnx
from onnx import GraphProto, ModelProto, TensorProto

from quantkit.core.errors import ModelError

LIGHT_BYTES = 4096
"""Tensors up to this size hold shapes, axes and scalars, which shape inference and opset upgrades have to see."""

LARGEST_PROTO = 2**31 - 1
"""Bytes that Protocol Buffers can hold in one message."""

_GRAPH = ModelProto.DESCRIPTOR.fields_by_name["graph"].number
_INITIALIZER = GraphProto.DESCRIPTOR.fields_by_name["initializer"].number


@dataclass(slots=True)
class Draft:
    """What the passes work on; the one mutable thing in this package, so that no pass copies weights.

    Args:
        proto: the model without the initializers of its outermost graph.
        weights: those initializers by name, in the model's order; replaced, never changed in place.
        folder: where tensors outside the model are found.
    """

    proto: ModelProto
    weights: dict[str, TensorProto]
    folder: Path | None = None

    @classmethod
    def of(cls, proto: ModelProto, folder: Path | None = None) -> Draft:
        """`proto` taken apart; `proto` itself stays as it is."""
        light = ModelProto()
        for field, value in proto.ListFields():
            if field.name != "graph":
                _put(light, field.name, value)
        for field, value in proto.graph.ListFields():
            if field.name != "initializer":
                _put(light.graph, field.name, value)
        return cls(light, {tensor.name: tensor for tensor in proto.graph.initializer}, folder)

    @property
    def graph(self) -> GraphProto:
        """The outermost graph, without initializers."""
        return self.proto.graph

    @property
    def outputs(self) -> set[str]:
        """Names of the model's outputs."""
        return {value.name for value in self.graph.output}

    def drop(self, positions: Iterable[int]) -> None:
        """Removes the nodes at `positions`."""
        for position in sorted(positions, reverse=True):
            del self.graph.node[position]

    def whole(self) -> ModelProto:
        """The model put together again; copies the weights once."""
        proto = ModelProto()
        proto.CopyFrom(self.proto)
        proto.graph.initializer.extend(self.weights.values())
        return proto

    def serialized(self) -> bytes:
        """The bytes of `whole()`, without ever holding the weights twice.

        Parsers merge a field that comes twice, so the graph's weights may follow the graph as a graph of their own
        (https://protobuf.dev/programming-guides/encoding, "Last One Wins").

        Raises:
            ModelError: over 2 GB.
        """
        weights = sum(_framed_size(_INITIALIZER, tensor.ByteSize()) for tensor in self.weights.values())
        refuse_too_large(self.proto.ByteSize() + _framed_size(_GRAPH, weights))
        stream = BytesIO()
        stream.write(self.proto.SerializeToString())
        stream.write(_frame(_GRAPH, weights))
        for tensor in self.weights.values():
            content = tensor.SerializeToString()
            stream.write(_frame(_INITIALIZER, len(content)))
            stream.write(content)
        return stream.getvalue()

    def light(self) -> ModelProto:
        """A model of the same structure for tools that look at graphs only: large weights are inputs."""
        proto = ModelProto()
        proto.CopyFrom(self.proto)
        proto.graph.initializer.extend(tensor for tensor in self.weights.values() if not _heavy(tensor))
        missing = self._heavy_names() - {value.name for value in proto.graph.input}
        for name in sorted(missing):
            tensor = self.weights[name]
            proto.graph.input.append(onnx.helper.make_tensor_value_info(name, tensor.data_type, list(tensor.dims)))
        return proto

    def adopt(self, changed: ModelProto) -> None:
        """Takes over what a tool made of `light()`; the large weights stay the ones that are here."""
        heavy = self._heavy_names()
        real = [value for value in changed.graph.input if value.name not in heavy]
        mine = [value for value in self.graph.input if value.name in heavy]
        fresh = {tensor.name: tensor for tensor in changed.graph.initializer}
        gone = self.weights.keys() - fresh.keys() - heavy
        self.weights = {name: tensor for name, tensor in self.weights.items() if name not in gone} | fresh
        light = Draft.of(changed).proto
        del light.graph.input[:]
        light.graph.input.extend([*real, *mine])
        self.proto = light

    def _heavy_names(self) -> set[str]:
        return {name for name, tensor in self.weights.items() if _heavy(tensor)}

    def __repr__(self) -> str:
        return f"Draft({len(self.graph.node)} nodes, {len(self.weights)} weights)"


def _heavy(tensor: TensorProto) -> bool:
    return tensor.data_location == TensorProto.EXTERNAL or tensor.ByteSize() > LIGHT_BYTES


def refuse_too_large(size: int) -> None:
    """One message of Protocol Buffers, and so one ONNX file, has a limit.

    Raises:
        ModelError: `size`, in bytes, is over it.
    """
    if size > LARGEST_PROTO:
        raise ModelError(
            "QK3008",
            f"the model takes {size} bytes; one ONNX file holds at most {LARGEST_PROTO}",
            hints=["store the weights outside: onnx.save_model(model, path, save_as_external_data=True)"],
        )


def _framed_size(field: int, length: int) -> int:
    return len(_frame(field, length)) + length


def _frame(field: int, length: int) -> bytes:
    """What stands before `length` bytes of a message: the field's tag and the length, as base-128 numbers."""
    frame = bytearray([field << 3 | 2])
    while length > 0x7F:
        frame.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*frame, length])


def _put(message: ModelProto | GraphProto, name: str, value: object) -> None:
    """Copies one field, whatever its kind, into `message`."""
    if hasattr(value, "ListFields") or hasattr(value, "extend"):
        getattr(message, name).MergeFrom(value)
    else:
        setattr(message, name, value)

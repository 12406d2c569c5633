"""An ONNX model that was read, checked and given a digest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import ModelProto, TensorProto, TensorShapeProto, ValueInfoProto

from quantkit.core.artifact import SerializedModel, TensorSpec
from quantkit.core.errors import ModelError
from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.inference import inferred, refuse_giants
from quantkit.graph.editing.tensors import size_bytes, tensors
from quantkit.graph.loading import content, structure
from quantkit.graph.loading.digest import digest_of_model
from quantkit.graph.loading.operators import quantized_operators, refuse_unknown_operators
from quantkit.graph.loading.reading import parsed, read_proto


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A checked ONNX model; a pass returns another one.

    Args:
        proto: the model; tensors that are stored in other files are not loaded.
        digest: SHA-256 of graph and weights, the same wherever the weights are stored.
        path: the file it was read from; tensors in other files are found beside it.
    """

    proto: ModelProto
    digest: str
    path: Path | None = None

    @property
    def folder(self) -> Path | None:
        """Where tensors outside the model are found."""
        return self.path.parent if self.path else None

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What has to be fed: graph inputs that no initializer gives a value."""
        given = {tensor.name for tensor in self.proto.graph.initializer}
        return tuple(_spec(value) for value in self.proto.graph.input if value.name not in given)

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What a run returns."""
        return tuple(_spec(value) for value in self.proto.graph.output)

    @property
    def size_bytes(self) -> int:
        """What the model weighs: its file, or its own bytes where it has none, and its tensors in other files."""
        own = self.path.stat().st_size if self.path and self.path.is_file() else self.proto.ByteSize()
        return own + sum(size_bytes(tensor) for tensor in self._outside)

    @property
    def weights_folder(self) -> Path | None:
        """Where an engine finds tensors that are stored outside the model; ``None`` when none is."""
        return self.folder if self._outside else None

    @property
    def _outside(self) -> list[TensorProto]:
        return [tensor for _, tensor in tensors(self.proto) if tensor.data_location == TensorProto.EXTERNAL]

    def serialized(self) -> SerializedModel:
        """The model as bytes, for an engine.

        Raises:
            ModelError: it is over 2 GB without its external data.
        """
        return SerializedModel(Draft.of(self.proto).serialized(), self.weights_folder)

    def __repr__(self) -> str:
        name = self.path.name if self.path else self.proto.graph.name
        return f"Model({name}: {len(self.proto.graph.node)} nodes, content {self.digest[:12]})"


def load(path: Path | str, *, allow_custom_ops: bool = False) -> Model:
    """Reads and checks the ONNX model at `path`; external data is read once, for the digest, and not kept.

    Args:
        path: the model file; external data has to lie in its folder.
        allow_custom_ops: accept operators that need a library of their own.

    Raises:
        ModelError: not a model, damaged, unsafe, or with weights that are not finite (QK30xx, QK31xx).
        SetupError: no permission to read it.
    """
    path = Path(path)
    try:
        return from_proto(read_proto(path), path, allow_custom_ops=allow_custom_ops)
    except ModelError as refusal:
        raise refusal.within(str(path)) from refusal.__cause__


def from_bytes(content: bytes) -> Model:
    """Checks a serialized model that is in memory.

    Raises:
        ModelError: as `load`.
    """
    return from_proto(parsed(content))


def from_proto(proto: ModelProto, path: Path | None = None, *, allow_custom_ops: bool = False) -> Model:
    """Checks a model that is in memory; `proto` is kept, and must not be changed afterwards.

    Raises:
        ModelError: as `load`.
    """
    structure.refuse_unreadable_names(proto)
    refuse_unknown_operators(proto, allow_custom_ops=allow_custom_ops)
    content.refuse_contradictions(proto)
    structure.refuse_disorder(proto.graph)
    light = Draft.of(proto).light()
    structure.refuse_unchecked(light)
    structure.refuse_explosion(proto)
    refuse_giants(inferred(light))
    folder = path.parent if path else None
    return Model(proto, digest_of_model(proto, content.digests(proto, folder)), path)


def already_quantized(model: Model) -> tuple[str, ...]:
    """The operators that show it, such as ``("DequantizeLinear", "QuantizeLinear")``; empty for a float model."""
    return quantized_operators(model.proto)


def refuse_quantized(model: Model) -> None:
    """For callers that quantize.

    Raises:
        ModelError: the model is quantized already.
    """
    if found := already_quantized(model):
        raise ModelError(
            "QK3017",
            f"the model is already quantized: it uses {', '.join(found)}",
            where=str(model.path) if model.path else None,
            hints=["start from the float model it was made from", "--requantize treats it as a float model"],
        )


def _spec(value: ValueInfoProto) -> TensorSpec:
    tensor = value.type.tensor_type
    kind = value.type.WhichOneof("value")
    dtype = _dtype_name(tensor.elem_type) if kind == "tensor_type" else str(kind)
    return TensorSpec(value.name, dtype, tuple(_size(dimension) for dimension in tensor.shape.dim))


def _dtype_name(elem_type: int) -> str:
    """NumPy's name, such as ``"float32"``; ``"unknown"`` where the model does not say."""
    known = elem_type in TensorProto.DataType.values() and elem_type != TensorProto.UNDEFINED
    return str(onnx.helper.tensor_dtype_to_np_dtype(elem_type)) if known else "unknown"


def _size(dimension: TensorShapeProto.Dimension) -> int | str | None:
    """A positive size, the name of a free dimension, or None; exporters also write −1 and 0 for free ones."""
    if dimension.dim_value > 0:
        return dimension.dim_value
    return dimension.dim_param or None

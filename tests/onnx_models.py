"""Small ONNX models written as text, and what ONNX Runtime makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import GraphProto, ModelProto, NodeProto

from quantkit.core.arrays import Array, Batch
from quantkit.core.artifact import SerializedModel
from quantkit.graph.model import Model


def written(graph: str, opset: int = 13, functions: str = "", /, **weights: Array) -> ModelProto:
    """The model that `graph` describes, without its header; `weights` become initializers."""
    imports = f'"": {opset}, "local": 1, "com.microsoft": 1, "com.acme": 1'
    proto = onnx.parser.parse_model(f"<ir_version: 8, opset_import: [{imports}]> {graph} {functions}")
    proto.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in weights.items())
    return proto


def random(*shape: int, seed: int = 0) -> Array:
    """float32 of that shape, normally distributed."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def saved(proto: ModelProto, folder: Path, *, outside: str = "") -> Path:
    """The path of `proto` on disk; its tensors in the file `outside` where one is named."""
    path = folder / "model.onnx"
    whole = ModelProto()
    whole.CopyFrom(proto)
    if outside:
        onnx.external_data_helper.convert_model_to_external_data(whole, location=outside, size_threshold=0)
    onnx.save(whole, path)
    return path


def results(model: Model | ModelProto | SerializedModel, feeds: Batch) -> dict[str, Array]:
    """All outputs of `model` by name, as ONNX Runtime computes them on one thread."""
    serialized = SerializedModel(model.SerializeToString()) if isinstance(model, ModelProto) else model
    serialized = serialized.serialized() if isinstance(serialized, Model) else serialized
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if serialized.folder:
        key = "session.model_external_initializers_file_folder_path"
        options.add_session_config_entry(key, str(serialized.folder))
    session = onnxruntime.InferenceSession(serialized.proto, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def assert_same(found: Mapping[str, Array], expected: Mapping[str, Array], relative: float = 0.0) -> None:
    """Equal names, and values that differ by at most `relative` of an output's largest magnitude."""
    assert list(found) == list(expected)
    for name, values in expected.items():
        room = relative * float(np.abs(values).max(initial=0.0))
        np.testing.assert_allclose(found[name], values, rtol=0, atol=room, err_msg=name)


def operators(graph: GraphProto) -> list[str]:
    """Operator names in graph order."""
    return [node.op_type for node in graph.node]


def node(graph: GraphProto, op_type: str) -> NodeProto:
    """The only node of that operator."""
    (found,) = (node for node in graph.node if node.op_type == op_type)
    return found

"""The digest is that of graph and weights, and of nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, numpy_helper

from quantkit.graph.model import from_proto, load
from tests.onnx_models import random, saved, written

GRAPH = """g (float[N, 4] x, bool c) => (float[N, 2] y) {
    z = Gemm(x, w)
    y = If (c) <then_branch = t () => (float[N, 2] a) { a = Mul(z, v) },
                else_branch = e () => (float[N, 2] b) { b = Neg(z) }>
}"""


def model() -> ModelProto:
    return written(GRAPH, w=random(4, 2), v=random(2, seed=1))


DIGEST = from_proto(model()).digest


def test_storage_outside_the_model_does_not_count(tmp_path: Path) -> None:
    assert load(saved(model(), tmp_path, outside="weights.bin")).digest == DIGEST
    (tmp_path / "inside").mkdir()
    assert load(saved(model(), tmp_path / "inside")).digest == DIGEST


def test_typed_fields_do_not_count() -> None:
    proto = model()
    for tensor in proto.graph.initializer:
        values = numpy_helper.to_array(tensor)
        tensor.CopyFrom(onnx.helper.make_tensor(tensor.name, tensor.data_type, values.shape, values.reshape(-1)))
    assert from_proto(proto).digest == DIGEST


def test_remarks_do_not_count() -> None:
    proto = model()
    proto.producer_name, proto.doc_string, proto.graph.name = "another exporter", "made on a Monday", "main_graph"
    proto.metadata_props.add(key="author", value="somebody")
    node, branch = proto.graph.node[0], proto.graph.node[1].attribute[0].g
    node.doc_string = branch.node[0].doc_string = proto.graph.input[0].doc_string = "/home/somebody/train.py:7"
    proto.graph.value_info.append(onnx.helper.make_tensor_value_info("z", 1, ["N", 2]))
    assert from_proto(proto).digest == DIGEST


def change_weight(proto: ModelProto) -> None:
    tensor = proto.graph.initializer[0]
    values = numpy_helper.to_array(tensor).copy()
    values[3, 1] = np.nextafter(values[3, 1], np.float32(9))
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def change_branch(proto: ModelProto) -> None:
    proto.graph.node[1].attribute[1].g.node[0].op_type = "Abs"


def change_attribute(proto: ModelProto) -> None:
    proto.graph.node[0].attribute.append(onnx.helper.make_attribute("alpha", 0.5))


def change_node_name(proto: ModelProto) -> None:
    proto.graph.node[0].name = "fc"


def change_opset(proto: ModelProto) -> None:
    next(entry for entry in proto.opset_import if not entry.domain).version = 17


def change_shape(proto: ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


@pytest.mark.parametrize(
    "change", [change_weight, change_branch, change_attribute, change_node_name, change_opset, change_shape]
)
def test_what_the_model_computes_counts(change: object) -> None:
    proto = model()
    assert callable(change)
    change(proto)
    assert from_proto(proto).digest != DIGEST


def test_functions_count() -> None:
    function = '<domain: "local", opset_import: ["": 13]> f (a) => (b) {{ b = {}(a) }}'
    graph = "g (float[N] x) => (float[N] y) { y = local.f(x) }"
    neg, absolute = (from_proto(written(graph, 13, function.format(op))).digest for op in ("Neg", "Abs"))
    assert neg != absolute

"""Models: everything between a file and a graph that is ready to run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from hypothesis import strategies as st
from onnx import ModelProto

from quantkit.graph.editing.scopes import made
from quantkit.graph.model import from_bytes, load
from quantkit.graph.prepare import prepared
from quantkit.graph.taps import plan_taps, tapped
from tests.fuzz.damage import damaged
from tests.fuzz.feeding import survives
from tests.onnx_models import random, saved, written

SMALL = [
    written(
        """g (float[N, 3, 8, 8] x) => (float[?, ?] y) {
            p = Conv <pads = [1, 1, 1, 1]> (x, w) n = BatchNormalization(p, s, s, s, s) r = Relu(n)
            k = Constant <value = float {2}> () m = Mul(r, k) q = ReduceMean <axes = [2, 3], keepdims = 0> (m)
            y = Gemm <transB = 1> (q, f) }""",
        11,
        w=random(4, 3, 3, 3),
        s=np.ones(4, np.float32),
        f=random(2, 4),
    ),
    written(
        """g (float[2] x, bool c) => (float[2] y) {
            z = local.f(x)
            y = If (c) <then_branch = t () => (float[2] a) { a = Mul(z, w) },
                        else_branch = e () => (float[2] b) { b = Dropout(z) }> }""",
        13,
        '<domain: "local", opset_import: ["": 13]> f (a) => (b) { b = Neg(a) }',
        w=random(2),
    ),
]  # fmt: skip


def ready(content: bytes) -> None:
    """All that is done to a model before any engine sees it."""
    model = prepared(from_bytes(content), upgrade_opset=True)
    tapped(model, plan_taps(model, made(model.proto.graph.node)).tapped)


def test_bytes() -> None:
    survives("model", damaged([proto.SerializeToString() for proto in SMALL]), ready)


def test_files_with_external_data(tmp_path: Path) -> None:
    path = saved(SMALL[0], tmp_path, outside="w.bin")

    def feed(content: bytes) -> None:
        path.write_bytes(content)
        load(path)

    survives("model with external data", damaged([path.read_bytes()]), feed)


FIELDS = ("op_type", "domain", "input", "output", "attribute", "dims", "data_type", "opset", "shape")
OPERATORS = sorted({schema.name for schema in onnx.defs.get_all_schemas() if not schema.domain})
NUMBERS = (-(2**63), -1, 0, 1, 2, 7, 2**31, 2**62)


def test_well_formed_models_that_make_no_sense() -> None:
    changes = st.lists(st.tuples(st.sampled_from(FIELDS), st.integers(0, 999)), min_size=1, max_size=4)

    def feed(case: tuple[ModelProto, list[tuple[str, int]]]) -> None:
        proto = ModelProto()
        proto.CopyFrom(case[0])
        for field, number in case[1]:
            spoil(proto, field, number)
        ready(proto.SerializeToString())

    survives("model, spoilt", st.tuples(st.sampled_from(SMALL), changes), feed)


def spoil(proto: ModelProto, field: str, number: int) -> None:
    graph = proto.graph
    node = graph.node[number % len(graph.node)]
    tensor = graph.initializer[number % len(graph.initializer)]
    value = NUMBERS[number % len(NUMBERS)]
    names = ["", "x", "y", "w", "nowhere"]
    if field == "op_type":
        node.op_type = OPERATORS[number * 7 % len(OPERATORS)]
    elif field in ("input", "output"):
        getattr(node, field).append(names[number % len(names)])
    elif field == "attribute":
        node.attribute.append(onnx.helper.make_attribute(["axis", "group", "pads", "epsilon"][number % 4], value))
    elif field == "domain":
        node.domain = "com.microsoft"
    elif field == "dims":
        tensor.dims.append(value)
    elif field == "data_type":
        tensor.data_type = number % 30
    elif field == "opset":
        proto.opset_import[0].version = number % 30
    else:
        graph.input[0].type.tensor_type.shape.dim[0].dim_value = value

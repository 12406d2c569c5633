"""Coverage is what ONNX Runtime executes, not what was asked for."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxruntime
import pytest
from onnx import ModelProto
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

from quantkit.backends._ort_coverage import measured_coverage
from quantkit.core.arrays import Batch
from quantkit.core.artifact import SerializedModel
from quantkit.core.comparison import Coverage
from quantkit.core.errors import ModelError
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model, from_proto
from quantkit.graph.placement import place
from quantkit.graph.provenance import stamp
from tests.onnx_models import random, written
from tests.quantization import quantized, ready, with_ranges

WEIGHTS = {
    "w": random(8, 8, 3, 3, seed=1) / 4,
    "v": random(8, 8, 1, 1, seed=2),
    "b": random(8, seed=3),
    "slope": random(8, 1, 1, seed=4),
    "m": random(8, 8, seed=5),
}
BATCH = {"x": random(2, 8, 8, 8, seed=6)}


def network(body: str) -> Model:
    return ready(written(f"g (float[2, 8, 8, 8] x) => (float[2, 8, 8, 8] y) {{ {body} }}", **WEIGHTS))


def covered(proto: ModelProto) -> Coverage:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return measured_coverage(SerializedModel(proto.SerializeToString()), options)


def precisions(coverage: Coverage) -> dict[str, str]:
    return {node.node: node.precision for node in coverage.nodes}


def test_fused_nodes_and_the_clamps_that_vanish_into_them_run_in_integers() -> None:
    model = network(
        """[conv1] c = Conv <pads = [1, 1, 1, 1]> (x, w, b) [relu] r = Relu (c)
        [pool] p = MaxPool <kernel_shape = [1, 1]> (r)
        [conv2] d = Conv (p, v) [sum] s = Add (d, p) [last] y = Relu (s)"""
    )
    coverage = covered(quantized(model, [BATCH]))
    assert precisions(coverage) == dict.fromkeys(("conv1", "relu", "conv2", "sum", "last"), "int8")
    assert coverage.share == 1.0


def test_floats_between_products_are_named_with_the_reason() -> None:
    model = network("[fc1] a = MatMul (x, m) [bias] s = Add (a, b) [act] t = Tanh (s) [fc2] y = MatMul (t, m)")
    coverage = covered(quantized(model, [BATCH]))
    assert precisions(coverage) == {"fc1": "int8", "bias": "fp32", "act": "fp32", "fc2": "int8"}
    assert [node.reason for node in coverage.nodes if node.precision == "fp32"] == ["it has no Q/DQ pairs"] * 2


def test_the_reason_that_the_model_carries_comes_first() -> None:
    model = network("[conv1] c = Conv (x, v, b) [conv2] y = Conv (c, v)")
    exclude = Exclusion(nodes=("conv1",))
    proto = quantized(model, [BATCH], exclude=exclude)
    stamp(proto, place(model, "ort-cpu", exclude), with_ranges(model, {}))
    reasons = {node.node: node.reason for node in covered(proto).nodes}
    assert reasons == {"conv1": "excluded by name 'conv1'", "conv2": ""}


def test_pairs_that_the_runtime_does_not_fuse_are_found_out() -> None:
    model = network("[conv1] c = Conv (x, v, b) [relu] r = Relu (c) [conv2] y = Conv (r, v)")
    coverage = covered(quantized(model, [BATCH], target="tensorrt"))
    # No pair behind the last convolution: for this runtime it is none in integers.
    assert precisions(coverage)["conv2"] == "fp32"
    assert "dequantized" in coverage.nodes[-1].reason


def test_what_stands_for_a_prelu_counts_once() -> None:
    model = network("[conv1] c = Conv (x, v, b) [act] p = PRelu (c, slope) [conv2] y = Conv (p, v)")
    assert precisions(covered(quantized(model, [BATCH]))) == dict.fromkeys(("conv1", "act", "conv2"), "int8")


def test_what_float_fusion_swallows_is_not_called_integer() -> None:
    model = network(
        "[fc] a = MatMul (x, m) [turned] t = Transpose <perm = [0, 1, 3, 2]> (a) [pair] p = MatMul (x, t) "
        "[scaled] y = Mul (p, slope)"
    )
    found = precisions(covered(quantized(model, [BATCH])))
    assert found == {"fc": "int8", "pair": "fp32", "scaled": "fp32"}


def test_a_model_in_floats_has_no_integer_nodes() -> None:
    coverage = covered(network("[conv] c = Conv (x, v, b) [act] y = Relu (c)").proto)
    assert (coverage.integer, coverage.total) == (0, 2)


def test_pairs_are_counted_whether_or_not_they_are_fused() -> None:
    model = network("[conv1] c = Conv (x, v, b) [relu] r = Relu (c) [conv2] y = Conv (r, v)")
    found = [covered(quantized(model, [BATCH], target=target)) for target in ("ort-cpu", "tensorrt")]
    assert [coverage.integer for coverage in found] == [3, 0]
    assert all(coverage.pairs > 0 for coverage in found)
    assert covered(model.proto).pairs == 0


class Once(CalibrationDataReader):  # type: ignore[misc]
    """The batch, to ONNX Runtime's own calibration."""

    def __init__(self) -> None:
        self.left = [BATCH]

    def get_next(self) -> Batch | None:
        return self.left.pop() if self.left else None


def test_operators_of_integers_need_no_pairs(tmp_path: Path) -> None:
    model = network("[conv] c = Conv (x, v, b) [act] t = Tanh (c) [fc] y = MatMul (t, m)")
    onnx.save(model.proto, tmp_path / "fp32.onnx")
    quantize_static(tmp_path / "fp32.onnx", tmp_path / "int8.onnx", Once(), quant_format=QuantFormat.QOperator)
    coverage = covered(onnx.load(tmp_path / "int8.onnx"))
    assert {node.operator: node.precision for node in coverage.nodes} == {
        "QLinearConv": "int8", "Tanh": "fp32", "QLinearMatMul": "int8"
    }  # fmt: skip


def test_nodes_without_names_go_by_what_they_make() -> None:
    proto = quantized(network("c = Conv (x, v, b) y = Relu (c)"), [BATCH])
    for node in proto.graph.node:
        node.ClearField("name")
    assert precisions(covered(proto)) == {"c": "int8", "y_unquantized": "int8"}


def test_a_model_that_the_runtime_refuses_is_an_error_of_ours() -> None:
    broken = from_proto(
        written("g (float[N] x) => (float[N] y) { y = com.acme.Odd (x) }"),
        allow_custom_ops=True,
    )
    with pytest.raises(ModelError, match="ONNX Runtime refuses the model"):
        measured_coverage(broken.serialized(), onnxruntime.SessionOptions())

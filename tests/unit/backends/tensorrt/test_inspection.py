"""Layers, their nodes and their precision are read from what every version's inspector says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from onnx import ModelProto

from quantkit.backends.tensorrt.inspection import (
    Layer,
    composition,
    coverage,
    kept_out_of_int8,
    layers,
    unscaled,
)
from quantkit.core.errors import InternalError
from tests.unit.backends.tensorrt.small_models import network

TITLES = ("conv", "conv_1", "relu", "/head/MatMul", "a(b)", "pool")
INT8 = "Thirty-two wide channel vectorized row major Int8 format"
FP16 = "Channel major FP16 format where channel % 8 == 0"
FP32 = "Row major linear FP32"


def layer(
    name: str, *, read: str = FP32, made: str = FP32, kind: str = "CaskConvolution", **more: Any
) -> dict[str, Any]:
    """A layer as versions 8.5 to 10 describe it."""
    return {
        "Name": name,
        "LayerType": kind,
        "Inputs": [{"Name": f"{name} in", "Location": "Device", "Format/Datatype": read}],
        "Outputs": [{"Name": f"{name} out", "Format/Datatype": made}],
        **more,
    }


def read(*entries: dict[str, Any] | str, titles: tuple[str, ...] = TITLES) -> tuple[Layer, ...]:
    return layers(json.dumps({"Layers": list(entries), "Bindings": ["x"]}), titles)


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("conv", ("conv",)),
        ("conv + relu", ("conv", "relu")),
        ("conv || conv_1", ("conv", "conv_1")),
        ("conv_1", ("conv_1",)),
        ("conv_12", ()),
        ("weights + conv_weight_quantize + conv_1 + PWN(relu)", ("conv_1", "relu")),
        ("conv + PWN(PWN(relu), pool)", ("conv", "relu", "pool")),
        ("Reformatting CopyNode for Input Tensor 0 to conv + relu", ("conv", "relu")),
        ("/head/MatMul", ("/head/MatMul",)),
        ("reshape_before_conv", ()),
        ("a(b) + relu", ("a(b)", "relu")),
        ("node_of_conv + node_of_relu", ("conv", "relu")),
        ("{ForeignNode[conv.../head/MatMul]}", ()),
    ],
)
def test_nodes_are_found_in_the_names_of_fused_layers(name: str, nodes: tuple[str, ...]) -> None:
    (found,) = read(layer(name))
    assert found.nodes == nodes


@pytest.mark.parametrize("sign", ["\x1e", "\x1f", ""])
def test_metadata_counts_more_than_the_name(sign: str) -> None:
    (found,) = read(layer("__myl_Fc_0", Metadata=f"[ONNX Layer: conv]{sign}[ONNX Layer: a(b)]{sign}[ONNX Layer: gone]"))
    assert found.nodes == ("conv", "a(b)")


def test_metadata_may_be_separated_by_control_characters_as_they_are() -> None:
    text = json.dumps({"Layers": [layer("x", Metadata="[ONNX Layer: conv]\x1e[ONNX Layer: relu]")]})
    (found,) = layers(text.replace("\\u001e", "\x1e"), TITLES)
    assert found.nodes == ("conv", "relu")


@pytest.mark.parametrize(
    ("entry", "precision"),
    [
        (layer("conv", read=FP32, made=FP16, Weights={"Type": "Int8", "Count": 9}), "int8"),
        (layer("conv", read=INT8, made=INT8, Weights={"Type": "Half", "Count": 9}), "fp16"),
        (layer("conv", Weights={"Type": "Float", "Count": 9}), "fp32"),
        (layer("pool", read=INT8, made=FP16), "int8"),
        (layer("pool", read=FP16), "fp16"),
        (layer("pool", read=FP16, Precision="INT8"), "int8"),
        ({"Name": "x", "Inputs": [{"Name": "a", "Format": "Row major linear", "DataType": "Int8"}]}, "int8"),
        ({"Name": "x", "Inputs": [{"Name": "a", "Format": "Row major linear", "Datatype": "BFloat16"}]}, "bf16"),
        ({"Name": "x", "Inputs": [], "Outputs": [{"Name": "a", "Format/Datatype": "N/A due to dynamic shapes"}]}, ""),
        ("x", ""),
        (layer("{ForeignNode[conv.../head/MatMul]}", read=INT8, kind="Myelin"), ""),
        (layer("{ForeignNode[conv.../head/MatMul]}", kind="Myelin", Weights={"Type": "Half"}), "fp16"),
        (layer("{ForeignNode[conv.../head/MatMul]}", kind="Myelin", Precision="INT8"), "int8"),
        (layer("__myl_Fc_myl0_1", read=INT8, kind="gemm"), "int8"),
    ],
    ids=str,
)
def test_a_layer_computes_in_the_type_of_its_weights_or_inputs(entry: dict[str, Any] | str, precision: str) -> None:
    (found,) = read(entry)
    assert found.precision == precision


def test_layers_are_counted_by_precision_and_reformats_apart() -> None:
    engine = read(
        layer("Reformatting CopyNode for Input Tensor 0 to conv", kind="Reformat"),
        layer("conv", Weights={"Type": "Int8"}),
        layer("conv_1", Weights={"Type": "Int8"}),
        layer("pool", read=FP16),
    )
    assert str(composition(engine)) == "1 fp16, 2 int8, 1 reformats"


def test_coverage_names_every_matrix_product_and_what_it_runs_in() -> None:
    titles = ("conv1", "relu1", "conv2", "relu2", "classifier")
    engine = read(
        layer("Reformatting CopyNode for Input Tensor 0 to conv1 + relu1", kind="Reformat"),
        layer("conv1 + relu1", Weights={"Type": "Half"}),
        layer("conv2", Weights={"Type": "Int8"}),
        titles=titles,
    )
    found = coverage(engine, network().graph)
    assert [(node.node, node.operator, node.precision, node.reason) for node in found.nodes] == [
        ("conv1", "Conv", "fp16", "TensorRT had the choice, and took fp16"),
        ("conv2", "Conv", "int8", ""),
        ("classifier", "Gemm", "unknown", "no layer of the engine names it"),
    ]
    assert found.share == pytest.approx(1 / 3)
    assert kept_out_of_int8(engine, network().graph).nodes == ("conv1",)


def test_a_node_in_floats_says_whether_it_has_a_pair() -> None:
    engine = read(
        layer("conv1", Weights={"Type": "Half"}),
        layer("conv2", Weights={"Type": "Half"}),
        layer("classifier", Weights={"Type": "Int8"}),
        titles=("conv1", "conv2", "classifier"),
    )
    paired = ModelProto.FromString(network().SerializeToString()).graph
    for node in paired.node:
        if node.name in ("conv2", "classifier"):
            node.input[0] = "restored"
    paired.node.add(op_type="DequantizeLinear", input=["codes", "scale"], output=["restored"])
    found = coverage(engine, network().graph, built_from=paired)
    assert {node.node: node.reason for node in found.nodes} == {
        "conv1": "it has no Q/DQ pair",
        "conv2": "TensorRT took fp16 in spite of its Q/DQ pair",
        "classifier": "",
    }


def test_of_several_layers_that_name_a_node_the_one_with_weights_computes_it() -> None:
    engine = read(
        layer("classifier + shuffle", read=FP32), layer("classifier", Weights={"Type": "Int8"}), titles=("classifier",)
    )
    (node,) = [node for node in coverage(engine, network().graph).nodes if node.node == "classifier"]
    assert node.precision == "int8"


def test_what_is_fused_is_known_of_an_engine_and_only_predicted_of_a_model() -> None:
    engine = (Layer("add + relu", "PointWise", "fp16", inputs=("x",), outputs=("relu",)),)
    absent = {"size": "not float", "negated": "constant", "sum": "missing", "relu": "fused", "x": "missing"}
    assert unscaled(engine, absent) == {
        "size": "not float",
        "negated": "constant",
        "sum": "fused",
        "relu": "missing",
        "x": "missing",
    }


def test_a_bound_that_is_no_json_number_is_passed_over() -> None:
    text = '{"Layers": [{"Name": "relu", "Alpha": 0, "Beta": inf, "Ends": [-inf, nan]}]}'
    assert [found.nodes for found in layers(text, TITLES)] == [("relu",)]


def test_what_is_compiled_as_a_whole_has_an_unknown_precision_and_says_so() -> None:
    named = "".join(f"[ONNX Layer: {node}]" for node in ("conv1", "conv2"))
    engine = read(layer("{ForeignNode[conv1...conv2]}", read=INT8, Metadata=named), titles=("conv1", "conv2"))
    first = coverage(engine, network().graph).nodes[0]
    assert (first.precision, first.reason) == ("unknown", "the engine does not tell in which type its layer computes")
    assert kept_out_of_int8(engine, network().graph).nodes == ()


@pytest.mark.parametrize("entries", [("conv1 + relu1", "conv2"), ()], ids=["names only", "nothing"])
def test_an_engine_without_details_leaves_unknown_what_runs_in_int8(entries: tuple[str, ...]) -> None:
    engine = read(*entries, titles=("conv1", "conv2"))
    found = coverage(engine, network().graph, {"c1": "fused", "c2": "missing"})
    assert {(node.precision, node.reason) for node in found.nodes} == {
        ("unknown", "the engine was built to tell no details of its layers")
    }
    assert found.engine is not None
    # No tensor is seen, which does not mean that each was fused.
    assert found.engine.unscaled == {"c1": "fused", "c2": "missing"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Layers": 3}'])
def test_another_form_is_a_defect_of_ours(text: str) -> None:
    with pytest.raises(InternalError, match="QK9020"):
        layers(text, TITLES)

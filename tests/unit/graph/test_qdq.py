"""A model with pairs is the same model to whoever feeds and reads it, and nearly the same function."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto

from quantkit.core.errors import ArtifactError
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model, load
from quantkit.graph.placement import place
from quantkit.graph.prepare import prepared
from quantkit.graph.qdq import with_qdq
from tests.onnx_models import operators, random, results, saved, written
from tests.quantization import (
    as_written,
    calibrated,
    quantized,
    ready,
    sqnr_db,
    with_ranges,
    without_observations,
)

C = 4
WEIGHTS = {"w": random(C, C, 3, 3, seed=1) / 3, "v": random(C, C, 1, 1, seed=2), "b": random(C, seed=3)}
SAME = "<pads = [1, 1, 1, 1]>"
TARGETS = ("ort-cpu", "tensorrt")
BATCH = {"x": random(2, C, 6, 6, seed=9)}

# Steps from a tensor {0} to a tensor {1}, all of one shape; {2} is an earlier tensor.
STEPS = (
    f"{{1}} = Conv {SAME} ({{0}}, w, b)",
    "{1} = Conv ({0}, v)",
    "{1} = Relu ({0})",
    "{1} = Clip ({0}, low, high)",
    "{1} = Tanh ({0})",
    "{1} = Add ({0}, {2})",
    "{1} = Add ({0}, half)",
    "{1} = Mul ({0}, half)",
    "{1} = PRelu ({0}, slope)",
    "{1} = Sigmoid ({0})",
    "{1} = MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> ({0})",
    "{1} = Transpose <perm = [0, 1, 3, 2]> ({0})",
    "{1} = HardSwish ({0})",
    "{1} = MatMul ({0}, {2})",
    "{1} = Mul (slope, {0})",
    "{1} = BatchNormalization ({0}, b, b, b, variance)",
    '{1} = Pad <mode = "edge"> ({0}, pads)',
    "{1} = HardSigmoid ({0})",
)
CONSTANTS = "float low = {-2}, float high = {2}, float half = {0.5}"


def network(steps: list[tuple[int, int]]) -> Model:
    """A chain of steps, each with the position of the earlier tensor that it also reads."""
    names = ["x", *(f"t{place}" for place in range(len(steps) - 1)), "y"]
    body = [
        STEPS[step].format(names[at], names[at + 1], names[other % (at + 1)]) for at, (step, other) in enumerate(steps)
    ]
    more = {"slope": random(C, 1, 1, seed=4), "variance": np.abs(random(C, seed=5)), "pads": np.zeros(8, np.int64)}
    graph = f"g (float[N, 4, 6, 6] x) => (float[N, 4, 6, 6] y) <{CONSTANTS}> {{ {' '.join(body)} }}"
    return ready(written(graph, 14, **more, **WEIGHTS))


def interface(proto: ModelProto) -> list[bytes]:
    return [value.SerializeToString() for value in (*proto.graph.input, *proto.graph.output)]


def assert_well_formed(proto: ModelProto) -> None:
    """Every Q has a DQ, no tensor is quantized twice in a row, every node has a name of its own."""
    made_by = {name: node for node in proto.graph.node for name in node.output}
    readers = Counter(node.input[0] for node in proto.graph.node if node.op_type == "DequantizeLinear")
    for node in proto.graph.node:
        if node.op_type == "QuantizeLinear":
            reading = {other.op_type for other in proto.graph.node if node.output[0] in other.input}
            assert readers[node.output[0]] or reading, f"{node.name} has no DQ"
            before = made_by.get(node.input[0])
            assert before is None or before.op_type != "DequantizeLinear", f"{node.name} is a second pair"
    titles = Counter(node.name for node in proto.graph.node)
    assert titles.most_common(1)[0][1] == 1
    assert not titles[""]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(STEPS) - 1), st.integers(0, 9)), min_size=1, max_size=9),
    st.sampled_from(TARGETS),
    st.booleans(),
)
def test_any_network_keeps_its_interface_runs_and_is_fused_faithfully(
    steps: list[tuple[int, int]], target: str, reduce_range: bool
) -> None:
    model = network(steps)
    proto = quantized(model, [BATCH], target=target, reduce_range=reduce_range)
    assert interface(proto) == interface(model.proto)
    assert_well_formed(proto)
    exact, fused, unfused = results(model, BATCH), results(proto, BATCH), as_written(proto, BATCH)
    if np.abs(exact["y"]).max() > 1e-3:
        assert sqnr_db(exact, fused) > 6
        # Kernels on codes may round half-way cases the other way, which later layers amplify.
        assert sqnr_db(unfused, fused) > 15


@pytest.mark.parametrize("target", TARGETS)
def test_the_same_input_gives_the_same_bytes(target: str) -> None:
    model = network([(0, 0), (2, 0), (8, 0), (1, 0), (5, 1)])
    first, second = (quantized(model, [BATCH], target=target) for _ in range(2))
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)


def test_the_model_itself_stays_as_it_is() -> None:
    model = network([(0, 0), (2, 0), (8, 0), (7, 0)])
    before = model.proto.SerializeToString(deterministic=True)
    quantized(model, [BATCH])
    assert model.proto.SerializeToString(deterministic=True) == before


def test_weights_are_stored_as_codes_alone() -> None:
    proto = quantized(network([(0, 0), (1, 0)]), [BATCH])
    types = {tensor.name: tensor.data_type for tensor in proto.graph.initializer}
    assert not {"w", "v", "b"} & types.keys()
    assert types["w_quantized"] == types["v_quantized"] == TensorProto.INT8
    assert types["b_quantized"] == TensorProto.INT32


def test_a_shared_bias_is_stored_for_each_scale_and_node_names_stay_apart() -> None:
    proto = quantized(network([(0, 0), (0, 0), (0, 0)]), [BATCH])
    biases = [tensor for tensor in proto.graph.initializer if tensor.data_type == TensorProto.INT32]
    assert len([tensor for tensor in biases if "zero_point" not in tensor.name]) == 3
    assert_well_formed(proto)


def test_a_weight_that_others_read_too_is_kept() -> None:
    graph = """g (float[N, 4, 6, 6] x) => (float[N, 4, 6, 6] y, float[4, 4, 1, 1] v) {
        c = Conv (x, v) k = ReduceMean <keepdims = 0> (v) y = Mul (c, k) }"""
    model = ready(written(graph, **WEIGHTS))
    proto = quantized(model, [BATCH])
    assert np.array_equal(results(proto, BATCH)["v"], WEIGHTS["v"])


def test_an_output_in_the_middle_keeps_its_name_and_is_read_on() -> None:
    graph = f"""g (float[N, 4, 6, 6] x) => (float[N, 4, 6, 6] c, float[N, 4, 6, 6] y) {{
        c = Conv {SAME} (x, w, b) y = Conv (c, v) }}"""
    model = ready(written(graph, **WEIGHTS))
    assert sqnr_db(results(model, BATCH), results(quantized(model, [BATCH]), BATCH)) > 25


def test_names_that_are_taken_are_not_taken_again() -> None:
    graph = f"""g (float[N, 4, 6, 6] x) => (float[N, 4, 6, 6] y) {{
        x_quantized = Tanh (x) x_scale = Exp (x) c = Conv {SAME} (x, w, b) s = Sum (c, x_quantized, x_scale)
        y = Relu (s) }}"""
    model = ready(written(graph, **WEIGHTS))
    assert sqnr_db(results(model, BATCH), results(quantized(model, [BATCH]), BATCH)) > 25


def test_what_a_branch_reads_from_around_it_is_still_there() -> None:
    graph = f"""g (float[N, 4, 6, 6] x, bool c) => (float[N, 4, 6, 6] y) {{
        a = Conv {SAME} (x, w, b)
        y = If (c) <
            then_branch = t () => (float[N, 4, 6, 6] r) {{ r = Neg (a) }},
            else_branch = e () => (float[N, 4, 6, 6] s) {{ s = Identity (a) }}
        > }}"""
    model = ready(written(graph, **WEIGHTS))
    batch = {**BATCH, "c": np.array(True)}
    assert sqnr_db(results(model, batch), results(quantized(model, [batch]), batch)) > 25


def test_what_comes_from_nowhere_can_be_quantized() -> None:
    graph = (
        "g (float[2, 4] x) => (float[2, 4] y) { r = RandomNormal <shape = [2, 4]> () p = MatMul (r, m) y = Add (p, x) }"
    )
    model = ready(written(graph, m=random(4, 4)))
    placement = place(model, "ort-cpu")
    proto = with_qdq(model, placement, with_ranges(model, {"r": (-4.0, 4.0)}))
    assert np.isfinite(results(proto, {"x": random(2, 4)})["y"]).all()


def test_optional_inputs_that_are_left_empty_stay_empty() -> None:
    graph = f"""g (float[N, 4, 6, 6] x) => (float[N, 4, 12, 12] y) <float[4] s = {{1, 1, 2, 2}}> {{
        c = Conv {SAME} (x, w, b) y = Resize <mode = "nearest"> (c, , s) }}"""
    proto = quantized(ready(written(graph, **WEIGHTS)), [BATCH])
    (resize,) = (node for node in proto.graph.node if node.op_type == "Resize")
    assert resize.input[1] == ""


def test_weights_in_another_file_are_brought_home(tmp_path: Path) -> None:
    graph = (
        f"g (float[N, 4, 6, 6] x) => (float[N, 4, 6, 6] y) {{ c = Conv {SAME} (x, w, b) t = Tanh (c) y = Mul (t, k) }}"
    )
    model = prepared(load(saved(written(graph, **WEIGHTS, k=random(4, 6, 6)), tmp_path, outside="weights.bin")))
    assert model.proto.graph.initializer[0].data_location == TensorProto.EXTERNAL
    proto = quantized(model, [BATCH])
    assert {tensor.data_location for tensor in proto.graph.initializer} == {TensorProto.DEFAULT}
    assert sqnr_db(results(model, BATCH), results(proto, BATCH)) > 25


def test_a_dead_relu_and_a_constant_input_are_exact() -> None:
    model = network([(0, 0), (2, 0), (1, 0)])
    ranges = {"x": (0.0, 0.0), "t1": (0.0, 0.0), "y": (0.0, 0.0)}
    proto = with_qdq(model, place(model, "ort-cpu"), with_ranges(model, ranges))
    assert np.isfinite(results(proto, BATCH)["y"]).all()


def test_a_tiny_range_gives_a_model_that_runs() -> None:
    model = network([(0, 0), (1, 0)])
    ranges = dict.fromkeys(("x", "t0", "y"), (-1e-38, 1e-38))
    proto = with_qdq(model, place(model, "ort-cpu"), with_ranges(model, ranges))
    assert np.isfinite(results(proto, BATCH)["y"]).all()


def test_an_excluded_product_stays_exactly_what_it_was() -> None:
    model = network([(0, 0), (2, 0)])
    proto = quantized(model, [BATCH], exclude=Exclusion(ops=("Conv",)))
    assert operators(proto.graph) == ["Conv", "Relu"]
    assert np.array_equal(results(proto, BATCH)["y"], results(model, BATCH)["y"])


def test_the_calibration_of_another_model_is_refused_with_both_digests() -> None:
    model, other = network([(0, 0)]), network([(1, 0)])
    placement = place(model, "ort-cpu")
    with pytest.raises(ArtifactError, match="belongs to another model") as refusal:
        with_qdq(model, placement, calibrated(other, place(other, "ort-cpu"), [BATCH]))
    assert refusal.value.code == "QK3222"
    assert model.digest in str(refusal.value)
    assert other.digest in str(refusal.value)


def test_a_calibration_for_fewer_tensors_is_refused_by_the_name_of_the_missing_one() -> None:
    model = network([(0, 0), (1, 0)])
    placement = place(model, "ort-cpu")
    with pytest.raises(ArtifactError, match="no range for tensor 't0'"):
        with_qdq(model, placement, without_observations(calibrated(model, placement, [BATCH]), "t0"))


@pytest.mark.material
@pytest.mark.parametrize(
    ("name", "shape", "least_db"),
    [
        pytest.param("cifar10/resnet20_cifar10", (4, 3, 32, 32), 20, id="ResNet-20"),
        pytest.param("kws/kwt1_mfcc_op17", (2, 98, 40), 10, id="KWT-1"),
        pytest.param("face/mobilefacenet_casia_112x96", (1, 3, 112, 96), 10, id="MobileFaceNet"),
    ],
)
@pytest.mark.parametrize("target", TARGETS)
def test_a_real_network_survives(
    material: Path, name: str, shape: tuple[int, ...], least_db: float, target: str
) -> None:
    model = prepared(load(material / "models" / f"{name}.onnx"))
    batch = {model.inputs[0].name: random(*shape)}
    proto = quantized(model, [batch], target=target)
    onnx.checker.check_model(proto, full_check=True)
    assert_well_formed(proto)
    assert sqnr_db(results(model, batch), results(proto, batch)) > least_db

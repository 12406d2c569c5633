"""A model with float16 in it is the same model to whoever feeds and reads it, and nearly the same function."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto

from quantkit.core.arrays import Batch
from quantkit.graph.halves import Halved, has_halves, with_halves
from quantkit.graph.loading.operators import quantized_operators
from tests.onnx_models import operators, random, results, saved, written
from tests.quantization import as_written, quantized, ready, sqnr_db

WEIGHTS = {"w": random(4, 4, 3, 3, seed=1) / 3, "v": random(4, 4, seed=2), "b": random(4, seed=3)}
BATCH = {"x": random(2, 4, 6, 6, seed=9)}

NETWORK = """g (float[N, 4, 6, 6] x) => (float[N, 4] y, float[N, 4, 6, 6] r) {
    c = Conv <pads = [1, 1, 1, 1]> (x, w, b)
    r = Relu (c)
    a = Add (r, x)
    p = GlobalAveragePool (a)
    f = Flatten (p)
    m = MatMul (f, v)
    y = Softmax (m)
}"""

# Every tensor is rounded to 11 bits, which is 60 dB and more below it, and errors of a few layers add up.
LEAST_DB = 50.0


def halved(proto: ModelProto, folder: Path | None = None) -> Halved:
    """`proto` in float16; valid, with types that agree."""
    found = with_halves(proto, folder)
    onnx.checker.check_model(found.proto, full_check=True)
    onnx.shape_inference.infer_shapes(found.proto, check_type=True, strict_mode=True, data_prop=True)
    return found


def interface(proto: ModelProto) -> list[bytes]:
    return [value.SerializeToString() for value in (*proto.graph.input, *proto.graph.output)]


def types(proto: ModelProto) -> dict[str, int]:
    return {tensor.name: tensor.data_type for tensor in proto.graph.initializer}


def test_the_interface_stays_and_the_weights_become_half() -> None:
    proto = written(NETWORK, **WEIGHTS)
    found = halved(proto)
    assert interface(found.proto) == interface(proto)
    assert types(found.proto) == dict.fromkeys(WEIGHTS, TensorProto.FLOAT16)
    assert (found.nodes, list(found.kept)) == (6, ["y"])
    assert operators(found.proto.graph).count("Cast") == 3
    assert sqnr_db(results(proto, BATCH), results(found.proto, BATCH)) > LEAST_DB


def test_equal_models_become_equal_bytes() -> None:
    first, second = (halved(written(NETWORK, **WEIGHTS)).proto.SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_a_model_that_has_halves_is_told_from_one_that_has_none() -> None:
    proto = written(NETWORK, **WEIGHTS)
    assert not has_halves(proto)
    assert has_halves(with_halves(proto).proto)


def test_a_constant_that_is_read_in_both_types_is_stored_in_both() -> None:
    proto = written(
        "g (float[N, 4] x) => (float[N, 4] y) { m = MatMul (x, v) a = Add (m, b) s = Softmax (a) y = Mul (s, b) }",
        v=WEIGHTS["v"],
        b=WEIGHTS["b"],
    )
    found = halved(proto)
    assert types(found.proto) == {
        "v": TensorProto.FLOAT16,
        "b": TensorProto.FLOAT,
        "b_float16": TensorProto.FLOAT16,
    }
    batch = {"x": random(3, 4)}
    assert sqnr_db(results(proto, batch), results(found.proto, batch)) > LEAST_DB


def test_what_inner_graphs_capture_keeps_its_name_and_type() -> None:
    branches = (
        "then_branch = t () => (float[N, 4] p) { p = Exp (m) }, else_branch = e () => (float[N, 4] q) { q = Neg (m) }"
    )
    proto = written(
        f"g (float[N, 4] x, bool c) => (float[N, 4] y) {{ m = MatMul (x, v) y = If (c) <{branches}> }}",
        v=WEIGHTS["v"],
    )
    batch = {"x": random(3, 4), "c": np.array(True)}
    assert sqnr_db(results(proto, batch), results(halved(proto).proto, batch)) > LEAST_DB


def test_names_that_are_taken_are_left_alone() -> None:
    proto = written(
        "g (float[N, 4] x) => (float[N, 4] y) { x_float16 = Relu (x) m = MatMul (x_float16, v) y = Add (m, x) }",
        v=WEIGHTS["v"],
    )
    batch = {"x": random(3, 4)}
    assert sqnr_db(results(proto, batch), results(halved(proto).proto, batch)) > LEAST_DB


def test_batch_normalization_is_folded_first() -> None:
    statistics = {"mean": WEIGHTS["b"], "variance": np.abs(WEIGHTS["b"]) * np.float32(1e-6)}
    proto = written(
        """g (float[N, 4, 6, 6] x) => (float[N, 4, 6, 6] y) {
            c = Conv <pads = [1, 1, 1, 1]> (x, w) n = BatchNormalization (c, b, b, mean, variance) y = Relu (n) }""",
        **WEIGHTS,
        **statistics,
    )
    found = halved(proto)
    assert not found.kept
    assert sqnr_db(results(proto, BATCH), results(found.proto, BATCH)) > LEAST_DB


def test_weights_outside_are_read_from_there(tmp_path: Path) -> None:
    proto = written(NETWORK, **WEIGHTS)
    path = saved(proto, tmp_path, outside="weights.bin")
    found = halved(onnx.load(path, load_external_data=False), tmp_path)
    assert sqnr_db(results(proto, BATCH), results(found.proto, BATCH)) > LEAST_DB


@pytest.mark.parametrize("opset", [13, 17, 21])
def test_a_model_with_pairs_keeps_its_codes(opset: int) -> None:
    fp32 = ready(written(NETWORK, opset, **WEIGHTS))
    int8 = quantized(fp32, [BATCH], target="tensorrt")
    found = halved(int8)
    assert next(entry.version for entry in found.proto.opset_import if not entry.domain) == max(opset, 19)
    kinds = types(found.proto)
    for node in found.proto.graph.node:
        if node.op_type == "DequantizeLinear":
            assert kinds[node.input[1]] == TensorProto.FLOAT16
    # The first pair quantizes what is fed as it is.
    assert [node for node, why in found.kept.items() if why == "it quantizes float32"] == ["x_QuantizeLinear"]
    assert quantized_operators(found.proto) == quantized_operators(int8)
    # The noise of the codes is 30 dB below the signal; that of float16 must not show beside it.
    noise = sqnr_db(results(fp32, BATCH), as_written(int8, BATCH))
    assert sqnr_db(results(fp32, BATCH), as_written(found.proto, BATCH)) > noise - 1


def test_metadata_and_node_names_survive() -> None:
    int8 = quantized(ready(written(NETWORK, **WEIGHTS)), [BATCH], target="tensorrt")
    int8.metadata_props.add(key="quantkit.rule", value="max")
    found = halved(int8).proto
    assert [(entry.key, entry.value) for entry in found.metadata_props] == [("quantkit.rule", "max")]
    assert {node.name for node in int8.graph.node} <= {node.name for node in found.graph.node}


REAL = {
    "cifar10/resnet20_cifar10.onnx": 60,
    "face/mobilefacenet_casia_112x96.onnx": 55,
    "face/ultraface_version-RFB-320.onnx": 55,
    "kws/kwt1_mfcc_op17.onnx": 60,
    "audio/gtcrn_simple.onnx": 55,
    "audio/dtln_model_1_lstm.onnx": 60,
    "sr/FSRCNN_x2.onnx": 60,
    "ocr/ch_ppocr_mobile_v2.0_cls_infer.onnx": 50,
    "imagenet/squeezenet1.1_imagenet.onnx": 55,
}


@pytest.mark.material
@pytest.mark.parametrize(("name", "least_db"), REAL.items())
def test_real_networks_lose_next_to_nothing(material: Path, name: str, least_db: float) -> None:
    proto = onnx.load(material / "models" / name)
    batch = fed(proto)
    assert sqnr_db(results(proto, batch), results(halved(proto).proto, batch)) > least_db


def fed(proto: ModelProto) -> Batch:
    """A batch of two, normally distributed, with sides of 64 where they are free."""
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return {
        value.name: random(
            *(size if isinstance(size, int) else 2 if at == 0 else 64 for at, size in enumerate(value.shape))
        )
        for value in session.get_inputs()
    }

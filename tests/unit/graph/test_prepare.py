"""A prepared model is the same function in the form that placement wants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto

from quantkit.core.arrays import Array
from quantkit.core.errors import ModelError
from quantkit.graph.model import from_proto, load
from quantkit.graph.prepare import prepared
from tests.onnx_models import assert_same, operators, random, results, saved, written

# Folding rounds each weight once more and changes the order of sums of up to some thousand products; over a few dozen
# layers that stays below this share of an output's largest value. Measured on these models: 1.1e-6 at most.
ROUNDING = 1e-5

MODELS: dict[str, dict[str, tuple[int, ...]]] = {
    "audio/dtln_model_1_lstm": {"input_2": (1, 1, 257), "input_3": (1, 2, 128, 2)},
    "audio/gtcrn_simple": {
        "mix": (1, 257, 1, 2),
        "conv_cache": (2, 1, 16, 16, 33),
        "tra_cache": (2, 3, 1, 1, 16),
        "inter_cache": (2, 1, 33, 16),
    },
    "audio/silero_vad_op18_ifless": {"input": (1, 576), "state": (2, 1, 128)},
    "cifar10/resnet20_cifar10": {"input": (2, 3, 32, 32)},
    "face/mobilefacenet_casia_112x96": {"input": (2, 3, 112, 96)},
    "face/ultraface_version-RFB-320": {"input": (1, 3, 240, 320)},
    "face/ultraface_version-slim-320_simplified": {"input": (1, 3, 240, 320)},
    "face/yunet_n_dynamic": {"input": (1, 3, 64, 96)},
    "imagenet/mobilenet_v2_1.0_224_imagenet": {"input": (1, 3, 224, 224)},
    "imagenet/squeezenet1.1_imagenet": {"data": (1, 3, 224, 224)},
    "kws/kwt1_mfcc_op17": {"mfcc": (2, 98, 40)},
    "ocr/ch_ppocr_mobile_v2.0_cls_infer": {"x": (1, 3, 48, 192)},
    "sr/FSRCNN_x2": {"IteratorGetNext:0": (1, 24, 32, 1)},
    "sr/super-resolution-10": {"input": (1, 1, 224, 224)},
}


@pytest.mark.material
@pytest.mark.parametrize("name", MODELS)
def test_a_real_model_computes_what_it_computed(material: Path, name: str) -> None:
    model = load(material / "models" / f"{name}.onnx")
    ready = prepared(model, upgrade_opset=True)
    onnx.checker.check_model(ready.proto, full_check=True)
    feeds: dict[str, Array] = {given: random(*shape, seed=len(shape)) for given, shape in MODELS[name].items()}
    if "silero" in name:
        feeds["sr"] = np.array(16000)
    assert_same(results(ready, feeds), results(model, feeds), ROUNDING)


@pytest.mark.material
@pytest.mark.parametrize("name", MODELS)
def test_a_real_model_is_ready_for_placement(material: Path, name: str) -> None:
    graph = prepared(load(material / "models" / f"{name}.onnx"), upgrade_opset=True).proto.graph
    # An Identity may only give a model output its name.
    inner = [node.op_type for node in graph.node if node.output[0] not in {value.name for value in graph.output}]
    assert not {"BatchNormalization", "Constant", "Identity"} & set(inner)
    names = [node.name for node in graph.node]
    assert all(names)
    assert len(set(names)) == len(names)
    stored = {tensor.name for tensor in graph.initializer}
    assert not stored & {value.name for value in graph.input}
    shaped = {value.name for value in (*graph.value_info, *graph.output)}
    assert shaped == {name for node in graph.node for name in node.output if name}


@pytest.mark.material
def test_an_old_real_model_is_refused_without_the_flag(material: Path) -> None:
    with pytest.raises(ModelError, match="the model uses operator set 9"):
        prepared(load(material / "models" / "face" / "ultraface_version-RFB-320.onnx"))


def everything() -> ModelProto:
    """A model for every pass at once: opset 11, initializer inputs, Constants, a function, dead and nameless nodes."""
    proto = written(
        """g (float[N, 3, 8, 8] x, bool c) => (float[?, ?] y) {
            k = Constant <value = float {0.5}> ()
            z = local.half(x, k)
            p = Conv <pads = [1, 1, 1, 1]> (z, w)
            n = BatchNormalization(p, s, s, s, s)
            i = Identity(n)
            d = Dropout(i)
            dead = Neg(d)
            q = ReduceMean <axes = [2, 3]> (d)
            u = Squeeze <axes = [2, 3]> (q)
            y = If (c) <then_branch = t () => (float[?, ?] a) { a = Mul(u, s) },
                        else_branch = e () => (float[?, ?] b) { b = Unsqueeze <axes = [0]> (s) }>
        }""",
        11,
        '<domain: "local", opset_import: ["": 11]> half (a, k) => (b) { b = Mul(a, k) }',
        w=random(40, 3, 3, 3),
        s=np.ones(40, np.float32),
    )
    proto.graph.input.append(onnx.helper.make_tensor_value_info("w", 1, [40, 3, 3, 3]))
    return proto


FEEDS = {"x": random(2, 3, 8, 8), "c": np.ones((), np.bool_)}


def test_all_passes_together_keep_the_results() -> None:
    model = from_proto(everything())
    ready = prepared(model, upgrade_opset=True)
    assert operators(ready.proto.graph) == ["Mul", "Conv", "ReduceMean", "Squeeze", "If"]
    for flag in (True, False):
        feeds = FEEDS | {"c": np.array(flag)}
        assert_same(results(ready, feeds), results(model, feeds), ROUNDING)


def test_preparing_leaves_the_model_and_its_digest() -> None:
    model = from_proto(everything())
    ready = prepared(model, upgrade_opset=True)
    assert model.proto == everything()
    assert ready.digest == model.digest
    assert ready.inputs == model.inputs


def test_preparing_is_the_same_every_time_and_done_once() -> None:
    first, second = (prepared(from_proto(everything()), upgrade_opset=True) for _ in range(2))
    assert first.proto.SerializeToString() == second.proto.SerializeToString()
    assert prepared(first).proto == first.proto


def test_weights_in_other_files_stay_there_unless_they_are_folded(tmp_path: Path) -> None:
    model = load(saved(everything(), tmp_path, outside="weights.bin"))
    ready = prepared(model, upgrade_opset=True)
    places = {tensor.name: tensor.data_location for tensor in ready.proto.graph.initializer}
    assert places["s"] == onnx.TensorProto.EXTERNAL
    assert places["w"] == onnx.TensorProto.DEFAULT
    assert_same(results(ready, FEEDS), results(model, FEEDS), ROUNDING)


def test_a_model_in_another_precision_is_refused() -> None:
    proto = written("g (float16[N] x) => (float16[N] y) { y = Relu(x) }")
    with pytest.raises(ModelError, match="tensor 'x' is float16"):
        prepared(from_proto(proto))

"""The written INT8 model is whole, valid and the same every time."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from quantkit.core.calibration import Calibration
from quantkit.core.errors import ArtifactError, InternalError, SetupError, UsageError
from quantkit.core.files import digest_of
from quantkit.export.qdq_onnx import QdqOnnxExporter, plugin
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model, load
from quantkit.graph.placement import place
from quantkit.graph.prepare import prepared
from quantkit.graph.provenance import facts
from tests.onnx_models import operators, random, results, saved, written
from tests.quantization import calibrated, ready, sqnr_db, with_ranges

BATCH = {"x": random(3, 8, seed=5)}
BODY = "[fc1] a = Gemm (x, w, b) r = Relu (a) [fc2] y = Gemm (r, v, b)"


def network() -> Model:
    weights = {"w": random(8, 64, seed=1), "v": random(64, 64, seed=2), "b": random(64, seed=3)}
    return ready(written(f"g (float[N, 8] x) => (float[N, 64] y) {{ {BODY} }}", **weights))


def calibration(model: Model, target: str = "ort-cpu") -> Calibration:
    return calibrated(model, place(model, target), [BATCH])


@pytest.fixture
def model() -> Model:
    return network()


def test_the_file_runs_and_the_artifact_says_what_it_is(model: Model, tmp_path: Path) -> None:
    artifact = plugin().write(model, calibration(model), tmp_path / "new" / "int8.onnx")
    assert (artifact.kind, artifact.digest) == ("qdq-onnx", digest_of(artifact.path))
    assert artifact.facts == {"target": "ort-cpu", "integer_nodes": 3, "left_out": []}
    written_model = onnx.load(artifact.path)
    onnx.checker.check_model(written_model, full_check=True)
    assert sqnr_db(results(model, BATCH), results(written_model, BATCH)) > 30
    assert facts(written_model)["model"] == model.digest


@pytest.mark.parametrize("largest", [1 << 30, 0], ids=["one file", "two files"])
def test_writing_again_writes_the_same_bytes(model: Model, tmp_path: Path, largest: int) -> None:
    exporter = QdqOnnxExporter(largest=largest)
    for name in ("a", "b"):
        exporter.write(model, calibration(model), tmp_path / name / "int8.onnx")
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("a", "b"))
    assert first == second


def test_weights_beyond_the_limit_lie_beside_the_model(model: Model, tmp_path: Path) -> None:
    artifact = QdqOnnxExporter(largest=1000).write(model, calibration(model), tmp_path / "int8.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["int8.onnx", artifact.facts["external_data"]]
    onnx.checker.check_model(str(artifact.path), full_check=True)
    light = onnx.load(artifact.path, load_external_data=False)
    outside = [tensor for tensor in light.graph.initializer if tensor.data_location == TensorProto.EXTERNAL]
    assert {tensor.name for tensor in outside} == {"v_quantized"}
    loaded = load(artifact.path)
    assert sqnr_db(results(model, BATCH), results(loaded, BATCH)) > 30
    # Tools that read the whole model into memory find the same weights.
    assert np.array_equal(results(onnx.load(artifact.path), BATCH)["y"], results(loaded, BATCH)["y"])


def test_a_new_model_leaves_no_old_weights_behind(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "int8.onnx"
    stranger = tmp_path / "other.onnx.0123456789abcdef.data"
    stranger.write_bytes(b"")
    two_files = QdqOnnxExporter(largest=0)
    first = two_files.write(model, calibration(model), path).facts["external_data"]
    second = QdqOnnxExporter(largest=0, reduce_range=True).write(model, calibration(model), path).facts["external_data"]
    assert first != second
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(["int8.onnx", str(second), stranger.name])
    plugin().write(model, calibration(model), path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["int8.onnx", stranger.name]


def test_weights_in_another_file_become_part_of_the_written_model(tmp_path: Path) -> None:
    weights = {"w": random(8, 64, seed=1), "v": random(64, 64, seed=2), "b": random(64, seed=3)}
    proto = written(f"g (float[N, 8] x) => (float[N, 64] y) {{ {BODY} }}", **weights)
    (tmp_path / "fp32").mkdir()
    model = prepared(load(saved(proto, tmp_path / "fp32", outside="weights.bin")))
    artifact = plugin().write(model, calibration(model), tmp_path / "int8.onnx")
    assert sqnr_db(results(model, BATCH), results(onnx.load(artifact.path), BATCH)) > 30


def test_target_and_exclusion_reach_the_placement(model: Model, tmp_path: Path) -> None:
    exporter = QdqOnnxExporter(target="tensorrt", exclude=Exclusion(nodes=("fc2",)))
    artifact = exporter.write(model, calibration(model, "tensorrt"), tmp_path / "int8.onnx")
    assert artifact.facts["integer_nodes"] == 1
    assert artifact.facts["left_out"] == ["fc2 (Gemm): excluded by name 'fc2'"]
    assert operators(onnx.load(artifact.path).graph)[-2:] == ["Relu", "Gemm"]


def test_seven_bit_weights_on_request(model: Model, tmp_path: Path) -> None:
    artifact = QdqOnnxExporter(reduce_range=True).write(model, calibration(model), tmp_path / "int8.onnx")
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(artifact.path).graph.initializer}
    assert np.abs(tensors["w_quantized"].astype(int)).max() == 64


def test_nothing_to_quantize_is_said_and_the_model_is_written_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = ready(written("g (float[N] x) => (float[N] y) { y = Tanh (x) }"))
    with caplog.at_level(logging.WARNING):
        artifact = plugin().write(model, with_ranges(model, {}), tmp_path / "int8.onnx")
    assert "nothing to quantize" in caplog.text
    assert operators(onnx.load(artifact.path).graph) == ["Tanh"]


@pytest.mark.parametrize(
    ("exporter", "error", "message"),
    [
        pytest.param(QdqOnnxExporter(target="ncnn"), UsageError, "no target called 'ncnn'", id="target"),
        pytest.param(QdqOnnxExporter(exclude=Exclusion(ops=("Conv",))), UsageError, "no operator", id="exclusion"),
    ],
)
def test_what_cannot_be_placed_is_refused_and_the_old_file_stays(
    model: Model, tmp_path: Path, exporter: QdqOnnxExporter, error: type[UsageError], message: str
) -> None:
    path = tmp_path / "int8.onnx"
    path.write_bytes(b"old")
    with pytest.raises(error, match=message):
        exporter.write(model, calibration(model), path)
    assert path.read_bytes() == b"old"


def test_a_calibration_for_other_exclusions_is_refused_by_the_missing_tensor(model: Model, tmp_path: Path) -> None:
    partial = calibrated(model, place(model, "ort-cpu", Exclusion(nodes=("fc1",))), [BATCH])
    with pytest.raises(ArtifactError, match="no range for tensor 'x'"):
        plugin().write(model, partial, tmp_path / "int8.onnx")
    assert not list(tmp_path.iterdir())


def test_a_folder_in_place_of_the_file_is_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot write"):
        plugin().write(model, calibration(model), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_defect_of_ours_is_an_internal_error_and_writes_nothing(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> onnx.ModelProto:
        return written("g (float[N] x) => (float[N] y) { y = Tanh (missing) }")

    monkeypatch.setattr("quantkit.export.qdq_onnx.with_qdq", broken)
    for largest in (1 << 30, -1):
        with pytest.raises(InternalError, match="not valid ONNX"):
            QdqOnnxExporter(largest=largest).write(model, calibration(model), tmp_path / "int8.onnx")
    assert not (tmp_path / "int8.onnx").exists()


def test_a_weight_may_have_one_scale(model: Model, tmp_path: Path) -> None:
    scales = {}
    for per_channel in (True, False):
        path = tmp_path / f"{per_channel}.onnx"
        QdqOnnxExporter(per_channel=per_channel).write(model, calibration(model), path)
        proto = onnx.load(path)
        sizes = {tensor.name: tuple(tensor.dims) for tensor in proto.graph.initializer}
        weights = [node for node in proto.graph.node if len(sizes.get(node.input[0], ())) == 2]
        scales[per_channel] = [sizes[node.input[1]] for node in weights]
        assert sqnr_db(results(model, BATCH), results(proto, BATCH)) > 25
    assert scales == {True: [(64,), (64,)], False: [(), ()]}

"""An engine is held to what ONNX Runtime makes of the same Q/DQ model."""

from __future__ import annotations

from types import TracebackType

import numpy as np
import pytest

import quantkit
from quantkit.backends.ort import OrtBackend
from quantkit.core.arrays import Batch
from quantkit.core.ports import Engine, Samples
from quantkit.core.statistics import SampleId
from quantkit.graph.model import Model, from_proto, load
from quantkit.graph.prepare import prepared
from quantkit.pipeline import fidelity
from quantkit.pipeline.fidelity import notes_on_fidelity
from tests.unit.backends.tensorrt.small_models import Source, images, network

SAMPLES = Samples({"x": images(8, seed=3)}, tuple(SampleId(str(at), "") for at in range(8)))


class Wrong:
    """An engine whose answers are off by some part of their size."""

    def __init__(self, engine: Engine, part: float) -> None:
        self._engine, self._part = engine, part

    def run(self, batch: Batch) -> Batch:
        answers = self._engine.run(batch)
        turned = {name: values[::-1] for name, values in answers.items()}
        return {name: (values + self._part * (turned[name] - values)).astype(np.float32)
                for name, values in answers.items()}  # fmt: skip

    def __enter__(self) -> Wrong:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


@pytest.fixture(scope="module")
def fp32() -> Model:
    return prepared(from_proto(network()))


@pytest.fixture(scope="module")
def int8(fp32: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    ranges = quantkit.calibrate_ranges(quantkit.collect(fp32, Source(images(16), 8)), "max", symmetric=True)
    path = tmp_path_factory.mktemp("models") / "int8.onnx"
    quantkit.quantize(fp32, ranges, to=path, target="tensorrt")
    return load(path)


def notes(fp32: Model, model: Model, part: float) -> list[str]:
    runtime = OrtBackend(threads=1)
    with runtime.build(fp32.serialized()) as reference, runtime.build(model.serialized()) as engine:
        return list(notes_on_fidelity(reference, {"max": (Wrong(engine, part), model)}, SAMPLES))


def test_an_engine_that_computes_its_model_needs_no_words(fp32: Model, int8: Model) -> None:
    assert notes(fp32, int8, 0.0) == []
    # As far off as other kernels and FP16 may be.
    assert notes(fp32, int8, 0.01) == []


def test_an_engine_that_does_not_is_told_from_a_bad_calibration(fp32: Model, int8: Model) -> None:
    (note,) = notes(fp32, int8, 1.0)
    assert note.startswith("max: the engine does not compute what its Q/DQ model says: ")
    assert "dB with ONNX Runtime; TensorRT built it wrong" in note


def test_a_model_without_pairs_promises_nothing(fp32: Model) -> None:
    assert notes(fp32, fp32, 1.0) == []


def test_without_onnx_runtime_nothing_can_be_said(fp32: Model, int8: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fidelity, "find_spec", lambda name: None)
    assert notes(fp32, int8, 1.0) == []

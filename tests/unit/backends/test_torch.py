"""PyTorch modules become models that ONNX Runtime answers alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import quantkit
from quantkit.backends.ort import OrtBackend
from quantkit.core.arrays import Array, Floats
from quantkit.core.errors import ModelError

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("onnxscript", reason="PyTorch exports through onnxscript, which is not installed")
# Its exporter warns of its own deprecations.
pytestmark = pytest.mark.filterwarnings("ignore")


def network() -> Any:
    torch.manual_seed(0)
    layers = [
        torch.nn.Conv2d(3, 8, 3),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(8, 4),
    ]
    return torch.nn.Sequential(*layers)


def images(count: int) -> Floats:
    return np.random.default_rng(0).random((count, 3, 16, 16), dtype=np.float32)


def test_the_exported_model_answers_as_the_module_in_evaluation_mode() -> None:
    module = network().train()
    model = quantkit.from_torch(module, images(2))
    assert module.training
    (values,) = run(model, images(5)).values()
    with torch.no_grad():
        expected = module.eval()(torch.from_numpy(images(5))).numpy()
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)


def run(model: quantkit.Model, values: Floats) -> dict[str, Array]:
    with OrtBackend().build(model.serialized()) as engine:
        return dict(engine.run({model.inputs[0].name: values}))


def test_equal_modules_give_equal_digests() -> None:
    assert quantkit.from_torch(network(), images(2)).digest == quantkit.from_torch(network(), images(2)).digest


def test_control_flow_that_depends_on_the_data_is_refused_in_pytorchs_words() -> None:
    class Branching(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return x if x.sum() > 0 else x + 1

    with pytest.raises(ModelError, match="QK3050") as refusal:
        quantkit.from_torch(Branching(), images(2))
    assert refusal.value.cause


def test_a_loader_calibrates_a_module(tmp_path: Path) -> None:
    data = torch.utils.data.TensorDataset(torch.from_numpy(images(64)), torch.zeros(64, dtype=torch.int64))
    model = quantkit.from_torch(network(), images(2))
    statistics = quantkit.collect(model, torch.utils.data.DataLoader(data, batch_size=8))
    int8 = quantkit.quantize(model, quantkit.calibrate_ranges(statistics, "mse"), to=tmp_path / "int8.onnx")
    assert int8.path.is_file()

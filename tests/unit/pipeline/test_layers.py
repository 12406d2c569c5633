"""The error of every layer, against the same worked out the long way."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from quantkit.core.errors import TooLittleError
from quantkit.graph.model import from_proto
from quantkit.graph.pairs import quantized_activations
from quantkit.graph.taps import tapped
from quantkit.pipeline.layers import Tracing, layer_errors
from tests.fake_comparison import FakeSource
from tests.onnx_models import random, results, written
from tests.quantization import quantized, ready, sqnr_db

MODEL = written(
    "g (float[n, 3, 8, 8] x) => (float[n, 4, 8, 8] y) {"
    " a = Conv<pads = [1, 1, 1, 1]>(x, v) h = Relu(a) y = Conv<pads = [1, 1, 1, 1]>(h, w) }",
    v=random(6, 3, 3, 3),
    w=random(4, 6, 3, 3, seed=1),
)
INPUTS = random(10, 3, 8, 8, seed=2)


@pytest.fixture(scope="module")
def int8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("int8") / "int8.onnx"
    onnx.save(quantized(ready(MODEL), [{"x": INPUTS}]), path)
    return path


def test_both_ratios_are_those_of_all_values_at_once(int8: Path) -> None:
    model = ready(MODEL)
    found = layer_errors(model, int8, FakeSource(INPUTS, batch=3), how=Tracing(samples=10))
    activations = quantized_activations(model, from_proto(onnx.load(int8)))
    assert [layer.tensor for layer in found.layers] == [own.tensor for own in activations]
    assert (found.samples, found.layers[0].operator) == (10, "")
    exact = {"x": INPUTS, **results(tapped(model, ["h", "y"]), {"x": INPUTS})}
    coded = results(tapped(from_proto(onnx.load(int8)), [own.restored for own in activations]), {"x": INPUTS})
    for layer, own in zip(found.layers, activations, strict=True):
        values = exact[own.tensor]
        alone = own.parameters.dequantize(own.parameters.quantize(values))
        assert layer.isolated_db == pytest.approx(sqnr_db({"t": values}, {"t": alone}), abs=1e-6)
        assert layer.accumulated_db == pytest.approx(sqnr_db({"t": values}, {"t": coded[own.restored]}), abs=0.05)


def test_the_input_loses_the_same_alone_and_with_everything_before_it(int8: Path) -> None:
    first = layer_errors(ready(MODEL), int8, FakeSource(INPUTS)).layers[0]
    assert first.isolated_db == pytest.approx(first.accumulated_db, abs=1e-9)


def test_how_batches_are_cut_changes_nothing(int8: Path) -> None:
    model = ready(MODEL)
    whole, cut = (layer_errors(model, int8, FakeSource(INPUTS, batch=batch)) for batch in (10, 3))
    for mine, theirs in zip(whole.layers, cut.layers, strict=True):
        assert mine.isolated_db == pytest.approx(theirs.isolated_db, abs=1e-6)
        assert mine.accumulated_db == pytest.approx(theirs.accumulated_db, abs=1e-6)


def test_the_effect_on_the_output_takes_no_more_runs_than_allowed(int8: Path) -> None:
    found = layer_errors(ready(MODEL), int8, FakeSource(INPUTS), how=Tracing(samples=10, runs=8))
    assert found.output_samples == 8 // len(found.layers)
    assert all(layer.output_db is not None and layer.output_db > 20 for layer in found.layers)
    assert layer_errors(ready(MODEL), int8, FakeSource(INPUTS), how=Tracing(runs=0)).layers[0].output_db is None


def test_a_model_without_pairs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fp32.onnx"
    onnx.save(MODEL, path)
    with pytest.raises(TooLittleError, match=r"QK5003.*no activation of the INT8 model is found"):
        layer_errors(ready(MODEL), path, FakeSource(INPUTS))

"""Counts made on the GPU are those that the processor makes of the same values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pycuda.driver as cuda
import pytest
from onnx import TensorProto, helper

from quantkit.backends.tensorrt._cuda import gpu
from quantkit.backends.tensorrt.counting import TensorRtCounter, _Tallies
from quantkit.backends.tensorrt.runtime import Binding
from quantkit.core.arrays import Floats
from quantkit.core.errors import DataError
from quantkit.core.histogram import Histogram
from quantkit.core.tally import Tally
from quantkit.stats.collector import Collector
from tests.unit.backends.tensorrt.small_models import Source, images, model, network, serialized
from tests.unit.backends.tensorrt.tally_cases import CASES, normal, on_the_processor

pytestmark = pytest.mark.gpu

Make = Callable[..., Any]


def on_the_gpu(batches: list[list[Floats]]) -> tuple[list[Histogram], list[dict[str, int]]]:
    """Counts tensors, given batch by batch, with the kernels alone."""
    bindings = [Binding(str(at), np.dtype(np.float32)) for at in range(len(batches[0]))]
    with gpu().current():
        tallies, stream, alarms = _Tallies(bindings, gpu()), cuda.Stream(), []
        for tensors in batches:
            for binding, values in zip(bindings, tensors, strict=True):
                binding.shape = values.shape
                cuda.memcpy_htod(binding.device.fit(values.nbytes), values)
            alarms.append(tallies.fold(stream))
        found = tallies.histograms()
        for binding in bindings:
            binding.device.free()
    return [found[binding.name] for binding in bindings], alarms


@pytest.mark.parametrize("case", CASES)
def test_equal_values_give_equal_histograms(case: str) -> None:
    (counted,), alarms = on_the_gpu([[batch] for batch in CASES[case]])
    assert counted == on_the_processor(CASES[case])
    assert [alarm.get("0", 0) for alarm in alarms] == [int((~np.isfinite(batch)).sum()) for batch in CASES[case]]


def test_large_tensors_and_many_of_them() -> None:
    batches = [[normal(1_000_003), *(normal(1000 + at, 10.0**at) for at in range(-8, 9)), normal(0)] for _ in range(3)]
    counted, _ = on_the_gpu(batches)
    assert counted == [on_the_processor([batch[at] for batch in batches]) for at in range(len(batches[0]))]


def tapped() -> onnx.ModelProto:
    """The small network with its inner tensors as outputs."""
    proto = network()
    names = ("c1", "r1", "c2", "r2", "p")
    proto.graph.output.extend(value for value in proto.graph.value_info if value.name in names)
    return proto


def test_an_engines_tensors_are_counted_as_they_are_and_inputs_as_they_are_fed(backend: Make) -> None:
    values = images(20)
    with backend(precision="fp32").build(serialized(tapped())) as engine:
        counter = TensorRtCounter(engine)
        tallies: dict[str, Tally] = {}
        for start in range(0, 20, 8):
            batch = {"x": values[start : start + 8]}
            assert counter.count(batch, ["x"]) == {}
            for name, seen in {**engine.run(batch), **batch}.items():
                tallies.setdefault(name, Tally()).fold(seen)
        assert counter.histograms() == {name: tally.histogram() for name, tally in tallies.items()}
        np.testing.assert_array_equal(counter.shown("x")[0], values[16:])


def test_the_collector_takes_counts_from_the_gpu(backend: Make) -> None:
    (observer,) = backend().observers(serialized(tapped()), 4)
    seen = Collector([observer], inputs=["x"], channels={"c1": 1}).collect(Source(images(40), 8))
    assert len(seen.samples) == 40
    assert set(seen.histograms) == {"x", "c1", "r1", "c2", "r2", "p", "logits"}
    assert seen.histograms["x"] == on_the_processor([images(40)])
    assert seen.channels["c1"].high.shape == (16,)
    assert seen.channels["c1"].high.max() == pytest.approx(seen.histograms["c1"].high)


def test_a_bad_sample_is_named(backend: Make) -> None:
    root = model(
        [helper.make_node("Sqrt", ["x"], ["y"], "root")],
        {"x": (TensorProto.FLOAT, ["N", 3, 16, 16])},
        {"y": (TensorProto.FLOAT, ["N", 3, 16, 16])},
        {},
    )
    values = np.abs(images(16))
    values[13, 0, 0, 0] = -1
    (observer,) = backend().observers(serialized(root), 1)
    with pytest.raises(DataError, match=r"QK2104.*1 NaN and 0 infinite") as failure:
        Collector([observer]).collect(Source(values, 8))
    assert failure.value.where == "0013, tensor 'y'"

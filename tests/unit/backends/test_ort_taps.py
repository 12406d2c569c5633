"""Observed tensors hold the values that the model computes, in whatever layout they come."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from quantkit.backends import _ort_taps
from quantkit.backends.ort import OrtBackend
from quantkit.core.arrays import Array, Batch
from quantkit.core.artifact import SerializedModel
from quantkit.core.histogram import Histogram
from quantkit.core.ports import Parts
from quantkit.core.tally import Tally

ACTIVATIONS = {
    "none": "",
    "relu": "{name} = Relu(conv_{name})",
    "sigmoid, 0.5 at 0": "{name} = Sigmoid(conv_{name})",
    "clip above 0, 1 at 0": "{name} = Clip(conv_{name}, one, six)",
    "leaky relu": "{name} = LeakyRelu(conv_{name})",
}


def network(channels: int, activation: str) -> SerializedModel:
    """Two convolutions with an activation; `first` and `second` are its outputs."""
    rng = np.random.default_rng(channels)
    line = ACTIVATIONS[activation]

    def block(name: str, given: str) -> str:
        conv = f"conv_{name} = Conv <pads = [1, 1, 1, 1]> ({given}, w_{name}, b_{name})"
        return f"{conv}\n{line.format(name=name)}" if line else conv.replace(f"conv_{name}", name)

    text = f"""
        <ir_version: 8, opset_import: ["": 17]>
        net (float[N, 3, H, W] x) => (float[N, {channels}, H, W] first, float[N, {channels}, H, W] second) {{
            {block("first", "x")}
            {block("second", "first")}
        }}"""
    proto = onnx.parser.parse_model(text)
    weights = {
        "w_first": rng.normal(size=(channels, 3, 3, 3)),
        "b_first": rng.normal(size=channels),
        "w_second": rng.normal(size=(channels, channels, 3, 3)) / channels,
        "b_second": rng.normal(size=channels),
        "one": np.array(1.0),
        "six": np.array(6.0),
    }
    for name, values in weights.items():
        proto.graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float32), name))
    return SerializedModel(proto.SerializeToString())


def batch(samples: int, size: int = 9, seed: int = 0) -> Batch:
    return {"x": np.random.default_rng(seed).normal(size=(samples, 3, size, size)).astype(np.float32)}


def plainly(model: SerializedModel, values: Batch) -> dict[str, Array]:
    """The same outputs from the same kernels, the plain way."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.proto, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(values)), strict=True))


def counted(parts: Parts) -> Histogram:
    tally = Tally()
    for part in parts:
        tally.fold(part)
    return tally.histogram()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("channels", [16, 20, 24, 5])
def test_the_counts_are_those_of_the_plain_outputs(channels: int, activation: str) -> None:
    model = network(channels, activation)
    (observer,) = OrtBackend().observers(model, 1)
    for samples in (
        2,
        2,
        3,
    ):  # the second batch is run into the buffers of the first, the third needs new ones
        values = batch(samples, seed=samples)
        observed = observer.observe(values)
        for name, expected in plainly(model, values).items():
            assert counted(observed[name]) == counted((expected,))


def test_blocked_tensors_are_not_converted_for_the_sake_of_being_seen() -> None:
    taps = _ort_taps.OrtTaps(network(16, "relu"), OrtBackend(threads=1).options)
    if _ort_taps.block_size() == 1:
        pytest.skip("this processor has no blocked layout")
    assert all(tap.channels == 16 for tap in taps._taps.values())


def test_a_tensor_asked_for_plainly_keeps_its_shape() -> None:
    model = network(20, "relu")
    (observer,) = OrtBackend().observers(model, 1, plain=["first"])
    assert observer.observe(batch(2))["first"][0].shape == (2, 20, 9, 9)


def test_observers_of_one_session_do_not_share_buffers() -> None:
    one, other = OrtBackend().observers(network(16, "relu"), 2)
    first = [one.observe(batch(1, seed=1))["first"][0] for _ in range(2)][1].copy()
    other.observe(batch(1, seed=2))
    np.testing.assert_array_equal(first, one.observe(batch(1, seed=1))["first"][0])


def test_outputs_whose_shape_follows_the_data_are_run_unbound() -> None:
    text = """
        <ir_version: 8, opset_import: ["": 17]>
        net (float[N] x) => (float[M] kept) {
            keep = Greater(x, zero)
            kept = Compress <axis = 0> (x, keep)
        }"""
    proto = onnx.parser.parse_model(text)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array(0, np.float32), "zero"))
    (observer,) = OrtBackend().observers(SerializedModel(proto.SerializeToString()), 1)
    for values in ([1.0, -1.0, 2.0], [1.0, 2.0, 3.0], [-1.0, -2.0, 3.0]):
        observed = observer.observe({"x": np.array(values, np.float32)})
        assert observed["kept"][0].tolist() == [value for value in values if value > 0]

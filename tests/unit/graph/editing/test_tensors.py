"""A tensor's values are the same bytes however they are stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from onnx import TensorProto, numpy_helper

from quantkit.core.arrays import Array
from quantkit.core.errors import ModelError
from quantkit.graph.editing import tensors
from quantkit.graph.editing.tensors import array, refuse_contradiction, size_bytes, survey
from tests.onnx_models import random, saved, written

DTYPES = [TensorProto.DataType.Name(code) for code in tensors._STORAGE]
WITH_TYPED_FIELDS = [name for name in DTYPES if "8" not in name[5:] or not name.startswith("FLOAT8")]


@pytest.mark.parametrize("name", [name for name in DTYPES if not name.startswith(("FLOAT8", "COMPLEX"))])
def test_raw_and_typed_storage_are_the_same_content(name: str) -> None:
    data_type = TensorProto.DataType.Value(name)
    typed = onnx.helper.make_tensor("t", data_type, [5], [1, 0, 1, 1, 0])
    raw = numpy_helper.from_array(numpy_helper.to_array(typed), "t")
    for tensor in (typed, raw):
        assert refuse_contradiction(tensor) is None
        assert b"".join(tensors.blocks(tensor)) == raw.raw_data
        assert size_bytes(tensor) == len(raw.raw_data)
    assert survey(typed) == survey(raw)


@given(
    arrays.arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.int8, np.bool_]), arrays.array_shapes(min_dims=0)
    )
)
def test_an_array_comes_back_as_it_was(values: Array) -> None:
    tensor = numpy_helper.from_array(values, "t")
    np.testing.assert_array_equal(array(tensor), values)
    assert array(tensor).dtype == values.dtype
    assert size_bytes(tensor) == values.nbytes


def test_external_values_are_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = random(100)
    path = saved(written("g (float[100] x) => (float[100] y) { y = Add(x, w) }", w=values), tmp_path, outside="w.bin")
    (stored,) = onnx.load(path, load_external_data=False).graph.initializer
    whole = survey(numpy_helper.from_array(values))
    monkeypatch.setattr(tensors, "BLOCK", 64)
    assert survey(stored, tmp_path) == whole
    np.testing.assert_array_equal(array(stored, tmp_path), values)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_what_is_not_finite_is_counted(dtype: str) -> None:
    values = np.array([1.0, np.nan, np.inf, -np.inf, -np.nan, 0.0, 6e4]).astype(onnx.helper.tensor_dtype_to_np_dtype(
        TensorProto.DataType.Value("FLOAT" if dtype == "float32" else "DOUBLE" if dtype == "float64" else dtype.upper())
    ))  # fmt: skip
    seen = survey(numpy_helper.from_array(values))
    assert (seen.nans, seen.infinities) == (2, 2)


def test_integers_that_look_like_nan_are_not_counted() -> None:
    seen = survey(numpy_helper.from_array(np.full(3, -1, np.int32)))
    assert (seen.nans, seen.infinities) == (0, 0)


@pytest.mark.parametrize("dims", [[2, 2], [5], [2**32, 2**32, 4], [0]])
def test_a_shape_that_does_not_fit_the_stored_bytes_is_refused(dims: list[int]) -> None:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims, raw_data=bytes(12))
    with pytest.raises(ModelError, match=r"tensor 'w' contradicts itself: shape .* bytes, 12 are stored"):
        refuse_contradiction(tensor)


def test_typed_values_are_counted_too() -> None:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT16, dims=[3], int32_data=[1, 2])
    with pytest.raises(ModelError, match="shape 3 takes 6 bytes, 4 are stored"):
        refuse_contradiction(tensor)
    tensor = TensorProto(name="w", data_type=TensorProto.STRING, dims=[2], string_data=[b"one"])
    with pytest.raises(ModelError, match="shape 2 takes 2 strings, 1 are stored"):
        refuse_contradiction(tensor)


def test_strings_are_told_apart_by_their_lengths() -> None:
    pair, other = (
        TensorProto(data_type=TensorProto.STRING, dims=[2], string_data=s) for s in ([b"ab", b"c"], [b"a", b"bc"])
    )
    assert survey(pair).digest != survey(other).digest


@pytest.mark.parametrize(
    ("tensor", "cause"),
    [
        (TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[-1]), "its dimensions are -1"),
        (TensorProto(name="w", data_type=99, dims=[1]), "its type number 99 is not supported"),
        (TensorProto(name="w"), "its type UNDEFINED is not supported"),
        (TensorProto(name="w", data_type=1, segment=TensorProto.Segment(begin=0, end=1)), "stored in segments"),
    ],
    ids=["negative dimension", "unknown type", "no type", "segments"],
)
def test_tensors_that_no_tool_reads_are_refused(tensor: TensorProto, cause: str) -> None:
    with pytest.raises(ModelError, match=cause):
        refuse_contradiction(tensor)


def test_only_whole_bytes_become_arrays() -> None:
    with pytest.raises(ModelError, match="its type INT4 is not supported here"):
        array(onnx.helper.make_tensor("t", TensorProto.INT4, [2], [1, 2]))


def test_every_tensor_is_found_with_a_name() -> None:
    proto = written(
        """g (bool c, float[2] x) => (float[2] y) {
            k = Constant <value = float[2] {1, 2}> ()
            y = If (c) <then_branch = t () => (float[2] a) <float[2] inner = {1, 2}> { a = Add(x, inner) },
                        else_branch = e () => (float[2] b) { b = local.twice(k) }>
        }""",
        13,
        """<domain: "local", opset_import: ["": 13]> twice (a) => (b) {
            two = Constant <value = float {2}> () b = Mul(a, two) }""",
        outer=np.ones(2, np.float32),
    )
    assert [name for name, _ in tensors.tensors(proto)] == ["outer", "k", "inner", "two"]

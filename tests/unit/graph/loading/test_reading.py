"""What is no ONNX model is refused by what it looks like, before a parser sees it."""

from __future__ import annotations

import os
import pickle
from contextlib import suppress
from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core.errors import ExitCode, ModelError, SetupError
from quantkit.graph.editing import draft
from quantkit.graph.loading import reading
from quantkit.graph.loading.reading import is_plan, parsed, read_proto

RELU = onnx.parser.parse_model(
    '<ir_version: 8, opset_import: ["": 13]> g (float[N] x) => (float[N] y) { y = Relu(x) }'
).SerializeToString()


def test_a_model_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(RELU)
    assert read_proto(path).SerializeToString() == RELU


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("net.plan", None, True),
        ("net.ENGINE", b"", True),
        ("net.trt", RELU, True),
        ("net.onnx", b"ftrt\0\0", True),
        ("net", b"ptrt\0\0", True),
        ("net.onnx", RELU, False),
        ("net.onnx", b"", False),
        ("none.onnx", None, False),
        ("a\0b", None, False),
    ],
)
def test_a_plan_is_known_by_its_suffix_or_its_first_bytes(
    tmp_path: Path, *, name: str, content: bytes | None, wanted: bool
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert is_plan(tmp_path / name) == wanted


def test_a_missing_file_is_named_with_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "resnet50.onnx").write_bytes(RELU)
    with pytest.raises(ModelError, match="there is no file") as refusal:
        read_proto(tmp_path / "resnet5O.onnx")
    assert "did you mean" in refusal.value.hints[0]
    assert refusal.value.hints[0].endswith("resnet50.onnx?")


def test_a_file_in_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no file"):
        read_proto(tmp_path / "nowhere" / "model.onnx")


def test_a_directory_is_refused_with_the_model_inside_it(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(RELU)
    with pytest.raises(ModelError, match="is a directory, not a model file") as refusal:
        read_proto(tmp_path)
    assert "model.onnx" in refusal.value.hints[0]


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.onnx")
    with pytest.raises(ModelError, match="a device, pipe or socket"):
        read_proto(tmp_path / "model.onnx")


def test_a_path_that_no_system_takes_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot read"):
        read_proto(Path("model\0.onnx"))
    with pytest.raises(ModelError, match="cannot read"):
        read_proto(Path("m" * 5000))


def test_a_file_without_permission_is_the_machines_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(RELU)

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    # Root may read everything, so permissions cannot be taken away for real.
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(SetupError, match="no permission to read") as refusal:
        read_proto(path)
    assert refusal.value.exit_code is ExitCode.ENVIRONMENT


def test_a_file_over_two_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with path.open("wb") as stream:
        stream.truncate(draft.LARGEST_PROTO + 1)
    with pytest.raises(ModelError, match="one ONNX file holds at most 2147483647") as refusal:
        read_proto(path)
    assert "save_as_external_data=True" in refusal.value.hints[0]


LOOKS = {
    "lfs.onnx": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "QK3004", "is a Git LFS pointer"),
    "html.onnx": (b"\xef\xbb\xbf\n<!DOCTYPE html><html>404", "QK3005", "looks like an HTML page"),
    "xml.onnx": (b"<?xml version='1.0'?><Error/>", "QK3005", "looks like an XML document"),
    "json.onnx": (b'{"error": "Entry not found"}', "QK3005", "looks like a JSON document"),
    "zip.onnx": (b"PK\x03\x04" + b"\0" * 40, "QK3006", "is a PyTorch checkpoint"),
    "pickle.onnx": (pickle.dumps({"weight": [1.0]}), "QK3006", "is a PyTorch checkpoint"),
    "model.pth": (RELU, "QK3006", "is a PyTorch checkpoint"),
    "plan.onnx": (b"ptrt\0\0\0\0", "QK3007", "is a TensorRT engine"),
    "new_plan.onnx": (b"ftrt\0\0\0\0", "QK3007", "is a TensorRT engine"),
    "model.engine": (b"\0" * 40, "QK3007", "is a TensorRT engine"),
    "keras.onnx": (b"\x89HDF\r\n\x1a\n", "QK3005", "an HDF5 file"),
    "lite.onnx": (b"\x1c\0\0\0TFL3\x14", "QK3005", "a TensorFlow Lite model"),
    "tensors.onnx": (b"\x40\0\0\0\0\0\0\0{\"weight\":", "QK3005", "a safetensors file"),
    "gzip.onnx": (b"\x1f\x8b\x08\0", "QK3005", "a gzip archive"),
    "empty.onnx": (b"", "QK3003", "is an empty file"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "code", "title"), [(name, *rest) for name, rest in LOOKS.items()], ids=LOOKS
)
def test_other_files_are_called_what_they_are(tmp_path: Path, name: str, content: bytes, code: str, title: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=title) as refusal:
        read_proto(tmp_path / name)
    assert (refusal.value.code, refusal.value.where) == (code, str(tmp_path / name))
    assert refusal.value.hints


@given(st.integers(0, len(RELU) - 1))
def test_a_model_cut_off_anywhere_is_refused(length: int) -> None:
    with pytest.raises(ModelError, match=r"truncated or corrupt|it has no graph"):
        parsed(RELU[:length])


def test_a_truncated_model_says_how_much_is_missing() -> None:
    with pytest.raises(ModelError, match=f"it has {len(RELU) - 10} bytes and announces"):
        parsed(RELU[:-10])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_model_or_a_refusal(content: bytes) -> None:
    with suppress(ModelError):
        assert parsed(content).opset_import


def test_nesting_beyond_the_parsers_limit_is_refused() -> None:
    message = b""
    for _ in range(200):
        # graph.node.attribute.g, from the inside out; lengths stay below 2^14.
        for tag in (b"\x32", b"\x2a", b"\x0a"):
            size = len(message)
            message = tag + bytes([size & 0x7F | 0x80, size >> 7]) + message
    with pytest.raises(ModelError, match="nested deeper than a model may be"):
        parsed(b"\x3a" + bytes([len(message) & 0x7F | 0x80, len(message) >> 7]) + message)


def test_first_bytes_are_judged_without_the_file() -> None:
    reading.refuse_other_formats(RELU[:64], Path("model.onnx"))

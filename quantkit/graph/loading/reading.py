"""From a path to an ONNX model in memory, refusing everything that is not one by what it looks like."""

from __future__ import annotations

import difflib
import stat
from pathlib import Path

from google.protobuf.message import DecodeError
from onnx import ModelProto

from quantkit.core import file_kinds
from quantkit.core.errors import ModelError
from quantkit.core.files import neighbours, no_permission
from quantkit.graph.editing.draft import refuse_too_large

_EXPORT = "export the network to ONNX first: torch.onnx.export(module, example_inputs, 'model.onnx')"
_WITHOUT_ENGINE = "quantkit starts from the ONNX model that the engine was built from"

_PLAN_SUFFIXES = {".plan", ".engine", ".trt"}
_TORCH_SUFFIXES = {".pt", ".pth", ".pkl", ".pickle", ".ckpt"}

# First bytes → what such a file is; at offset 0 unless the entry says otherwise.
_TORCH_SIGNS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_PLAN_SIGNS = (b"ptrt", b"ftrt")


def read_proto(path: Path) -> ModelProto:
    """The model in the file `path`; tensors in other files are not touched.

    Raises:
        ModelError: no such file, not a regular file, empty, over 2 GB, truncated, or something else than ONNX;
            the message says what it looks like.
        SetupError: no permission.
    """
    try:
        _refuse_other_files(path)
        content = path.read_bytes()
    except PermissionError as refusal:
        raise no_permission(path) from refusal
    except FileNotFoundError as refusal:
        raise ModelError("QK3001", f"there is no file {path}", where=str(path), hints=_nearby(path)) from refusal
    except (OSError, ValueError) as refusal:
        # ValueError: a NUL character in the path.
        raise ModelError(
            "QK3002", f"cannot read {str(path)!r}: {refusal}", where=str(path), hints=["check the path and the disk"]
        ) from refusal
    refuse_other_formats(content[: file_kinds.HEAD], path)
    return parsed(content, where=str(path))


def is_plan(path: Path) -> bool:
    """Whether the file at `path` is a TensorRT engine, by its suffix or its first bytes."""
    if path.suffix.lower() in _PLAN_SUFFIXES:
        return True
    try:
        with path.open("rb") as stream:
            return stream.read(file_kinds.HEAD).startswith(_PLAN_SIGNS)
    except (OSError, ValueError):
        # Whoever reads it as a model says what is wrong with it.
        return False


def parsed(content: bytes, where: str | None = None) -> ModelProto:
    """The model that `content` holds.

    Raises:
        ModelError: truncated, corrupt, nested too deeply, or no model.
    """
    _refuse_truncated(content, where)
    proto = ModelProto()
    try:
        proto.ParseFromString(content)
    except DecodeError as refusal:
        raise ModelError(
            "QK3009",
            f"the file is truncated or corrupt ({len(content)} bytes), or nested deeper than a model may be",
            where=where,
            cause=str(refusal),
            hints=["copy or export it again, and compare its size with the original"],
        ) from refusal
    if not proto.HasField("graph") or not proto.opset_import:
        raise ModelError(
            "QK3025", "the file is no ONNX model: it has no graph or no operator set", where=where, hints=[_EXPORT]
        )
    return proto


def refuse_other_formats(head: bytes, path: Path) -> None:
    """Says what a file is that is no ONNX model, from its first bytes and its suffix."""
    where, suffix = str(path), path.suffix.lower()
    if head.startswith(b"version https://git-lfs"):
        raise ModelError(
            "QK3004",
            f"{path.name} is a Git LFS pointer, not the model itself",
            where=where,
            hints=[f"git lfs pull --include {path.name}"],
        )
    if suffix in _PLAN_SUFFIXES or head.startswith(_PLAN_SIGNS):
        raise ModelError(
            "QK3007", f"{path.name} is a TensorRT engine, not an ONNX model", where=where, hints=[_WITHOUT_ENGINE]
        )
    if suffix in _TORCH_SUFFIXES or head.startswith(_TORCH_SIGNS):
        raise ModelError(
            "QK3006",
            f"{path.name} is a PyTorch checkpoint, a pickle or a zip archive, not an ONNX model",
            where=where,
            cause="such a file can run code when it is opened; quantkit never opens one",
            hints=[_EXPORT],
        )
    if (looks := file_kinds.of_head(head)) is not None:
        # A page or a message came instead of the file; another framework's model has to be exported.
        hints = ["download it again: this is what the server said instead"] if looks in file_kinds.SERVED else [_EXPORT]
        raise ModelError("QK3005", f"{path.name} looks like {looks}, not an ONNX model", where=where, hints=hints)


def _refuse_other_files(path: Path) -> None:
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        kind = "a directory" if stat.S_ISDIR(facts.st_mode) else "a device, pipe or socket"
        raise ModelError("QK3002", f"{path} is {kind}, not a model file", where=str(path), hints=_inside(path))
    if facts.st_size == 0:
        raise ModelError("QK3003", f"{path.name} is an empty file", where=str(path), hints=["copy or export it again"])
    refuse_too_large(facts.st_size)


def _nearby(path: Path) -> list[str]:
    """The file in the same folder that was probably meant."""
    near = difflib.get_close_matches(path.name, neighbours(path), n=1)
    return [f"did you mean {path.with_name(name)}?" for name in near] or ["check the path; MODEL is an ONNX file"]


def _inside(path: Path) -> list[str]:
    models = sorted(entry.name for entry in path.glob("*.onnx")) if path.is_dir() else []
    return [f"did you mean {path / models[0]}?"] if models else ["name the ONNX file itself"]


def _refuse_truncated(content: bytes, where: str | None) -> None:
    """Walks the outermost fields: the last one of a cut-off file promises more bytes than there are.

    Source: https://protobuf.dev/programming-guides/encoding; wire types 0 varint, 1 and 5 fixed, 2 with a length.
    """
    position = 0
    while position < len(content):
        tag, position = _varint(content, position)
        kind = tag & 7
        size = {0: 0, 1: 8, 5: 4}.get(kind, 0)
        if kind == 2:
            size, position = _varint(content, position)
        elif kind == 0:
            _, position = _varint(content, position)
        elif kind not in (1, 5):
            return  # Not Protocol Buffers at all; the parser says so.
        position += size
    if position > len(content):
        raise ModelError(
            "QK3009",
            f"the file is truncated or corrupt: it has {len(content)} bytes and announces {position}",
            where=where,
            hints=["copy or download it again, and compare its size with the original"],
        )


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """A base-128 number and the position behind it; past the end of `content` where that cuts it off."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(content):
            return value, len(content) + 1
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    return value, position

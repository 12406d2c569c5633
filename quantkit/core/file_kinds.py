"""What a file is that was taken for another: by its first bytes, or by the schema that it names."""

from __future__ import annotations

import re

from quantkit.core.errors import ArtifactError
from quantkit.core.json_values import MALFORMED, decoded

HEAD = 64
"""Bytes from the start that tell most kinds."""

_JSON, _HTML, _XML = "a JSON document", "an HTML page", "an XML document"
_POINTER, _TENSORS = "a Git LFS pointer", "a safetensors file"

# Offset, first bytes there, and what such a file is.
_SIGNS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"version https://git-lfs", _POINTER),
    (0, b"ptrt", "a TensorRT engine"),
    (0, b"ftrt", "a TensorRT engine"),
    (0, b"TRT-", "a TensorRT calibration cache"),
    (0, b"\x89HDF", "an HDF5 file, as Keras writes it"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (4, b"ORTM", "a model in ONNX Runtime's own format"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\xfd7zXZ", "an xz archive"),
    (0, b"7z\xbc\xaf", "a 7-zip archive"),
    (0, b"PK\x03\x04", "a zip archive, as .npz and .pt files are"),
    (0, b"\x80\x02", "a pickle"),
    (0, b"\x80\x03", "a pickle"),
    (0, b"\x80\x04", "a pickle"),
    (0, b"\x80\x05", "a pickle"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x7fELF", "a program or shared library"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x89PNG", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF8", "a GIF image"),
    (8, b"WEBP", "a WebP image"),
    (5, b'\0\0\0{"', _TENSORS),
)
_TEXTS = ((b"<!doctype", _HTML), (b"<html", _HTML), (b"<?xml", _XML))

SERVED = frozenset({_HTML, _XML, _JSON})
"""What a server sends in place of a file."""

# The version of the format, a small number, and behind it a tag of one of ModelProto's other fields.
_ONNX = re.compile(rb"\x08[\x01-\x20][\x12\x1a\x22\x28\x32\x3a\x42\x72]")

# What quantkit writes, by the middle of its schema's name.
_OWN = {
    "baseline": "a baseline",
    "calibration": "a calibration",
    "journal": "the journal of a calibration",
    "layers": "an error for each layer",
    "plan": "the record of a TensorRT engine",
    "ranges": "a list of ranges",
    "run": "a run",
    "sensitivity": "a sensitivity",
    "tensorrt-cache": "the record of a calibration cache",
    "verdict": "a verdict",
}
# What was wanted, where it comes from, and how to get another.
_REMEDIES = {
    "baseline": (
        "a baseline is the quantkit.baseline.json that quantkit baseline update writes",
        "take the file from version control, or make it anew",
    ),
    "calibration": ("a calibration is the .qcal.json that quantkit calibrate writes", "calibrate again"),
    "run": ("a run is the run.json that quantkit compare or calibrate writes", "compare again"),
    "sensitivity": ("a sensitivity is the sensitivity.json that quantkit sensitivity writes", "measure again"),
}
_STATISTICS = b'"quantkit.statistics"'
# Bytes of a safetensors header in which its metadata is looked for; they stand at its start.
_HEADER = 1 << 16
_NAMES_SCHEMA = re.compile(r"quantkit\.([a-z-]+)/\d+")


def of_head(head: bytes) -> str | None:
    """What a file that begins so looks like; nothing where it may be an ONNX model, or anything else.

    >>> of_head(b"GIF89a"), of_head(b" {"), of_head(bytes(8))
    ('a GIF image', 'a JSON document', None)
    """
    for offset, sign, name in _SIGNS:
        if head[offset:].startswith(sign):
            return name
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for sign, name in _TEXTS:
        if text.startswith(sign):
            return name
    # A model's first byte is a field's tag, mostly 0x08 (the IR version); never one of these two.
    return _JSON if text.startswith((b"{", b"[")) else None


def other_than(kind: str, content: bytes) -> str | None:
    """What `content` is instead of the `kind` that was wanted; nothing where it may be one, if a damaged one.

    Args:
        kind: the middle of its schema's name, such as ``"run"``, or ``"statistics"``.
        content: of the whole file.

    >>> other_than("run", b""), other_than("run", b'{"schema": "quantkit.baseline/1"}')
    ('an empty file', 'a baseline')
    >>> other_than("run", b'{"schema": "quantkit.run/1"}') is None
    True
    """
    if not content:
        return "an empty file"
    if _ONNX.match(content):
        return "an ONNX model"
    looks = of_head(content[:HEAD])
    if looks == _JSON:
        return _other_schema(kind, content)
    if looks == _TENSORS and _STATISTICS in content[:_HEADER]:
        return None if kind == "statistics" else "a file of statistics"
    return looks or _text_or_not(content)


def mistaken(code: str, kind: str, content: bytes) -> ArtifactError | None:
    """The error for a file that is of another kind than was wanted; nothing where it may be of that kind.

    Args:
        code: of whatever is no usable file of that kind.
        kind: the middle of its schema's name.
        content: of the whole file.
    """
    other = other_than(kind, content)
    if other is None:
        return None
    hints = ("git lfs pull", *_REMEDIES[kind]) if other == _POINTER else _REMEDIES[kind]
    return ArtifactError(code, f"not a usable {kind}: this is {other}", hints=hints)


def _other_schema(kind: str, content: bytes) -> str | None:
    try:
        document = decoded(content)
    except MALFORMED:
        # Cut off, or edited by hand: whoever wanted it says where.
        return None
    schema = document.get("schema") if isinstance(document, dict) else None
    named = _NAMES_SCHEMA.fullmatch(schema) if isinstance(schema, str) else None
    if named is None:
        return "a JSON document that quantkit did not write"
    return None if named[1] == kind else _OWN.get(named[1], f"of the schema {schema}")


def _text_or_not(content: bytes) -> str:
    try:
        content.decode()
    except UnicodeDecodeError:
        return "binary data of an unknown kind"
    return "binary data of an unknown kind" if b"\0" in content else "a text that is no JSON"

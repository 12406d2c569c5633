"""Tensors stored outside the model file: found only inside the model's folder, and only in plain files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from onnx import TensorProto

from quantkit.core.errors import ModelError
from quantkit.core.files import no_permission

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
# A FIFO without a writer would block the opening for good.
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class Piece:
    """Where one tensor's bytes lie: `length` bytes from `offset` on in `location`, a path inside the model's folder."""

    tensor: str
    location: str
    offset: int
    length: int

    @property
    def end(self) -> int:
        """The first byte behind the piece."""
        return self.offset + self.length


def piece(tensor: TensorProto, length: int) -> Piece:
    """The place that `tensor` names, for a tensor of `length` bytes.

    Raises:
        ModelError: an unsafe location, or an offset or length that no file has.
    """
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    _refuse_unsafe_name(location, tensor.name)
    stated = _number(entries, "length", tensor.name)
    if stated is not None and stated != length:
        raise _malformed(tensor.name, f"its shape takes {length} bytes, its entry says {stated}")
    offset = _number(entries, "offset", tensor.name) or 0
    # Spelt in one way, so that two names of one file do not hide an overlap.
    return Piece(tensor.name, str(PurePosixPath(location)), offset, length)


def opened(place: Piece, folder: Path | None) -> BinaryIO:
    """The file that holds `place`, open at its first byte; links, devices and pipes are never opened.

    Raises:
        ModelError: not in the model's folder, missing, not a plain file with one name, or too short.
        SetupError: no permission.
    """
    if folder is None:
        raise ModelError(
            "QK3106",
            f"tensor {place.tensor!r} is stored in {place.location!r}, beside a model file that is not known",
            hints=["load the model from its path, or load its external data first"],
        )
    path = _without_links(folder, place)
    try:
        handle = os.open(path, os.O_RDONLY | _NO_FOLLOW | _NO_WAIT | _BINARY)
    except PermissionError as refusal:
        raise no_permission(path) from refusal
    except OSError as refusal:
        raise _unsafe(place.tensor, place.location, f"it cannot be opened: {refusal.strerror}") from refusal
    try:
        # Looked at once more, through the handle: between the first look and the opening, the file may have changed.
        _refuse_odd_file(os.fstat(handle), place)
    except ModelError:
        os.close(handle)
        raise
    stream = os.fdopen(handle, "rb")
    stream.seek(place.offset)
    return stream


def blocks(stream: BinaryIO, place: Piece, size: int) -> Iterator[bytes]:
    """The bytes of `place`, at most `size` at once, from a stream that stands at its start."""
    for start in range(0, place.length, size):
        block = stream.read(min(size, place.length - start))
        if len(block) < min(size, place.length - start):
            raise _too_short(place, place.offset + start + len(block))
        yield block


def refuse_overlap(pieces: Iterable[Piece]) -> None:
    """Two tensors may share all of their bytes, as tied weights do; sharing a part is damage or malice."""
    held = {place for place in pieces if place.length}
    ordered = sorted(held, key=lambda place: (place.location, place.offset, place.end))
    for first, second in pairwise(ordered):
        same = (first.offset, first.end) == (second.offset, second.end)
        if first.location == second.location and second.offset < first.end and not same:
            raise ModelError(
                "QK3105",
                f"tensors {first.tensor!r} and {second.tensor!r} overlap in external data {first.location!r}",
                where=second.tensor,
                cause=f"bytes {first.offset} to {first.end} and {second.offset} to {second.end}",
                hints=["export the model again"],
            )


def _refuse_unsafe_name(location: str, tensor: str) -> None:
    windows, posix = PureWindowsPath(location), PurePosixPath(location)
    if not location or "\0" in location:
        raise _malformed(tensor, f"it has no usable location: {location!r}")
    if posix.is_absolute() or windows.drive or windows.root:
        raise _unsafe(tensor, location, "the path is absolute")
    if ".." in posix.parts or ".." in windows.parts:
        raise _unsafe(tensor, location, "the path leaves the model's folder")


def _without_links(folder: Path, place: Piece) -> Path:
    """The path of `place`, after a look at each step of it and at the file."""
    path, facts = folder, folder.stat()
    for part in PurePosixPath(place.location).parts:
        path = path / part
        try:
            facts = path.lstat()
        except (FileNotFoundError, NotADirectoryError) as refusal:
            raise ModelError(
                "QK3103",
                f"external data file {place.location!r} is missing; tensor {place.tensor!r} is stored in it",
                where=str(path),
                hints=["copy it into the model's folder: an ONNX model with external data is several files"],
            ) from refusal
        except OSError as refusal:
            raise _unsafe(place.tensor, place.location, f"it cannot be examined: {refusal.strerror}") from refusal
        if stat.S_ISLNK(facts.st_mode):
            raise _unsafe(place.tensor, place.location, f"{part!r} is a symbolic link")
    _refuse_odd_file(facts, place)
    return path


def _refuse_odd_file(facts: os.stat_result, place: Piece) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise _unsafe(place.tensor, place.location, "it is a directory, device, pipe or socket")
    if facts.st_nlink > 1:
        raise _unsafe(place.tensor, place.location, "it is a hard link: another name of a file that may lie anywhere")
    if place.end > facts.st_size:
        raise _too_short(place, facts.st_size)


def _number(entries: dict[str, str], key: str, tensor: str) -> int | None:
    """A count of bytes; 18 digits are more than any file has, and keep the conversion cheap."""
    text = entries.get(key)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise _malformed(tensor, f"its {key} is {text[:40]!r}, not a count of bytes")
    return int(text)


def _unsafe(tensor: str, location: str, cause: str) -> ModelError:
    return ModelError(
        "QK3101",
        f"unsafe external data: tensor {tensor!r} is stored in {location!r}",
        where=tensor,
        cause=cause,
        hints=["put a plain copy of the file into the model's folder: cp --dereference"],
    )


def _too_short(place: Piece, size: int) -> ModelError:
    return ModelError(
        "QK3104",
        f"external data of tensor {place.tensor!r} ends at byte {place.end}, {place.location!r} at {size}",
        where=place.tensor,
        hints=["the file is truncated or belongs to another model; copy it again"],
    )


def _malformed(tensor: str, cause: str) -> ModelError:
    return ModelError(
        "QK3102",
        f"the external data entry of tensor {tensor!r} makes no sense",
        where=tensor,
        cause=cause,
        hints=["export the model again"],
    )

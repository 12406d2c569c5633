"""Arrays in .npy and .npz files, checked by their headers before anything is unpacked."""

from __future__ import annotations

import errno
import math
import struct
import tokenize
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, Protocol

import numpy as np

from quantkit.core.arrays import Array
from quantkit.core.errors import DataError
from quantkit.core.text import printable
from quantkit.data.file_part import FilePart, Stamp, as_found
from quantkit.data.records import UNNAMED, BadSampleError

SUFFIXES = (".npy", ".npz")

# Beyond 8 bytes a number is complex or of a precision that no model knows.
LARGEST_ITEM = 8

# The fixed part of a ZIP member's own header; the lengths of name and extra field stand at its end.
_LOCAL_HEADER = struct.Struct("<26xHH")

# What zipfile and NumPy's header parser let out on damaged or hostile files. A warning is among them because a
# program may have turned warnings into errors.
_SLIPS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    tokenize.TokenError,
    struct.error,
    ValueError,
    LookupError,
    ArithmeticError,
    EOFError,
    TypeError,
    SyntaxError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    Warning,
)


class Column(Protocol):
    """Arrays of one shape, stacked along axis 0; a NumPy array is one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows first."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The stored type."""

    def __getitem__(self, row: int, /) -> Any:
        """One row as an array or a number."""


class Header(NamedTuple):
    """What an .npy header says."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]

    @property
    def size_bytes(self) -> int:
        """What the values take, without overflow."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """An array that stays in its file; each row is read when it is asked for.

    Reading rows is chosen over mapping the file: a file that is cut while it is mapped ends the process.
    """

    part: FilePart
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __getitem__(self, row: int, /) -> Array:
        length = math.prod(self.shape[1:]) * self.dtype.itemsize
        return self._values(row * length, length, self.shape[1:])

    def whole(self) -> Array:
        """Every row."""
        return self._values(0, self.part.length, self.shape)

    def _values(self, start: int, length: int, shape: tuple[int, ...]) -> Array:
        content = FilePart(self.part.path, self.part.stamp, self.part.offset + start, length).read()
        return np.frombuffer(content, self.dtype).reshape(shape)


def opened(path: Path, stamp: Stamp, max_bytes: int) -> Mapping[str, Column]:
    """Member name → array, in the file's order; an .npy file's only one is called ``""``.

    Arrays that are stored plainly stay in the file, packed ones are unpacked into memory.

    Raises:
        BadSampleError: damaged, pickled, unsafe, packed by other means than deflate, or more than `max_bytes` unpacked.
        DataError: the file is not the one that `stamp` was taken of.
        SetupError: no permission to read it.
    """
    whole = FilePart.whole(path, stamp)
    with as_found(path, stamp) as stream, _located(path):
        if path.suffix.lower() == ".npy":
            return {UNNAMED: _plain(stream, whole, max_bytes)}
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            _refuse_unsafe(members)
            refuse_too_large(sum(info.file_size for info in members if info.compress_type), max_bytes)
            return {_title(info): _member(archive, info, whole, max_bytes) for info in members}


def loaded(column: Column) -> Array:
    """A column as an array in memory."""
    return column.whole() if isinstance(column, StoredColumn) else np.asarray(column)


def _title(info: zipfile.ZipInfo) -> str:
    return info.filename.removesuffix(".npy")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: FilePart, max_bytes: int) -> Column:
    if info.compress_type == zipfile.ZIP_DEFLATED:
        with archive.open(info) as stream:
            header = _header(stream, _title(info))
            return _shaped(header, stream.read())
    # Read once to the end, which compares the checksum; rows are taken from the file itself later.
    with archive.open(info) as stream:
        while stream.read(1 << 20):
            pass
    with as_found(file.path, file.stamp) as stream:
        stream.seek(info.header_offset)
        name_length, extra_length = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
        start = info.header_offset + _LOCAL_HEADER.size + name_length + extra_length
        stream.seek(start)
        return _plain(stream, FilePart(file.path, file.stamp, start, info.file_size), max_bytes, _title(info))


def _plain(stream: IO[bytes], part: FilePart, max_bytes: int, title: str = UNNAMED) -> Column:
    """The array that lies unpacked in `part`, at whose start `stream` stands."""
    header = _header(stream, title)
    start = stream.tell()
    values = FilePart(part.path, part.stamp, start, part.offset + part.length - start)
    if header.size_bytes != values.length:
        raise ValueError(f"the header announces {header.size_bytes} bytes of values, there are {values.length}")
    if header.is_fortran or not header.shape:
        refuse_too_large(header.size_bytes, max_bytes)
        return _shaped(header, values.read())
    return StoredColumn(values, header.shape, header.dtype)


def _shaped(header: Header, content: bytes) -> Array:
    if header.size_bytes != len(content):
        raise ValueError(f"the header announces {header.size_bytes} bytes of values, there are {len(content)}")
    return np.frombuffer(content, header.dtype).reshape(header.shape, order="F" if header.is_fortran else "C")


def _header(stream: IO[bytes], title: str) -> Header:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        header = Header(*np.lib.format.read_array_header_1_0(stream))
    elif version == (2, 0):
        header = Header(*np.lib.format.read_array_header_2_0(stream))
    else:
        raise ValueError(f"version {version} of the .npy format holds tables, not numbers")
    if any(size < 0 for size in header.shape):
        raise ValueError(f"the header announces the shape {header.shape}")
    refuse_type(header.dtype, title)
    return header


def refuse_type(dtype: np.dtype[Any], title: str) -> None:
    """Refuses values that no model takes, Python objects before all."""
    name = printable(title or "the array")
    if dtype.hasobject:
        raise BadSampleError(
            "QK2211",
            f"{name} holds pickled Python objects, not numbers",
            cause="unpickling runs whatever the file's author put there, so it is never done",
            hints=["save a numeric array: np.savez(path, x=np.stack(samples))"],
        )
    if dtype.kind not in "biuf" or dtype.itemsize > LARGEST_ITEM:
        hint = "bfloat16 is stored like this: save it with .astype(np.float32)" if dtype.kind == "V" else "save numbers"
        raise BadSampleError("QK2214", f"{name} has the type {dtype}, which no model takes", hints=[hint])


def refuse_too_large(size: int, max_bytes: int) -> None:
    """Refuses packed arrays that would fill the memory."""
    if size > max_bytes:
        raise BadSampleError(
            "QK2212",
            f"the arrays take {size} bytes unpacked, more than {max_bytes}",
            cause="the file's own directory says so; nothing was unpacked",
            hints=["save them with np.savez, which does not pack, or raise --max-array-bytes if you trust the file"],
        )


def _refuse_unsafe(members: Sequence[zipfile.ZipInfo]) -> None:
    counts = Counter(info.filename for info in members)
    for info in members:
        path = PurePosixPath(info.filename)
        if path.is_absolute() or ".." in path.parts:
            raise _unusable(info, "its path leads out of the archive")
        if path.suffix != ".npy":
            raise _unusable(info, "it is no .npy array")
        if counts[info.filename] > 1:
            raise _unusable(info, "it is there more than once")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _unusable(info, f"it is packed by method {info.compress_type}; only plain and deflate are read")


def _unusable(info: zipfile.ZipInfo, cause: str) -> BadSampleError:
    return BadSampleError(
        "QK2214",
        f"the member {printable(info.filename)!r:.200} is refused",
        cause=cause,
        hints=["save the arrays again with np.savez or np.savez_compressed"],
    )


@contextmanager
def _located(path: Path) -> Iterator[None]:
    """Says which file it was, and turns what NumPy and zipfile let out into our error."""
    name = printable(str(path))
    try:
        yield
    except DataError as refusal:
        raise refusal.located(name) from refusal.__cause__
    except _SLIPS as slip:
        raise _damaged(name, slip) from slip
    except OSError as slip:
        # zipfile goes to wherever the directory says, in front of the file's start too.
        if slip.errno != errno.EINVAL:
            raise
        raise _damaged(name, slip) from slip


def _damaged(name: str, slip: BaseException) -> BadSampleError:
    return BadSampleError(
        "QK2213",
        f"{name} is damaged or no array file",
        where=name,
        cause=f"{type(slip).__name__}: {slip}",
        hints=["save it again with np.save or np.savez"],
    )

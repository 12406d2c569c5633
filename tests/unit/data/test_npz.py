"""Array files that may be damaged or hostile."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantkit.core.arrays import Array
from quantkit.core.errors import DataError
from quantkit.data.file_part import Stamp
from quantkit.data.npz import Column, StoredColumn, loaded, opened

MANY = 1 << 20


def read(path: Path, max_bytes: int = MANY) -> Mapping[str, Column]:
    return opened(path, Stamp.of(path.stat()), max_bytes)


def npy(array: Array) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def header(shape: str, descr: str = "<f4") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def archive(path: Path, members: Mapping[str, bytes], packing: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


X = np.arange(24, dtype=np.float32).reshape(4, 3, 2)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed], ids=["plain", "packed"])
@pytest.mark.parametrize("array", [X, X.astype(">f8"), np.asfortranarray(X), X[0, 0], X[:0]], ids=str)
def test_every_member_is_what_was_saved(tmp_path: Path, save: object, array: Array) -> None:
    path = tmp_path / "a.npz"
    save(path, x=array, y=np.arange(4))  # type: ignore[operator]
    members = read(path)
    assert list(members) == ["x", "y"]
    assert np.array_equal(loaded(members["x"]), array)
    assert all(np.array_equal(members["x"][row], array[row]) for row in range(len(array)))


def test_plain_arrays_stay_in_their_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    np.savez(tmp_path / "a.npz", x=X)
    assert isinstance(read(tmp_path / "a.npy", max_bytes=1)[""], StoredColumn)
    assert isinstance(read(tmp_path / "a.npz", max_bytes=1)["x"], StoredColumn)


def test_a_file_that_is_cut_while_rows_are_read_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    column = read(tmp_path / "a.npy")[""]
    (tmp_path / "a.npy").write_bytes(npy(X)[:-8])
    with pytest.raises(DataError, match=r"a\.npy is not what it was"):
        column[0]


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_pickled_objects_are_refused_and_never_unpickled(tmp_path: Path, name: str) -> None:
    objects = np.array([_Trap()], dtype=object)
    (np.save if name == "a.npy" else np.savez)(tmp_path / name, objects)
    with pytest.raises(DataError, match="holds pickled Python objects") as refusal:
        read(tmp_path / name)
    assert refusal.value.code == "QK2211"


class _Trap:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("unpickled",)) if not _SPRUNG else (_spring, ())


_SPRUNG = True


def _spring() -> None:
    raise AssertionError("it was unpickled")


@pytest.mark.parametrize("dtype", ["c8", "S4", "U4", "M8[s]", "f4,i4", "V2"])
def test_types_that_no_model_takes_are_refused(tmp_path: Path, dtype: str) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros(3, dtype))
    with pytest.raises(DataError) as refusal:
        read(tmp_path / "a.npz")
    assert refusal.value.code in {"QK2213", "QK2214"}


@pytest.mark.parametrize("shape", ["(1099511627776, 2)", "(4611686018427387904, 4)", "(-1, 4)", "(2,)"], ids=str)
def test_a_header_that_does_not_fit_its_file_is_refused_before_anything_is_made(tmp_path: Path, shape: str) -> None:
    (tmp_path / "a.npy").write_bytes(header(shape) + bytes(4))
    archive(tmp_path / "a.npz", {"x.npy": header(shape) + bytes(4)})
    for name in ("a.npy", "a.npz"):
        with pytest.raises(DataError, match="damaged or no array file") as refusal:
            read(tmp_path / name)
        assert refusal.value.code == "QK2213"
        assert "the header announces" in str(refusal.value.cause)


def test_a_bomb_is_refused_by_its_directory(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", {"x.npy": npy(np.zeros(MANY, np.float32))}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < MANY // 100
    with pytest.raises(DataError, match="the arrays take 4194432 bytes unpacked, more than 1048576") as refusal:
        read(path)
    assert refusal.value.code == "QK2212"


def test_a_directory_that_lies_about_the_size_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", {"x.npy": npy(np.zeros(MANY, np.float32))}, zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    size = struct.pack("<I", 4 * MANY + 128)
    while (at := content.find(size)) >= 0:
        content[at : at + 4] = struct.pack("<I", 1000)
    path.write_bytes(content)
    with pytest.raises(DataError) as refusal:
        read(path)
    assert refusal.value.code == "QK2213"


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["plain", "packed"])
def test_a_wrong_checksum_is_refused(tmp_path: Path, packing: int) -> None:
    path = archive(tmp_path / "a.npz", {"x.npy": npy(X)}, packing)
    with zipfile.ZipFile(path) as file:
        crc = struct.pack("<I", file.getinfo("x.npy").CRC)
    path.write_bytes(path.read_bytes().replace(crc, b"\1\2\3\4"))
    with pytest.raises(DataError) as refusal:
        read(path)
    assert "Bad CRC-32" in str(refusal.value.cause)


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["bzip2", "lzma"])
def test_other_packing_is_refused(tmp_path: Path, packing: int) -> None:
    with pytest.raises(DataError, match=r"the member 'x\.npy' is refused") as refusal:
        read(archive(tmp_path / "a.npz", {"x.npy": npy(X)}, packing))
    assert refusal.value.code == "QK2214"
    assert f"packed by method {packing}" in str(refusal.value.cause)


@pytest.mark.parametrize("name", ["../x.npy", "/x.npy", "a/../../x.npy"])
def test_a_member_outside_of_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="is refused") as refusal:
        read(archive(tmp_path / "a.npz", {name: npy(X)}))
    assert refusal.value.cause == "its path leads out of the archive"


def test_a_member_that_is_no_array_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the member 'run\.py' is refused"):
        read(archive(tmp_path / "a.npz", {"x.npy": npy(X), "run.py": b"print()"}))


def test_a_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
            file.writestr("x.npy", npy(X))
            file.writestr("x.npy", npy(X + 1))
    with pytest.raises(DataError) as refusal:
        read(tmp_path / "a.npz")
    assert refusal.value.cause == "it is there more than once"


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\x93NUMPY", b"\x80\4\x95garbage", b"<html>"], ids=str)
@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_what_is_no_array_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match="damaged or no array file") as refusal:
        read(tmp_path / name)
    assert refusal.value.where == str(tmp_path / name)


@pytest.mark.parametrize("packing", [None, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["npy", "plain", "packed"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_read_or_refused_by_us(tmp_path: Path, packing: int | None, data: st.DataObject) -> None:
    path = tmp_path / ("a.npy" if packing is None else "a.npz")
    path.write_bytes(npy(X))
    if packing is not None:
        archive(path, {"x.npy": npy(X), "y.npy": npy(np.arange(4))}, packing)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(DataError):
        [loaded(column) for column in read(path).values()]

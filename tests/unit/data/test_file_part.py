"""Reading files that may have changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quantkit.core.errors import DataError, SetupError
from quantkit.data.file_part import FilePart, Stamp


@pytest.fixture
def part(tmp_path: Path) -> FilePart:
    path = tmp_path / "a.bin"
    path.write_bytes(b"0123456789")
    return FilePart(path, Stamp.of(path.stat()), 2, 5)


def test_a_part_is_read_as_it_lies(part: FilePart) -> None:
    assert part.read() == b"23456"
    assert FilePart.whole(part.path, part.stamp).read() == b"0123456789"


def test_a_file_that_vanished_is_named(part: FilePart) -> None:
    part.path.unlink()
    with pytest.raises(DataError, match=r"a\.bin is not what it was .*: it is gone") as refusal:
        part.read()
    assert refusal.value.code == "QK2206"


def test_a_file_that_was_written_to_is_named(part: FilePart) -> None:
    os.utime(part.path, ns=(0, 0))
    with pytest.raises(DataError, match=r"a\.bin is not what it was .*: it was written to"):
        part.read()


def test_a_part_beyond_the_end_is_refused(part: FilePart) -> None:
    with pytest.raises(DataError, match="it ends early"):
        FilePart(part.path, part.stamp, 8, 5).read()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_file_that_may_not_be_read_is_a_matter_of_setup(part: FilePart) -> None:
    part.path.chmod(0)
    with pytest.raises(SetupError, match="no permission to read"):
        part.read()

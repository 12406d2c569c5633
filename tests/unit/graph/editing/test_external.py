"""External data is opened only where it may lie, and only if it can be what the model says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from onnx import TensorProto

from quantkit.core.errors import ModelError
from quantkit.graph.editing.external import Piece, blocks, opened, piece, refuse_overlap

FOUR = 16
"""Bytes of four float32 values."""


def stored(**entries: str) -> TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def test_a_plain_file_in_the_folder_is_read_from_the_offset(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "w.bin").write_bytes(bytes(range(32)))
    place = piece(stored(location="sub/w.bin", offset="8", length="16"), FOUR)
    with opened(place, tmp_path) as stream:
        assert b"".join(blocks(stream, place, 5)) == bytes(range(8, 24))


@pytest.mark.parametrize(
    ("location", "cause"),
    [
        ("../w.bin", "leaves the model's folder"),
        ("sub/../../w.bin", "leaves the model's folder"),
        ("..\\w.bin", "leaves the model's folder"),
        ("/etc/passwd", "the path is absolute"),
        ("C:\\w.bin", "the path is absolute"),
        ("C:w.bin", "the path is absolute"),
        ("\\\\host\\share\\w.bin", "the path is absolute"),
    ],
)
def test_a_location_outside_the_folder_is_unsafe(location: str, cause: str) -> None:
    with pytest.raises(ModelError, match="unsafe external data: tensor 'w'") as refusal:
        piece(stored(location=location), FOUR)
    assert refusal.value.code == "QK3101"
    assert cause in str(refusal.value)


@pytest.mark.parametrize(
    ("entries", "cause"),
    [
        ({}, "no usable location"),
        ({"location": "w\0.bin"}, "no usable location"),
        ({"location": "w.bin", "offset": "-4"}, "its offset is '-4', not a count of bytes"),
        ({"location": "w.bin", "offset": "four"}, "its offset is 'four', not a count of bytes"),
        ({"location": "w.bin", "length": "9" * 5000}, "not a count of bytes"),
        ({"location": "w.bin", "length": "²"}, "not a count of bytes"),
        ({"location": "w.bin", "length": "12"}, "its shape takes 16 bytes, its entry says 12"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(entries: dict[str, str], cause: str) -> None:
    with pytest.raises(ModelError, match="the external data entry of tensor 'w' makes no sense") as refusal:
        piece(stored(**entries), FOUR)
    assert cause in str(refusal.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"external data file 'w\.bin' is missing"):
        opened(Piece("w", "w.bin", 0, FOUR), tmp_path)
    (tmp_path / "w.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="is missing"):
        opened(Piece("w", "w.bin/inner.bin", 0, FOUR), tmp_path)


def test_links_are_never_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(FOUR))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "soft.bin").symlink_to(tmp_path / "secret")
    (folder / "sub").symlink_to(tmp_path)
    os.link(tmp_path / "secret", folder / "hard.bin")
    for location, cause in [("soft.bin", "symbolic link"), ("sub/secret", "symbolic link"), ("hard.bin", "hard link")]:
        with pytest.raises(ModelError, match="unsafe external data") as refusal:
            opened(Piece("w", location, 0, FOUR), folder)
        assert cause in str(refusal.value)


def test_devices_pipes_and_folders_are_never_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for location in ("pipe", "folder"):
        with pytest.raises(ModelError, match="unsafe external data"):
            opened(Piece("w", location, 0, FOUR), tmp_path)


def test_a_name_that_no_system_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="unsafe external data"):
        opened(Piece("w", "w" * 5000, 0, FOUR), tmp_path)


def test_a_range_beyond_the_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(20))
    with pytest.raises(ModelError, match=r"ends at byte 24, 'w\.bin' at 20"):
        opened(Piece("w", "w.bin", 8, FOUR), tmp_path)


def test_a_file_that_shrinks_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(FOUR))
    place = Piece("w", "w.bin", 0, FOUR)
    with opened(place, tmp_path) as stream:
        os.truncate(tmp_path / "w.bin", 10)
        with pytest.raises(ModelError, match=r"ends at byte 16, 'w\.bin' at 10"):
            list(blocks(stream, place, 8))


def test_a_model_in_memory_has_no_folder() -> None:
    with pytest.raises(ModelError, match="beside a model file that is not known"):
        opened(Piece("w", "w.bin", 0, FOUR), None)


def test_tied_weights_may_share_a_place_but_not_a_part_of_it() -> None:
    tied = [
        Piece("a", "w.bin", 0, 16),
        Piece("b", "w.bin", 0, 16),
        Piece("c", "w.bin", 16, 16),
        Piece("d", "v.bin", 8, 16),
    ]
    refuse_overlap(tied)
    with pytest.raises(ModelError, match="tensors 'c' and 'e' overlap"):
        refuse_overlap([*tied, Piece("e", "w.bin", 24, 16)])
    with pytest.raises(ModelError, match="overlap"):
        refuse_overlap([*tied, Piece("e", "w.bin", 4, 4)])
    with pytest.raises(ModelError, match="overlap"):
        refuse_overlap([Piece("a", "w.bin", 0, 16), Piece("empty", "w.bin", 8, 0), Piece("b", "w.bin", 12, 4)])


def test_two_spellings_of_a_location_are_one() -> None:
    assert piece(stored(location="./sub//w.bin"), FOUR) == piece(stored(location="sub/w.bin"), FOUR)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from quantkit.comparison.truth import Named, array_in, file_of, files
from quantkit.core.errors import ArtifactError, DataError
from quantkit.core.statistics import SampleId


def sample(name: str) -> SampleId:
    return SampleId(name, "0" * 64)


def as_it_is(image: Image.Image) -> str:
    return image.mode


def test_a_sample_is_found_by_its_whole_name_or_by_an_end_that_only_one_has() -> None:
    known = Named.of({"a/1.png": 1, "b/1.png": 2, "b/2.png": 3}, Path("truth.json"))
    assert [known.get(name) for name in ("b/1.png", "val/2.png", "2.png", "1.png", "3.png")] == [2, 3, 3, None, None]


def test_a_sample_that_nobody_knows_is_named() -> None:
    known = Named.of({"a.png": 1}, Path("truth.json"))
    with pytest.raises(DataError, match=r"nothing is known of the sample 'b\.png'") as refusal:
        known.of_sample(sample("b.png"))
    assert (refusal.value.code, refusal.value.where) == ("QK2285", "truth.json")


def test_files_go_by_names_without_suffix(tmp_path: Path) -> None:
    (tmp_path / "city").mkdir()
    np.save(tmp_path / "city" / "1.npy", np.zeros(3))
    (tmp_path / "notes.txt").touch()
    assert file_of(files(tmp_path), sample("val/city/1.jpg")) == tmp_path / "city" / "1.npy"


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="as ground truth") as refusal:
        files(tmp_path)
    assert (refusal.value.code, refusal.value.cause) == (
        "QK2284",
        "no file with one of the suffixes .bmp, .jpeg, .jpg, .npy, .png, .tif, .tiff",
    )


def test_two_files_for_one_sample_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "1.npy", np.zeros(3))
    Image.new("L", (2, 2)).save(tmp_path / "1.png")
    with pytest.raises(DataError) as refusal:
        files(tmp_path)
    assert refusal.value.cause == "both 1.npy and 1.png are for the sample 1"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npy", b"\x93NUMPY\x01\x00"),
        ("a.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': (4, 4(\n"),
        ("a.npy", b""),
        ("a.npy", b"PK\x03\x04"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40),
        ("a.png", b"GIF89a"),
        ("a.png", b""),
    ],
    ids=["cut header", "torn header", "no bytes", "a torn zip", "damaged PNG", "a GIF", "no bytes of an image"],
)
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match="as ground truth") as refusal:
        array_in(path, as_it_is)
    assert refusal.value.code == "QK2284"


def test_python_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"x": 1}], np.object_), allow_pickle=True)
    with pytest.raises(DataError, match="as ground truth"):
        array_in(tmp_path / "a.npy", as_it_is)


def test_an_array_that_promises_more_than_its_file_holds_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 4), np.uint8))
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content.replace(b"(4, 4), }            ", b"(99999999, 999999), }"))
    with pytest.raises(DataError, match="as ground truth"):
        array_in(tmp_path / "a.npy", as_it_is)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot read"):
        array_in(tmp_path / "a.npy", as_it_is)


def test_values_are_read_as_they_are(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(6, dtype=np.int16).reshape(2, 3))
    Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3)).save(tmp_path / "a.png")
    assert array_in(tmp_path / "a.npy", as_it_is).tolist() == array_in(tmp_path / "a.png", as_it_is).tolist()

"""Images from folders."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quantkit.core.errors import DataError, UsageError
from quantkit.data.batches import Batches
from quantkit.data.images import ImageRecords, from_files, warn_of_refused
from quantkit.data.listing import listed
from quantkit.data.preprocessing import Preprocessing
from quantkit.data.reading import Labelling, Reading
from quantkit.data.records import BadSampleError
from tests.pictures import class_folders, flat_folder, packed, pixels, write_image

RAW = Preprocessing()


def records(
    folder: Path, recipe: Preprocessing = RAW, *, labelling: Labelling | None = None, reading: Reading | None = None
) -> ImageRecords:
    files = [found for found in listed(folder) if found.suffix != ".csv"]
    return from_files(folder, files, recipe, labelling=labelling or Labelling(), reading=reading or Reading())


def labels(records: ImageRecords) -> list[int | None]:
    return [image.label for image in records.images]


def test_a_sample_is_the_pixels_the_name_and_the_bytes_digest(tmp_path: Path) -> None:
    flat_folder(tmp_path, 2)
    (samples,) = Batches(records(tmp_path, reading=Reading(input_name="data")))
    assert np.array_equal(samples.inputs["data"][1], pixels(1).transpose(2, 0, 1))
    assert samples.ids[1].name == "01.png"
    assert samples.ids[1].digest == hashlib.sha256((tmp_path / "01.png").read_bytes()).hexdigest()
    assert samples.labels is None


def test_class_folders_are_numbered_in_sorted_order(tmp_path: Path) -> None:
    assert labels(records(class_folders(tmp_path, classes=3, each=2))) == [0, 0, 1, 1, 2, 2]


def test_a_table_overrules_folders(tmp_path: Path) -> None:
    class_folders(tmp_path, classes=2, each=1)
    (tmp_path / "labels.csv").write_text("file,label\nclass0/0.png,7\nclass1/0.png,5\n")
    assert labels(records(tmp_path, labelling=Labelling(table=tmp_path / "labels.csv"))) == [7, 5]


def test_numbers_in_file_names_are_labels_only_when_that_is_said(tmp_path: Path) -> None:
    write_image(tmp_path / "0230_n02105855.jpg", 0)
    assert labels(records(tmp_path)) == [None]
    assert labels(records(tmp_path, labelling=Labelling(pattern=r"^(?P<label>\d+)_"))) == [230]


def test_images_have_no_members(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="images have no member that could hold labels"):
        records(flat_folder(tmp_path, 1), labelling=Labelling(member="y"))


def test_the_record_says_what_was_declared_and_how_files_are_decoded(tmp_path: Path) -> None:
    record = records(flat_folder(tmp_path, 1), Preprocessing(scale=0.5)).preprocessing
    assert record["scale"] == 0.5
    assert record["decoding"]["orientation"] == "as EXIF says"


def test_images_of_other_sizes_need_a_declared_size(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", 0, 8, 8)
    write_image(tmp_path / "b.png", 1, 9, 8)
    with pytest.raises(DataError, match="the image becomes 3x9x8, the first one became 3x8x8") as refusal:
        list(Batches(records(tmp_path)))
    assert refusal.value.code == "QK2112"
    assert refusal.value.where == str(tmp_path / "b.png")
    (samples,) = Batches(records(tmp_path, Preprocessing(resize=(4, 4))))
    assert samples.inputs[""].shape == (2, 3, 4, 4)


def test_the_shape_comes_from_the_first_image_that_can_be_read(tmp_path: Path) -> None:
    flat_folder(tmp_path, 3)
    (tmp_path / "00.png").write_bytes(b"")
    reading = Reading(on_bad_sample="skip", max_bad_share=0.5)
    source = Batches(records(tmp_path), reading=reading)
    assert [sample.name for samples in source for sample in samples.ids] == ["01.png", "02.png"]


def test_a_folder_of_damaged_images_says_what_is_wrong_with_the_first(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "b.png").write_bytes(b"x")
    with pytest.raises(BadSampleError, match="the image file is empty"):
        records(tmp_path).outline()


def test_a_file_larger_than_any_allowed_image_is_not_even_read(tmp_path: Path) -> None:
    flat_folder(tmp_path, 1)
    with pytest.raises(DataError, match="more than the largest allowed image has unpacked") as refusal:
        list(Batches(records(tmp_path, Preprocessing(resize=(4, 4)), reading=Reading(max_image_pixels=4))))
    assert refusal.value.code == "QK2203"


def test_formats_that_are_not_read_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.gif").write_bytes(packed(pixels(0), ".gif"))
    (tmp_path / "notes.txt").write_text("")
    with caplog.at_level(logging.WARNING):
        warn_of_refused(listed(tmp_path))
    assert "1 files are left out, only .jpg, .jpeg, .png, .webp, .bmp are read: .gif 1" in caplog.text


def test_an_image_that_changes_after_it_was_listed_is_named(tmp_path: Path) -> None:
    found = records(flat_folder(tmp_path, 2))
    write_image(tmp_path / "01.png", 9, 9, 9)
    with pytest.raises(DataError, match=r"01\.png is not what it was when the data was listed") as refusal:
        list(Batches(found, reading=Reading(on_bad_sample="skip", max_bad_share=0.9)))
    assert refusal.value.code == "QK2206"


def test_records_read_well(tmp_path: Path) -> None:
    whole = records(class_folders(tmp_path, 2, 2))
    assert repr(whole) == f"ImageRecords({tmp_path}: 4 images, labelled)"
    assert repr(replace(whole, images=())) == f"ImageRecords({tmp_path}: 0 images, no labels)"

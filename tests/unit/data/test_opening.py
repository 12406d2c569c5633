"""The source that a path stands for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import DataError, UsageError
from quantkit.data.opening import open_source
from quantkit.data.preprocessing import PRESETS, Preprocessing, resolved
from quantkit.data.reading import Labelling, Reading
from quantkit.data.selection import Selection
from tests.pictures import class_folders, flat_folder, packed, pixels, tar_of

RAW = Preprocessing()
X = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)


def test_a_folder_of_images(tmp_path: Path) -> None:
    source = open_source(class_folders(tmp_path), preprocessing=RAW, selection=Selection(max_samples=5))
    assert source.size == 5
    assert repr(source) == f"Batches(ImageRecords({tmp_path}: 12 images, labelled); --max-samples 5, 5 samples by 4)"


@pytest.mark.parametrize("pattern", ["a.npz", "", "*.npz", "{a,b}.npz"])
def test_arrays_by_file_folder_and_pattern(tmp_path: Path, pattern: str) -> None:
    np.savez(tmp_path / "a.npz", x=X)
    if pattern.startswith("{"):
        np.savez(tmp_path / "b.npz", x=X)
    reading = Reading(inputs=(TensorSpec("x", "float32", ("N", 3)),))
    assert open_source(f"{tmp_path}/{pattern}", reading=reading).size in {6, 12}


@pytest.mark.parametrize("pattern", ["", "*.tar", "{0..1}.tar"])
def test_shards_by_folder_and_pattern(tmp_path: Path, pattern: str) -> None:
    for number in range(2):
        tar_of(tmp_path / f"{number}.tar", {f"{n}.png": packed(pixels(n)) for n in range(3)})
    assert open_source(f"{tmp_path}/{pattern}", preprocessing=RAW).size == 6


def test_several_folders_are_one_set(tmp_path: Path) -> None:
    flat_folder(tmp_path / "part0", 2)
    flat_folder(tmp_path / "part1", 3)
    source = open_source(f"{tmp_path}/part?", preprocessing=RAW)
    assert source.size == 5
    assert len(set(source.records.names)) == 5


def test_images_need_a_declared_preprocessing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="how images become the model's input is not declared") as refusal:
        open_source(flat_folder(tmp_path))
    assert refusal.value.code == "QK1034"
    assert "imagenet|tensorflow|caffe|none" in refusal.value.hints[0]


def test_arrays_take_no_preprocessing(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(UsageError, match="holds arrays, which are taken as they are"):
        open_source(tmp_path / "x.npy", preprocessing=PRESETS["imagenet"])
    assert open_source(tmp_path / "x.npy", preprocessing=PRESETS["none"]).size == 6


def test_a_preprocessing_that_cannot_fit_is_refused_before_an_image_is_read(tmp_path: Path) -> None:
    reading = Reading(inputs=(TensorSpec("x", "float32", ("N", 3, 32, 32)),))
    with pytest.raises(DataError, match="takes 3x32x32, the preprocessing gives 3x224x224"):
        open_source(flat_folder(tmp_path), preprocessing=PRESETS["imagenet"], reading=reading)


@pytest.mark.parametrize("kind", [str, Path])
def test_labels_from_a_table_need_its_path_only(tmp_path: Path, kind: type) -> None:
    photos, table = flat_folder(tmp_path / "photos", 2), kind(tmp_path / "val.csv")
    Path(table).write_text("00.png,7\n01.png,5\n")
    by_path = open_source(photos, labels=table, preprocessing=RAW)
    by_record = open_source(photos, labelling=Labelling(table), preprocessing=RAW)
    for source in (by_path, by_record):
        (samples,) = source
        assert samples.labels is not None
        assert samples.labels.tolist() == [7, 5]


def test_labels_by_path_and_by_record_are_refused_together(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="labels are to come from two places, labels and labelling") as refusal:
        open_source(flat_folder(tmp_path), labels="val.csv", labelling=Labelling(pattern="x"), preprocessing=RAW)
    assert refusal.value.code == "QK1036"


def test_a_missing_path_is_met_with_the_nearest_one(tmp_path: Path) -> None:
    flat_folder(tmp_path / "calib")
    with pytest.raises(DataError, match="there is no data at") as refusal:
        open_source(tmp_path / "calb", preprocessing=RAW)
    assert refusal.value.code == "QK2231"
    assert refusal.value.hints == ("did you mean 'calib'?", "check the path")


def test_mixed_kinds_are_refused(tmp_path: Path) -> None:
    np.save(flat_folder(tmp_path) / "x.npy", X)
    with pytest.raises(DataError, match="holds images and arrays") as refusal:
        open_source(tmp_path, preprocessing=RAW)
    assert refusal.value.code == "QK2232"


@pytest.mark.parametrize("names", [[], ["notes.txt", "a.gif"]], ids=str)
def test_nothing_accepted_says_what_is_accepted(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(DataError, match="0 calibration samples") as refusal:
        open_source(tmp_path, preprocessing=RAW)
    assert refusal.value.code == "QK2101"
    assert refusal.value.hints == ("accepted: .jpg, .jpeg, .png, .webp, .bmp, .npy, .npz, .tar",)


def test_nothing_chosen_says_by_what(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 calibration samples") as refusal:
        open_source(flat_folder(tmp_path, 3), preprocessing=RAW, selection=Selection(shard=(5, 5)))
    assert refusal.value.cause == "found: .png 3; chosen: --shard 5/5"


def test_a_pattern_without_matches_is_no_sample(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 calibration samples"):
        open_source(f"{tmp_path}/*.npz")


def test_the_digits_have_their_labels(digits: Path) -> None:
    source = open_source(digits / "calib", preprocessing=resolved(digits / "preprocess.toml"))
    batches = list(source)
    labels = np.concatenate([samples.labels for samples in batches if samples.labels is not None])
    assert sorted(set(labels.tolist())) == list(range(10))
    assert batches[0].inputs[""].shape == (4, 1, 32, 32)
    assert len(labels) == source.size


@pytest.mark.material
def test_imagenet_files_are_labelled_by_their_names(material: Path) -> None:
    source = open_source(
        material / "imagenet" / "val",
        preprocessing=PRESETS["imagenet"],
        labelling=Labelling(pattern=r"^(?P<label>\d+)_"),
        selection=Selection(max_samples=20),
    )
    batches = list(source)
    assert batches[0].inputs[""].shape == (4, 3, 224, 224)
    labels = [label for samples in batches if samples.labels is not None for label in samples.labels.tolist()]
    assert labels == [int(sample.name[:4]) for samples in batches for sample in samples.ids]


@pytest.mark.material
def test_the_oracles_images_are_what_tensorrt_saw_of_them(material: Path) -> None:
    folder = next(path for path in sorted((material / "oracle").rglob("*")) if path.suffix == ".jpg").parent
    recipe = Preprocessing(scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    source = open_source(folder, preprocessing=recipe)
    assert source.size == 256
    assert next(iter(source)).inputs[""].shape == (4, 3, 224, 224)

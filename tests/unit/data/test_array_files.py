"""Samples in .npy and .npz files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import DataError, UsageError
from quantkit.core.ports import Samples
from quantkit.data.array_files import from_files
from quantkit.data.batches import Batches
from quantkit.data.listing import listed
from quantkit.data.reading import Labelling, Reading

IMAGE = TensorSpec("x", "float32", ("N", 3, 4, 4))
X = np.random.default_rng(0).standard_normal((6, 3, 4, 4)).astype(np.float32)


def samples(folder: Path, *inputs: TensorSpec, labelling: Labelling | None = None) -> Samples:
    reading = Reading(batch_size=99, inputs=inputs)
    files = [found for found in listed(folder) if found.suffix != ".csv"]
    (whole,) = Batches(from_files("data", files, labelling=labelling or Labelling(), reading=reading), reading=reading)
    return whole


def test_one_file_stacks_samples(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, label=np.arange(6, dtype=np.uint8))
    whole = samples(tmp_path)
    assert np.array_equal(whole.inputs["x"], X)
    assert whole.labels is not None
    assert whole.labels.tolist() == list(range(6))


def test_each_of_several_files_is_one_sample(tmp_path: Path) -> None:
    for number, row in enumerate(X):
        np.savez_compressed(tmp_path / f"{number}.npz", x=row, y=number)
    whole = samples(tmp_path)
    assert np.array_equal(whole.inputs["x"], X)
    assert whole.labels is not None
    assert whole.labels.tolist() == list(range(6))
    assert whole.ids[3].name == "3.npz"


def test_the_models_ranks_tell_batches_from_samples(tmp_path: Path) -> None:
    for number, part in enumerate((X[:4], X[4:])):
        np.save(tmp_path / f"{number}.npy", part)
    whole = samples(tmp_path, IMAGE)
    assert np.array_equal(whole.inputs[""], X)
    assert whole.ids[5].name == "1.npy#1"


def test_a_single_file_may_hold_a_single_sample(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X[0])
    assert samples(tmp_path, IMAGE).inputs[""].shape == (1, 3, 4, 4)


def test_a_streaming_models_caches_are_part_of_the_sample(tmp_path: Path) -> None:
    streaming = (TensorSpec("mix", "float32", (1, 5)), TensorSpec("cache", "float32", (2, 1)))
    for number in range(3):
        np.savez(tmp_path / f"{number}.npz", mix=np.zeros((1, 5)), cache=np.full((2, 1), number))
    assert samples(tmp_path, *streaming).inputs["cache"].shape == (3, 2, 1)


def test_equal_content_has_equal_digests_in_every_container(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "many").mkdir()
    np.savez_compressed(tmp_path / "one/a.npz", x=X)
    for number, row in enumerate(X):
        np.save(tmp_path / f"many/{number}.npy", row)
    digests = [[sample.digest for sample in samples(tmp_path / name).ids] for name in ("one", "many")]
    assert digests[0] == digests[1]


def test_an_untitled_array_has_no_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X)
    assert list(samples(tmp_path).inputs) == [""]


def test_a_table_labels_files_that_hold_one_sample(tmp_path: Path) -> None:
    for number, row in enumerate(X[:2]):
        np.save(tmp_path / f"{number}.npy", row)
    (tmp_path / "labels.csv").write_text("0.npy,5\n1.npy,6\n")
    whole = samples(tmp_path, labelling=Labelling(table=tmp_path / "labels.csv"))
    assert whole.labels is not None
    assert whole.labels.tolist() == [5, 6]
    whole = samples(tmp_path, labelling=Labelling(pattern=r"(?P<label>\d+)"))
    assert whole.labels is not None
    assert whole.labels.tolist() == [0, 1]


def test_a_table_cannot_label_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    with pytest.raises(UsageError, match="a label table or pattern names files, and these hold many samples each"):
        samples(tmp_path, labelling=Labelling(pattern=r"(?P<label>\d+)"))


def test_a_member_called_like_an_input_is_no_label(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 3)), y=np.zeros((2, 3)))
    inputs = (TensorSpec("x", "float32", ("N", 3)), TensorSpec("y", "float32", ("N", 3)))
    assert sorted(samples(tmp_path, *inputs).inputs) == ["x", "y"]


def test_labels_may_be_called_otherwise(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, digit=np.arange(6))
    whole = samples(tmp_path, labelling=Labelling(member="digit"))
    assert whole.labels is not None
    with pytest.raises(DataError, match="there is no member 'digits'") as refusal:
        samples(tmp_path, labelling=Labelling(member="digits"))
    assert "did you mean 'digit'?" in refusal.value.hints


def test_a_file_without_inputs_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", label=np.arange(6))
    with pytest.raises(DataError, match="holds no array that could be an input"):
        samples(tmp_path)


def test_a_file_unlike_the_first_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "0.npy", X[0])
    np.save(tmp_path / "1.npy", X[0, 0])
    with pytest.raises(
        DataError, match=r"1\.npy holds float32\[4x4\], the first one holds float32\[3x4x4\]"
    ) as refusal:
        samples(tmp_path)
    assert refusal.value.code == "QK2112"


def test_a_sample_with_several_labels_is_refused(tmp_path: Path) -> None:
    for number in range(2):
        np.savez(tmp_path / f"{number}.npz", x=X[number], y=np.arange(3))
    with pytest.raises(DataError, match="3 labels for 1 sample"):
        samples(tmp_path)


def test_packed_batches_may_not_fill_the_memory_together(tmp_path: Path) -> None:
    for number in range(3):
        np.savez_compressed(tmp_path / f"{number}.npz", x=X)
    reading = Reading(inputs=(IMAGE,), max_array_bytes=2 * X.nbytes + 300)
    with pytest.raises(DataError, match=f"the arrays take {3 * X.nbytes} bytes unpacked, more than"):
        from_files("data", listed(tmp_path), labelling=Labelling(), reading=reading)


@pytest.mark.parametrize("number", [0, 3])
def test_a_damaged_file_can_be_skipped(tmp_path: Path, number: int) -> None:
    for index, row in enumerate(X):
        np.save(tmp_path / f"{index}.npy", row)
    (tmp_path / f"{number}.npy").write_bytes(b"\x93NUMPY")
    reading = Reading(on_bad_sample="skip", max_bad_share=0.2)
    source = Batches(from_files("data", listed(tmp_path), labelling=Labelling(), reading=reading), reading=reading)
    assert sum(map(len, source)) == 5
    assert list(source.skipped) == [f"{number}.npy"]


@pytest.mark.material
def test_the_keyword_clips_are_float32_with_labels(material: Path) -> None:
    files = [found for found in listed(material / "kws") if found.suffix == ".npz"]
    records = from_files("kws", files, labelling=Labelling(), reading=Reading())
    source = Batches(records, reading=Reading(batch_size=2000))
    (whole,) = source
    assert whole.inputs["mfcc"].shape == (1100, 98, 40)
    assert whole.inputs["mfcc"].dtype == np.float32
    assert whole.labels is not None
    assert (whole.labels.min(), whole.labels.max()) == (1, 11)


def test_a_member_that_is_no_input_is_named_for_what_it_is(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, weights=np.ones(7, np.float32))
    with pytest.raises(DataError, match="'weights' is not one of the model's inputs") as refusal:
        samples(tmp_path, IMAGE)
    assert "x:Nx3x4x4" in refusal.value.hints[1]

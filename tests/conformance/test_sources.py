"""One body of tests over every kind of source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quantkit.core.arrays import Array
from quantkit.core.artifact import TensorSpec
from quantkit.core.ports import BatchSource
from quantkit.core.statistics import SampleId
from quantkit.data.arrays import from_arrays
from quantkit.data.batches import Batches
from quantkit.data.checked import checked
from quantkit.data.iterables import wrapped
from quantkit.data.opening import open_source
from quantkit.data.preprocessing import Preprocessing, canonical
from quantkit.data.reading import Reading
from quantkit.data.selection import Selection
from quantkit.data.synthetic import synthetic
from tests.pictures import class_folders, flat_folder, packed, pixels, tar_of

SPEC = TensorSpec("x", "float32", ("N", 3, 8, 8))
RAW = Preprocessing(scale=1 / 255)
X = np.random.default_rng(0).standard_normal((11, 3, 8, 8)).astype(np.float32)


def image_classes(folder: Path) -> Batches:
    return open_source(class_folders(folder / "classes"), preprocessing=RAW)


def image_files(folder: Path) -> Batches:
    return open_source(flat_folder(folder / "flat", 11), preprocessing=RAW)


def tar_shards(folder: Path) -> Batches:
    for shard in range(3):
        members = {f"{n}.png": packed(pixels(10 * shard + n)) for n in range(4)}
        tar_of(folder / "tar" / f"{shard}.tar", {**members, **{f"{n}.cls": b"%d" % n for n in range(4)}})
    return open_source(folder / "tar" / "{0..2}.tar", preprocessing=RAW)


def npz_file(folder: Path) -> Batches:
    np.savez_compressed(folder / "a.npz", x=X, label=np.arange(11))
    return open_source(folder / "a.npz")


def npy_rows(folder: Path) -> Batches:
    np.save(folder / "a.npy", X)
    return open_source(folder / "a.npy")


def array_folder(folder: Path) -> Batches:
    (folder / "arrays").mkdir()
    for number, row in enumerate(X):
        np.savez(folder / "arrays" / f"{number:02}.npz", x=row, y=number)
    return open_source(folder / "arrays")


def batch_folder(folder: Path) -> Batches:
    (folder / "parts").mkdir()
    for number, part in enumerate((X[:4], X[4:5], X[5:])):
        np.save(folder / "parts" / f"{number}.npy", part)
    return open_source(folder / "parts", reading=Reading(inputs=(SPEC,)))


def in_memory(_folder: Path) -> Batches:
    return from_arrays({"x": X}, np.arange(11))


def made_up(_folder: Path) -> Batches:
    return synthetic([SPEC], 11)


def loader(_folder: Path) -> BatchSource:
    return wrapped([(X[:4], np.arange(4)), (X[4:8], np.arange(4)), (X[8:], np.arange(3))], inputs=[SPEC])


def maker(_folder: Path) -> BatchSource:
    return wrapped(lambda: ({"x": X[start : start + 4]} for start in (0, 4, 8)))


Opener = Callable[[Path], BatchSource]
INDEXED: list[Callable[[Path], Batches]] = [
    image_classes,
    image_files,
    tar_shards,
    npz_file,
    npy_rows,
    array_folder,
    batch_folder,
    in_memory,
    made_up,
]
EVERY: list[Opener] = [*INDEXED, loader, maker]

every_source = pytest.mark.parametrize("opener", EVERY, ids=lambda opener: opener.__name__)
every_indexed_source = pytest.mark.parametrize("opener", INDEXED, ids=lambda opener: opener.__name__)


def content(source: BatchSource) -> tuple[Array, list[SampleId], list[int]]:
    """Everything that a pass gives, put together."""
    batches = list(source)
    (name,) = {name for samples in batches for name in samples.inputs}
    ids = [sample for samples in batches for sample in samples.ids]
    labels = [label for samples in batches if samples.labels is not None for label in samples.labels.tolist()]
    return np.concatenate([samples.inputs[name] for samples in batches]), ids, labels


def assert_equal_content(first: BatchSource, second: BatchSource) -> None:
    (first_values, *first_rest), (second_values, *second_rest) = content(first), content(second)
    assert np.array_equal(first_values, second_values)
    assert first_rest == second_rest


@every_source
def test_a_second_pass_gives_the_same(opener: Opener, tmp_path: Path) -> None:
    source = opener(tmp_path)
    assert_equal_content(source, source)


@every_source
def test_two_passes_at_once_do_not_meet(opener: Opener, tmp_path: Path) -> None:
    source = opener(tmp_path)
    for one, other in zip(source, source, strict=True):
        assert one.ids == other.ids
        assert all(np.array_equal(one.inputs[name], other.inputs[name]) for name in one.inputs)


@every_source
def test_names_are_unique_and_can_be_written_down(opener: Opener, tmp_path: Path) -> None:
    _, ids, _ = content(opener(tmp_path))
    assert len({sample.name for sample in ids}) == len(ids)
    assert all(sample.name.encode() for sample in ids)


@every_source
def test_digests_tell_contents_apart(opener: Opener, tmp_path: Path) -> None:
    values, ids, _ = content(opener(tmp_path))
    assert len({sample.digest for sample in ids}) == len(ids) == len(np.unique(values, axis=0))
    assert all(len(sample.digest) == 64 for sample in ids)


@every_source
def test_the_size_is_what_a_pass_gives(opener: Opener, tmp_path: Path) -> None:
    source = opener(tmp_path)
    assert source.size in (None, len(content(source)[1]))


@every_source
def test_each_batch_has_as_many_rows_as_names(opener: Opener, tmp_path: Path) -> None:
    for samples in opener(tmp_path):
        assert {len(array) for array in samples.inputs.values()} == {len(samples)}
        labels = samples.labels
        assert labels is None or (len(labels) == len(samples) and labels.dtype == np.int64)


@every_source
def test_the_record_is_json(opener: Opener, tmp_path: Path) -> None:
    assert canonical(opener(tmp_path).preprocessing).startswith("{")


@every_source
def test_a_repr_fits_on_a_line(opener: Opener, tmp_path: Path) -> None:
    text = repr(opener(tmp_path))
    assert "\n" not in text
    assert len(text.replace(str(tmp_path), "")) < 120


@every_source
def test_a_model_gets_its_own_names_and_nothing_else_changes(opener: Opener, tmp_path: Path) -> None:
    source = opener(tmp_path)
    fit = checked(source, [SPEC])
    assert [list(samples.inputs) for samples in fit] == [["x"]] * len(list(source))
    assert_equal_content(fit, source)


@every_source
@pytest.mark.parametrize("batch", [1, 11])
def test_a_fixed_batch_size_changes_only_the_batching(opener: Opener, tmp_path: Path, batch: int) -> None:
    source = opener(tmp_path)
    fixed = checked(source, [replace(SPEC, shape=(batch, *SPEC.shape[1:]))])
    values, ids, labels = content(fixed)
    whole_values, whole_ids, whole_labels = content(source)
    kept = len(whole_ids) - len(whole_ids) % batch
    assert {len(samples) for samples in fixed} == {batch}
    assert np.array_equal(values, whole_values[:kept])
    assert (ids, labels) == (whole_ids[:kept], whole_labels[:kept])


@every_indexed_source
@pytest.mark.parametrize("batch", [1, 3, 64])
@pytest.mark.parametrize("workers", [1, 3])
def test_batch_size_and_threads_change_only_the_batching(
    opener: Callable[[Path], Batches], tmp_path: Path, batch: int, workers: int
) -> None:
    source = opener(tmp_path)
    other = replace(source, reading=replace(source.reading, batch_size=batch, workers=workers))
    assert_equal_content(source, other)


@every_indexed_source
@pytest.mark.parametrize("count", [1, 2, 5])
def test_shards_are_disjoint_and_complete(opener: Callable[[Path], Batches], tmp_path: Path, count: int) -> None:
    source = opener(tmp_path)
    shards = [replace(source, selection=Selection(shard=(index, count))) for index in range(1, count + 1)]
    parts = [sample for shard in shards for sample in content(shard)[1]]
    assert sorted(parts) == sorted(content(source)[1])


@every_indexed_source
def test_a_subset_is_part_of_the_whole_in_its_order(opener: Callable[[Path], Batches], tmp_path: Path) -> None:
    source = opener(tmp_path)
    whole = content(source)[1]
    part = content(replace(source, selection=Selection(max_samples=5, seed=3)))[1]
    assert part == [sample for sample in whole if sample in part]
    assert len(part) == 5

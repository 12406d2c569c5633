"""Images in tar shards."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantkit.core.errors import DataError
from quantkit.data.batches import Batches
from quantkit.data.images import ImageRecords
from quantkit.data.preprocessing import Preprocessing
from quantkit.data.reading import Labelling, Reading
from quantkit.data.tar import from_shards
from tests.pictures import packed, pixels, tar_of


def records(*shards: Path, labelling: Labelling | None = None) -> ImageRecords:
    return from_shards(shards, Preprocessing(), labelling=labelling or Labelling(), reading=Reading())


def labels(*shards: Path, labelling: Labelling | None = None) -> list[int | None]:
    return [image.label for image in records(*shards, labelling=labelling).images]


def image(seed: int) -> bytes:
    return packed(pixels(seed))


def test_samples_come_in_the_order_of_shards_and_archives(tmp_path: Path) -> None:
    second = tar_of(tmp_path / "1.tar", {"d.png": image(3)})
    first = tar_of(
        tmp_path / "0.tar",
        {"c.png": image(0), "a.cls": b"7", "a.png": image(1), "c.cls": b"5\n", "b/a.cls": b"2", "b/a.png": image(2)},
    )
    tar_of(second, {"d.png": image(3), "d.cls": b"1"})
    (samples,) = Batches(records(second, first))
    assert [sample.name for sample in samples.ids] == ["0.tar/c.png", "0.tar/a.png", "0.tar/b/a.png", "1.tar/d.png"]
    assert samples.labels is not None
    assert samples.labels.tolist() == [5, 7, 2, 1]
    assert samples.inputs[""][3].tolist() == pixels(3).transpose(2, 0, 1).tolist()
    assert samples.ids[3].digest == hashlib.sha256(image(3)).hexdigest()


@pytest.mark.parametrize("document", [{"label": 3}, {"cls": "3", "caption": "x"}], ids=str)
def test_labels_may_stand_in_json(tmp_path: Path, document: dict[str, object]) -> None:
    shard = tar_of(tmp_path / "a.tar", {"0.jpg": image(0), "0.json": json.dumps(document).encode()})
    assert labels(shard) == [3]


def test_another_member_of_the_json_may_be_the_label(tmp_path: Path) -> None:
    shard = tar_of(tmp_path / "a.tar", {"0.jpg": image(0), "0.json": b'{"label": 1, "breed": 4}'})
    assert labels(shard, labelling=Labelling(member="breed")) == [4]


def test_other_members_are_left_alone(tmp_path: Path) -> None:
    shard = tar_of(tmp_path / "a.tar", {"0.png": image(0), "0.txt": b"a cat", "0.json": b'{"caption": "a cat"}'})
    assert labels(shard) == [None]


def test_a_table_or_a_pattern_labels_members(tmp_path: Path) -> None:
    shard = tar_of(tmp_path / "a.tar", {"0012_x.png": image(0)})
    (tmp_path / "labels.csv").write_text("a.tar/0012_x.png,3\n")
    assert labels(shard, labelling=Labelling(table=tmp_path / "labels.csv")) == [3]
    assert labels(shard, labelling=Labelling(pattern=r"/(?P<label>\d+)_")) == [12]


def test_shards_of_one_name_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    shards = [tar_of(tmp_path / folder / "0.tar", {"a.png": image(0)}) for folder in ("x", "y")]
    assert len(set(records(*shards).names)) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("0.cls", b"cat"),
        ("0.cls", b"-1"),
        ("0.cls", b"\xff"),
        ("0.cls", b"1" * 70_000),
        ("0.json", b"{"),
        ("0.json", b"[" * 20_000),
        ("0.json", b'{"label": [1]}'),
    ],
    ids=["word", "negative", "binary", "huge", "cut", "deep", "list"],
)
def test_a_label_that_is_no_class_number_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(DataError, match=f"no usable label for {name}") as refusal:
        labels(tar_of(tmp_path / "a.tar", {"0.png": image(0), name: content}))
    assert refusal.value.code == "QK2223"


def test_a_sample_without_a_label_among_labelled_ones_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no usable label for a\.tar/1\.png") as refusal:
        labels(tar_of(tmp_path / "a.tar", {"0.png": image(0), "0.cls": b"1", "1.png": image(1)}))
    assert refusal.value.cause == "it has no label, other samples have one"


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "x/../../a.png"])
def test_a_member_outside_of_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="is refused") as refusal:
        records(tar_of(tmp_path / "a.tar", {name: image(0)}))
    assert refusal.value.code == "QK2222"
    assert refusal.value.cause == "its path leads out of the archive"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_a_member_that_is_no_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("a.png")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(DataError, match=r"the member 'a\.png' is refused"):
        records(tmp_path / "a.tar")


def test_a_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for seed in (0, 1):
            info = tarfile.TarInfo("a.png")
            info.size = len(image(seed))
            archive.addfile(info, io.BytesIO(image(seed)))
    with pytest.raises(DataError) as refusal:
        records(tmp_path / "a.tar")
    assert refusal.value.cause == "it is there more than once"


def test_a_folder_in_the_archive_is_no_sample(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        folder = tarfile.TarInfo("./x")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        info = tarfile.TarInfo("./x/a.png")
        info.size = len(image(0))
        archive.addfile(info, io.BytesIO(image(0)))
    assert records(tmp_path / "a.tar").names == ["a.tar/x/a.png"]


@pytest.mark.parametrize("mode", ["gz", "bz2", "xz"])
def test_a_packed_shard_is_refused_with_the_way_out(tmp_path: Path, mode: str) -> None:
    with tarfile.open(tmp_path / "a.tar", f"w:{mode}"):  # type: ignore[call-overload]
        pass
    with pytest.raises(DataError, match=r"a\.tar is not a readable tar archive") as refusal:
        records(tmp_path / "a.tar")
    assert refusal.value.code == "QK2221"
    assert "unpack it to a plain .tar" in refusal.value.hints[0]


@pytest.mark.parametrize("keep", [0, 100, 512 + 100, 2 * 512 + 100, -1100], ids=str)
def test_a_cut_shard_is_refused(tmp_path: Path, keep: int) -> None:
    path = tar_of(tmp_path / "a.tar", {f"{n}.bmp": packed(pixels(n, 20, 20), ".bmp") for n in range(4)})
    path.write_bytes(path.read_bytes()[: keep if keep >= 0 else _end(path) + keep])
    with pytest.raises(DataError) as refusal:
        records(path)
    assert refusal.value.code == "QK2221"


def test_a_damaged_header_in_the_middle_does_not_pass_for_the_end(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "a.tar", {f"{n}.png": image(n) for n in range(3)})
    with tarfile.open(path) as archive:
        at = archive.getmembers()[1].offset
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError) as refusal:
        records(path)
    assert refusal.value.cause == f"no valid header at byte {at}"


def _end(path: Path) -> int:
    with tarfile.open(path) as archive:
        last = archive.getmembers()[-1]
        return last.offset_data + last.size


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_shards_are_read_or_refused_by_us(tmp_path: Path, data: st.DataObject) -> None:
    path = tar_of(tmp_path / "a.tar", {"0.png": image(0), "0.cls": b"1", "1.png": image(1), "1.json": b'{"cls": 1}'})
    content = bytearray(path.read_bytes()[: 8 * 512])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        list(Batches(records(path)))

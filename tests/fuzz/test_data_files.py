"""Data, labels and truths that users point at, and that came from anywhere."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from quantkit.comparison import coco, truth
from quantkit.core.artifact import TensorSpec
from quantkit.data import preprocessing
from quantkit.data.checked import checked
from quantkit.data.labels import from_pattern, from_table
from quantkit.data.opening import open_source
from quantkit.data.preprocessing import Preprocessing
from quantkit.data.reading import Reading
from tests.fuzz.damage import damaged, misspelt
from tests.fuzz.feeding import survives
from tests.pictures import packed, pixels, tar_of

SPEC = TensorSpec("x", "float32", ("N", 3, 8, 8))
ARRAY = np.random.default_rng(0).standard_normal((9, 3, 8, 8)).astype(np.float32)
BLOCK = 512


@pytest.fixture
def drain(tmp_path: Path) -> Callable[[str, bytes], None]:
    """Writes a file and reads every sample in it."""

    def read(name: str, content: bytes, recipe: Preprocessing | None = None) -> None:
        (tmp_path / name).write_bytes(content)
        reading = Reading(inputs=(SPEC,), max_array_bytes=1 << 24, workers=1)
        source = open_source(tmp_path / name, preprocessing=recipe, reading=reading)
        for _ in checked(source, [SPEC], allow_few=True):
            pass

    return read


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


ARRAYS = [npy(ARRAY), npy(ARRAY.astype(">f2")), npy(np.asfortranarray(ARRAY))]


def headed(text: bytes) -> bytes:
    """An .npy file with that header, and its length right."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) % 65536) + text + ARRAY.tobytes()


HEADER = b"{'descr': '<f4', 'fortran_order': False, 'shape': (9, 3, 8, 8), }"


def test_npy_files(drain: Callable[..., None]) -> None:
    survives(".npy", damaged(ARRAYS) | damaged([HEADER]).map(headed), lambda content: drain("a.npy", content))


def test_npz_files(drain: Callable[..., None]) -> None:
    labels = npy(np.arange(9))
    stream = io.BytesIO()
    np.savez_compressed(stream, x=ARRAY, y=np.arange(9))
    archives = damaged([npz(x=npy(ARRAY), y=labels), stream.getvalue()])
    # Damage inside members, in an archive that is whole.
    members = damaged([npy(ARRAY), labels]).map(lambda content: npz(x=content, y=labels))
    survives(".npz", archives | members, lambda content: drain("a.npz", content))


def test_tar_shards(drain: Callable[..., None], tmp_path: Path) -> None:
    recipe = Preprocessing(resize=(8, 8))
    members = {name: content for key in range(3) for name, content in [
        (f"{key}.png", packed(pixels(key))), (f"{key}.json", b'{"label": 3}'), (f"long/{'d' * 120}/{key}.cls", b"3")
    ]}  # fmt: skip
    whole = tar_of(tmp_path / "seed.tar", members).read_bytes()
    plain = tar_of(tmp_path / "plain.tar", {"0.png": members["0.png"], "0.cls": b"3"}).read_bytes()
    shards = damaged([whole, plain])
    survives("tar shard", shards | shards.map(resealed), lambda content: drain("a.tar", content, recipe))


def resealed(shard: bytes) -> bytes:
    """The archive with right checksums in every block that looks like a header."""
    content = bytearray(shard)
    for start in range(0, len(content) - BLOCK + 1, BLOCK):
        block = content[start : start + BLOCK]
        if block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            content[start + 148 : start + 156] = b"%06o\0 " % sum(block)
    return bytes(content)


def test_that_resealing_keeps_a_whole_archive(tmp_path: Path) -> None:
    whole = tar_of(tmp_path / "seed.tar", {"0.png": b"content"}).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(resealed(whole))) as archive:
        assert archive.getnames() == ["0.png"]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp"])
def test_images(drain: Callable[..., None], suffix: str) -> None:
    recipe = Preprocessing(resize=(8, 8))
    seeds = [packed(pixels(seed, 16, 16), suffix) for seed in range(3)]
    survives(f"image {suffix}", damaged(seeds), lambda content: drain(f"a{suffix}", content, recipe))


NAMES = ("a.png", "b/ä.png", "c,d.png")
TABLES = [
    'file,label\r\na.png,1\r\n"b/ä.png",2\r\n"c,d.png",3\r\n'.encode(),
    '\ufeffa.png,0\nb\\ä.png,1\n"c,d.png",2\n'.encode(),
    'class,x,path\n7,"=1+1",a.png\n8,"line\nbreak",b/ä.png\n9,,"c,d.png"\n'.encode(),
]


def test_label_tables(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"

    def feed(content: bytes) -> None:
        table.write_bytes(content)
        assert from_table(table, NAMES).keys() == set(NAMES)

    survives("labels CSV", damaged(TABLES), feed)


def test_label_patterns() -> None:
    seeds = [r"^(?P<label>\d+)_", r"(?P<label>[0-9]{1,4})(?:_(?P<more>.*))?\.png$"]
    survives("label pattern", misspelt(seeds), lambda pattern: from_pattern(pattern, ["0230_n0.png", "7_a.png"]))


RECIPE = b"""preset = "imagenet"
color = "rgb"
resize_short = 256
crop = [224, 224]
interpolation = "bilinear"
scale = 0.00392
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
layout = "nchw"
"""


def test_preprocessing_files(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"

    def feed(content: bytes) -> None:
        path.write_bytes(content)
        found = preprocessing.resolved(path)
        assert preprocessing.from_record(json.loads(preprocessing.canonical(found.record()))) == found

    survives("preprocessing TOML", damaged([RECIPE]), feed)


ANNOTATIONS = {
    "images": [{"id": 1, "file_name": "a.png", "width": 10, "height": 10}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 1, 5, 5], "iscrowd": 0}],
    "categories": [{"id": 3, "name": "cat"}, {"id": 4, "name": "dog"}],
}


def test_annotations(tmp_path: Path) -> None:
    path = tmp_path / "instances.json"

    def feed(content: bytes) -> None:
        path.write_bytes(content)
        coco.read(path)

    survives("COCO annotations", damaged([json.dumps(ANNOTATIONS, indent=1).encode()]), feed)


@pytest.mark.parametrize("suffix", [".npy", ".png"])
def test_masks(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    seed = npy(np.zeros((8, 8), np.uint8)) if suffix == ".npy" else packed(pixels(0, channels=1), ".png")

    def feed(content: bytes) -> None:
        path.write_bytes(content)
        truth.array_in(path, lambda image: "L")

    survives(f"mask {suffix}", damaged([seed]), feed)

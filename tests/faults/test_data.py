"""Bad data, case by case: 24 to 31, 36, 37 and 40 to 51 of the catalogue of faults.

Each case goes through the doors that users go through, and ends in an error of ours that names the thing and the way
out, or works as it is defined to.
"""

from __future__ import annotations

import io
import logging
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from quantkit.core.arrays import Array
from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import ExitCode, QuantkitError
from quantkit.core.ports import Samples
from quantkit.data.checked import checked
from quantkit.data.iterables import wrapped
from quantkit.data.opening import open_source
from quantkit.data.overlap import overlap
from quantkit.data.preprocessing import PRESETS, Preprocessing
from quantkit.data.reading import Labelling, Reading
from quantkit.data.selection import Selection
from tests.pictures import class_folders, flat_folder, packed, pixels, write_image

SPEC = TensorSpec("x", "float32", ("N", 3, 8, 8))
X = np.random.default_rng(0).standard_normal((40, 3, 8, 8)).astype(np.float32)
RESIZED = Preprocessing(resize=(8, 8), scale=1 / 255)


def read_folder(folder: Path, recipe: Preprocessing | None = RESIZED, **options: Any) -> list[Samples]:
    """What quantkit.collect would read from a path."""
    reading = Reading(**{"inputs": (SPEC,), **options.pop("reading", {})})
    return list(checked(open_source(folder, preprocessing=recipe, reading=reading, **options), [SPEC]))


def read_object(data: Any, *specs: TensorSpec) -> list[Samples]:
    """What quantkit.collect would read from an object."""
    return list(checked(wrapped(data, inputs=specs or [SPEC]), specs or [SPEC]))


@dataclass(frozen=True)
class Case:
    """A fault: its number in the catalogue, how to meet it in a folder, and what has to be said."""

    number: int
    name: str
    attempt: Callable[[Path], object]
    code: str
    words: tuple[str, ...]
    exit_code: ExitCode = ExitCode.INPUT


def spoilt(content: bytes, suffix: str = ".jpg", **options: Any) -> Callable[[Path], object]:
    """40 good images and one with `content`."""

    def attempt(folder: Path) -> object:
        flat_folder(folder, 40)
        (folder / f"spoilt{suffix}").write_bytes(content)
        return read_folder(folder, **options)

    return attempt


def array_file(content: bytes, name: str = "a.npy", **reading: Any) -> Callable[[Path], object]:
    """A file that should hold arrays."""

    def attempt(folder: Path) -> object:
        (folder / name).write_bytes(content)
        return read_folder(folder / name, recipe=None, reading=reading)

    return attempt


def table(content: str) -> Callable[[Path], object]:
    """10 images with a label table."""

    def attempt(folder: Path) -> object:
        flat_folder(folder / "images", 10)
        (folder / "labels.csv").write_text(content)
        return read_folder(folder / "images", labelling=Labelling(table=folder / "labels.csv"))

    return attempt


def empty_filter(folder: Path) -> object:
    return read_folder(flat_folder(folder, 3), selection=Selection(shard=(4, 4)))


def channels_last(folder: Path) -> object:
    reading = Reading(inputs=(TensorSpec("x", "float32", ("N", 8, 8, 3)),))
    return open_source(flat_folder(folder), preprocessing=RESIZED, reading=reading)


def with_nan(folder: Path) -> object:
    values = X.copy()
    values[17, 2, 3, 4] = np.nan
    np.save(folder / "a.npy", values)
    return read_folder(folder / "a.npy", recipe=None)


def symlink_loop(folder: Path) -> object:
    (flat_folder(folder / "images", 10) / "again").symlink_to(folder)
    return read_folder(folder)


def vanishing(folder: Path) -> object:
    source = open_source(flat_folder(folder, 10), preprocessing=RESIZED)
    (folder / "07.png").unlink()
    return list(source)


def changing(folder: Path) -> object:
    source = open_source(flat_folder(folder, 10), preprocessing=RESIZED)
    write_image(folder / "07.png", 77, 20, 20)
    return list(source)


def npy(array: Array) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(content: bytes, *names: str, packing: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as archive:
        for name in names or ("x.npy",):
            archive.writestr(name, content)
    return stream.getvalue()


def eight_tebibytes() -> bytes:
    text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2199023255552,), }".ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def wrong_checksum() -> bytes:
    whole = npz(npy(X))
    return whole.replace(struct.pack("<I", zlib.crc32(npy(X))), b"\1\2\3\4")


def png_of(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n\0\0\0\r"
        + header
        + struct.pack(">I", zlib.crc32(header))
        + b"\0\0\0\0IDAT"
        + struct.pack(">I", zlib.crc32(b"IDAT"))
    )


JPEG = packed(pixels(0, 64, 64), ".jpg")
OBJECTS = np.array([{}], dtype=object)

CASES = [
    Case(24, "empty folder", read_folder, "QK2101", ("0 calibration samples", "accepted: .jpg", "no file at all")),
    Case(24, "empty list", lambda _: read_object([]), "QK2101", ("0 calibration samples",)),
    Case(24, "filter", empty_filter, "QK2101", ("0 calibration samples", "--shard 4/4", "accepted: .jpg")),
    Case(25, "under the minimum", lambda _: read_object(X[:7]), "QK2102", ("7 samples", "--allow-few")),
    Case(26, "generator", lambda _: read_object(row for row in [X]), "QK2103", ("only once", "list(batches())")),
    Case(27, "wrong name", lambda _: read_object([{"xx": X}]), "QK2106", ("'xx'", "did you mean 'x'?")),
    Case(
        27,
        "missing input",
        lambda _: read_object([{"x": X}], SPEC, TensorSpec("y", "float32", ("N",))),
        "QK2106",
        ("'y' is missing",),
    ),
    Case(27, "extra key", lambda _: read_object([{"x": X, "mask": X}]), "QK2106", ("'mask' is not one",)),
    Case(28, "wrong size", lambda _: read_object([X[..., :7]]), "QK2107", ("takes 3x8x8", "has 3x8x7")),
    Case(28, "wrong rank", lambda _: read_object([{"x": X[:, 0]}]), "QK2107", ("takes 3x8x8",)),
    Case(28, "channels last", channels_last, "QK2113", ("takes 8x8x3", "--layout nhwc")),
    Case(29, "uint8", lambda _: read_object(X.astype(np.uint8)), "QK2108", ("uint8", "normalise")),
    Case(29, "int64", lambda _: read_object(X.astype(np.int64)), "QK2108", ("takes float32", "int64")),
    Case(30, "batch 0", lambda _: read_object([X, X[:0]]), "QK2109", ("a batch without samples",)),
    Case(31, "NaN", with_nan, "QK2105", ("1 values that are NaN", "sample '17', index [2, 3, 4]")),
    Case(40, "half a JPEG", spoilt(JPEG[: len(JPEG) // 2]), "QK2201", ("spoilt.jpg", "truncated")),
    Case(41, "empty image", spoilt(b""), "QK2201", ("spoilt.jpg", "empty")),
    Case(41, "text", spoilt(b"not an image"), "QK2202", ("spoilt.jpg", "no image")),
    Case(
        42,
        "bomb",
        spoilt(png_of(60_000, 60_000), ".png"),
        "QK2203",
        ("spoilt.png", "60000x60000", "--max-image-pixels"),
    ),
    Case(
        42, "bomb below Pillow's error", spoilt(png_of(10_000, 10_000), ".png"), "QK2203", ("spoilt.png", "10000x10000")
    ),
    Case(43, "GIF called JPEG", spoilt(packed(pixels(0), ".gif")), "QK2202", ("spoilt.jpg", "a GIF image")),
    Case(43, "EPS", spoilt(b"%!PS-Adobe-3.0 EPSF-3.0"), "QK2202", ("a PostScript file",)),
    Case(43, "PDF", spoilt(b"%PDF-1.7"), "QK2202", ("a PDF file",)),
    Case(43, "SVG", spoilt(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "QK2202", ("SVG",)),
    Case(43, "PSD", spoilt(b"8BPS\0\1"), "QK2202", ("a Photoshop file",)),
    Case(43, "FITS", spoilt(b"SIMPLE  =                    T"), "QK2202", ("a FITS image",)),
    Case(
        45,
        "thread of an image",
        spoilt(
            packed(np.zeros((1, 60_000), np.uint8), ".png"), ".png", recipe=Preprocessing(resize_short=900, crop=(8, 8))
        ),
        "QK2203",
        ("resized to 900x54000000",),
    ),
    Case(46, "symlink loop", symlink_loop, "QK2207", ("again", "leads back")),
    Case(47, "vanished", vanishing, "QK2206", ("07.png", "it is gone")),
    Case(47, "changed", changing, "QK2206", ("07.png", "it was written to")),
    Case(48, "objects in .npy", array_file(npy(OBJECTS)), "QK2211", ("a.npy", "pickled", "np.stack")),
    Case(48, "objects in .npz", array_file(npz(npy(OBJECTS)), "a.npz"), "QK2211", ("a.npz", "pickled")),
    Case(49, "8 TiB header", array_file(eight_tebibytes()), "QK2213", ("a.npy", "8796093022208 bytes")),
    Case(49, "8 TiB header in .npz", array_file(npz(eight_tebibytes()), "a.npz"), "QK2213", ("8796093022208 bytes",)),
    Case(
        49,
        "bomb",
        array_file(npz(npy(np.zeros(1 << 20)), packing=zipfile.ZIP_DEFLATED), "a.npz", max_array_bytes=1 << 20),
        "QK2212",
        ("a.npz", "more than 1048576", "--max-array-bytes"),
    ),
    Case(50, "bad CRC", array_file(wrong_checksum(), "a.npz"), "QK2213", ("a.npz", "Bad CRC-32")),
    Case(
        50,
        "bzip2",
        array_file(npz(npy(X), packing=zipfile.ZIP_BZIP2), "a.npz"),
        "QK2214",
        ("a.npz", "packed by method 12"),
    ),
    Case(50, "truncated .npz", array_file(npz(npy(X))[:-40], "a.npz"), "QK2213", ("a.npz",)),
    Case(50, "truncated .npy", array_file(npy(X)[:-40]), "QK2213", ("a.npy", "the header announces")),
    Case(50, "../ member", array_file(npz(npy(X), "../x.npy"), "a.npz"), "QK2214", ("'../x.npy'", "leads out")),
    Case(51, "unknown file", table("00.png,1\nzz.png,1\n"), "QK2208", ("labels.csv:2", "'zz.png'")),
    Case(51, "missing file", table("00.png,1\n"), "QK2208", ("9 of 10 samples have no line", "'01.png'")),
    Case(51, "duplicate", table("00.png,1\n00.png,1\n"), "QK2208", ("labels.csv:2", "line 1 already")),
    Case(51, "bad class", table("file,label\r\n00.png,dog\r\n"), "QK2208", ("labels.csv:2", "'dog'")),
    Case(51, "formula", table('00.png,"=HYPERLINK(""http://x"")"\n'), "QK2208", ("labels.csv:1", "not a class number")),
    Case(51, "huge field", table(f"00.png,{'1' * 200_000}\n"), "QK2208", ("labels.csv:1", "field larger")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number} {case.name}")
def test_a_fault_is_refused_with_its_name_and_the_way_out(case: Case, tmp_path: Path) -> None:
    with pytest.raises(QuantkitError) as refusal:
        case.attempt(tmp_path)
    assert (refusal.value.code, refusal.value.exit_code) == (case.code, case.exit_code)
    text = str(refusal.value)
    assert [words for words in case.words if words not in text] == []
    assert refusal.value.hints or refusal.value.cause or refusal.value.where


def test_25_fewer_than_enough_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read_object(X[:20])
    assert "only 20 samples" in caplog.text


def test_29_float64_is_rounded_with_one_notice(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        batches = read_object([X[:20].astype(np.float64), X[20:].astype(np.float64)])
    assert {samples.inputs["x"].dtype for samples in batches} == {np.dtype(np.float32)}
    assert len(caplog.records) == 1
    assert "float64" in caplog.text


def test_30_a_ragged_last_batch_works() -> None:
    assert [len(samples) for samples in read_object([X[:30], X[30:33]])] == [30, 3]


def test_36_raw_pixels_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read_object([np.abs(X) / np.abs(X).max() * np.float32(255)])
    assert "looks like raw pixels: 0" in caplog.text
    assert "mean" in caplog.text


def test_37_duplicates_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (flat_folder(tmp_path, 40) / "copy.png").write_bytes((tmp_path / "05.png").read_bytes())
    with caplog.at_level(logging.WARNING):
        read_folder(tmp_path)
    assert "1 of 41 samples are equal to an earlier one, such as copy.png to 05.png" in caplog.text


def test_37_images_in_both_sets_are_found_whatever_they_are_called(tmp_path: Path) -> None:
    flat_folder(tmp_path / "calib", 10)
    class_folders(tmp_path / "eval")
    (tmp_path / "eval" / "class0" / "same.png").write_bytes((tmp_path / "calib" / "05.png").read_bytes())
    ids = [
        [sample for samples in open_source(tmp_path / name, preprocessing=RESIZED) for sample in samples.ids]
        for name in ("calib", "eval")
    ]
    assert ("05.png", "class0/same.png") in overlap(*ids)


@pytest.mark.parametrize("number", [40, 41, 42, 43])
def test_40_to_43_bad_images_may_be_skipped_and_are_counted(
    number: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = next(case for case in CASES if case.number == number)
    with pytest.raises(QuantkitError):
        bad.attempt(tmp_path)
    with caplog.at_level(logging.WARNING):
        batches = read_folder(tmp_path, reading={"on_bad_sample": "skip", "max_bad_share": 0.03})
    assert sum(map(len, batches)) == 40
    assert "1 of 41 samples skipped: spoilt." in caplog.text


# 44, mode by mode and orientation by orientation: tests/unit/data/test_decoding.py.
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_44_every_mode_becomes_the_declared_one(mode: str, tmp_path: Path) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000)
    else:
        image = Image.fromarray(pixels(0)).convert(mode)
    flat_folder(tmp_path, 40)
    (tmp_path / "odd").with_suffix(".jpg" if mode == "CMYK" else ".png").write_bytes(
        packed(image, ".jpg" if mode == "CMYK" else ".png")
    )
    whole = np.concatenate([samples.inputs["x"] for samples in read_folder(tmp_path)])
    assert whole.shape == (41, 3, 8, 8)
    assert 0 <= whole.min() <= whole.max() <= 1


def test_44_of_an_animation_the_first_frame_is_used_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (Image.fromarray(pixels(seed)) for seed in (100, 101))
    first.save(flat_folder(tmp_path, 40) / "moving.png", save_all=True, append_images=[second])
    with caplog.at_level(logging.WARNING):
        read_folder(tmp_path)
    assert "1 samples animated: only the first frame is used: moving.png" in caplog.text


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1)], ids=str)
def test_45_extreme_images_work(size: tuple[int, int], tmp_path: Path) -> None:
    write_image(flat_folder(tmp_path, 40) / "extreme.png", 0, *size)
    whole = read_folder(tmp_path, recipe=Preprocessing(resize_short=8, crop=(8, 8), scale=1 / 255))
    assert sum(map(len, whole)) == 41


def test_46_strange_names_work(tmp_path: Path) -> None:
    content = [packed(pixels(seed)) for seed in range(9)]
    names = [b"-rf.png", b"a\nb.png", b"\x1b[31mred.png", b"caf\xe9.png", b"x" * 250 + b".png", b"a'\";.png", b"%s.png"]
    for name, image in zip([*names, b".hidden.png", b"._mac.png"], content, strict=True):
        (tmp_path / os.fsdecode(name)).write_bytes(image)
    flat_folder(tmp_path / "more", 10)
    ids = [sample.name for samples in read_folder(tmp_path) for sample in samples.ids]
    assert len(ids) == len(set(ids)) == len(names) + 10
    assert all(name.encode() for name in ids)


def test_46_a_strange_name_cannot_steer_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "\x1b[31m\nred.png").write_bytes(b"")
    with pytest.raises(QuantkitError) as refusal:
        read_folder(flat_folder(tmp_path, 10).parent / tmp_path.name)
    assert "\x1b" not in str(refusal.value)
    assert r"\x1b[31m\nred.png" in str(refusal.value)


@pytest.mark.parametrize("marks", [("\ufeff", "\n"), ("", "\r\n"), ("\ufefffile,label\r\n", "\r\n")], ids=repr)
def test_51_a_table_from_a_spreadsheet_works(marks: tuple[str, str], tmp_path: Path) -> None:
    head, end = marks
    text = head + end.join(f"{number:02}.png,{number}" for number in range(10))
    batches = table(text)(tmp_path)
    assert isinstance(batches, list)
    assert [label for samples in batches for label in samples.labels.tolist()] == list(range(10))


def test_preprocessing_is_never_guessed(tmp_path: Path) -> None:
    with pytest.raises(QuantkitError) as refusal:
        read_folder(flat_folder(tmp_path), recipe=None)
    assert refusal.value.exit_code == ExitCode.USAGE
    assert PRESETS.keys() <= set(refusal.value.hints[0].replace("|", " ").split())

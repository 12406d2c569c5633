"""Bytes that should be images."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from quantkit.core.arrays import Array
from quantkit.data.decoding import decoded, opened
from quantkit.data.records import BadSampleError
from tests.pictures import packed, pixels

MANY = 50_000_000


def read(content: bytes) -> Image.Image:
    return decoded(content, MANY)[0]


def saved(image: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", b"")
    )


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_lossless_formats_give_their_pixels(suffix: str) -> None:
    assert np.array_equal(np.asarray(read(packed(pixels(0), suffix))), pixels(0))


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_formats_are_read(suffix: str) -> None:
    assert read(packed(pixels(0, 9, 7), suffix)).size == (7, 9)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp"])
@given(data=st.data())
def test_a_damaged_image_is_read_or_refused_by_us(suffix: str, data: st.DataObject) -> None:
    content = bytearray(packed(pixels(1, 16, 16), suffix))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadSampleError):
        decoded(bytes(content[: data.draw(st.integers(0, len(content)))]), MANY)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_half_a_file_is_refused_although_its_header_is_whole(suffix: str) -> None:
    content = packed(pixels(2, 64, 64), suffix)
    with pytest.raises(BadSampleError, match="damaged or truncated") as refusal:
        read(content[: len(content) // 2])
    assert refusal.value.code == "QK2201"


@pytest.mark.parametrize(
    ("content", "looks"),
    [
        (packed(pixels(0), ".gif"), "a GIF image"),
        (b"<html><body>404", "an HTML, XML or SVG text"),
        (b"\n  <?xml version='1.0'?><svg/>", "an HTML, XML or SVG text"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "a PostScript file"),
        (b"%PDF-1.7", "a PDF file"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b"SIMPLE  =                    T", "a FITS image"),
        (b"II*\0\0\0", "a TIFF image"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "no image"),
        (b"just text", "no image"),
    ],
    ids=["gif", "html", "svg", "eps", "pdf", "psd", "fits", "tiff", "lfs", "wav", "text"],
)
def test_other_formats_are_refused_by_what_they_look_like(content: bytes, looks: str) -> None:
    with pytest.raises(BadSampleError, match="not a JPEG, PNG, WebP or BMP image") as refusal:
        read(content)
    assert refusal.value.code == "QK2202"
    assert looks in str(refusal.value.cause)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(BadSampleError, match="the image file is empty"):
        read(b"")


@pytest.mark.parametrize("side", [7_072, 10_000, 40_000], ids=["just over", "Pillow would warn", "Pillow would raise"])
def test_an_image_that_announces_too_many_pixels_is_refused_by_its_header(side: int) -> None:
    with pytest.raises(BadSampleError, match=f"an image of {side}x{side} pixels, more than 50000000") as refusal:
        opened(png_header(side, side), MANY)
    assert refusal.value.code == "QK2203"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_stands_upright(orientation: int) -> None:
    upright = pixels(3, 4, 6)
    stored = Image.fromarray(upright).transpose(_INVERSE[orientation]) if orientation > 1 else Image.fromarray(upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(np.asarray(read(saved(stored, format="PNG", exif=exif))), upright)


_INVERSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def rgb(image: Image.Image) -> Array:
    return np.asarray(image.convert("RGB"))


def test_transparency_is_dropped() -> None:
    colours = pixels(4)
    clear = np.dstack([colours, np.zeros((8, 8), np.uint8)])
    assert np.array_equal(rgb(read(packed(clear))), colours)


def test_a_palette_with_transparency_gives_its_colours() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    content = saved(image, format="PNG", transparency=b"\x00\x80")
    assert rgb(read(content)).tolist() == [[[10, 20, 30], [40, 50, 60]]]


def test_sixteen_bits_are_scaled_not_saturated() -> None:
    deep = np.array([[0, 257, 32768, 65535]], np.uint16)
    image = read(packed(deep))
    assert image.mode == "F"
    assert np.allclose(np.asarray(image), [[0, 1, 32768 / 257, 255]])


def test_cmyk_becomes_colours() -> None:
    image = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    red, green, blue = rgb(read(packed(image, ".jpg")))[0, 0].astype(int)
    assert red < 10
    assert min(green, blue) > 245


@pytest.mark.parametrize("mode", ["1", "L", "LA"])
def test_gray_modes_are_read(mode: str) -> None:
    content = packed(Image.fromarray(pixels(5, channels=1)).convert(mode))
    assert np.asarray(read(content).convert("L")).shape == (8, 8)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_of_an_animation_the_first_frame_counts_and_that_is_said(kind: str) -> None:
    first, second = (Image.fromarray(pixels(seed)) for seed in (6, 7))
    content = saved(first, format=kind, save_all=True, append_images=[second], lossless=True)
    image, remark = decoded(content, MANY)
    assert np.array_equal(rgb(image), pixels(6))
    assert remark == "animated: only the first frame is used"


def test_damaged_metadata_leaves_the_pixels_alone() -> None:
    content = saved(Image.fromarray(pixels(8)), format="PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff")
    assert np.array_equal(rgb(read(content)), pixels(8))

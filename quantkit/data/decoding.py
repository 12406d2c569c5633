"""Bytes that should be an image into pixels, without trusting them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from PIL import BmpImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from quantkit.data.records import BadSampleError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")

RULES: Mapping[str, str] = MappingProxyType(
    {
        "orientation": "as EXIF says",
        "transparency": "dropped",
        "cmyk": "Pillow's conversion, no colour profile",
        "gray": "ITU-R 601 luma",
        "16-bit gray": "divided by 257, not rounded",
        "16-bit colour": "high byte",
        "animation": "first frame",
    }
)
"""What happens to every image before its preprocessing; stored beside it, so that a change of it shows."""

BYTES_PER_PIXEL = 8
"""16-bit RGBA, the largest there is: a file with more bytes for each allowed pixel holds something else."""

_OPENERS: Mapping[bytes, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    b"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
    b"\x89PNG\r\n\x1a\n": PngImagePlugin.PngImageFile,
    b"RIFF": WebPImagePlugin.WebPImageFile,
    b"BM": BmpImagePlugin.BmpImageFile,
}

_OTHERS = {
    b"GIF8": "a GIF image",
    b"II*\0": "a TIFF image",
    b"MM\0*": "a TIFF image",
    b"8BPS": "a Photoshop file",
    b"%PDF": "a PDF file",
    b"%!PS": "a PostScript file",
    b"SIMPLE": "a FITS image",
    b"version https://git-lfs": "a Git LFS pointer; fetch the files with: git lfs pull",
    b"<": "an HTML, XML or SVG text",
    b"PK": "a ZIP archive",
}

# What Pillow's decoders raise on damaged files: they parse by hand and let their slips out. A warning is among
# them because a program may have turned warnings into errors.
_SLIPS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    EOFError,
    struct.error,
    Warning,
)

_ORIENTATION_TAG = 0x0112
_UPRIGHT: Mapping[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def opened(content: bytes, max_pixels: int) -> ImageFile.ImageFile:
    """The image's header; its pixels are still packed.

    The format is told from the first bytes. `Image.open` is not used because it warns and raises by a limit of its
    own, for the whole process, before ours can speak.

    Raises:
        BadSampleError: not an image of an accepted format, damaged, or with more than `max_pixels`.
    """
    opener = next((opener for magic, opener in _OPENERS.items() if content.startswith(magic)), None)
    # Sound and video start with RIFF as well; what it is follows its length.
    if opener is None or (content.startswith(b"RIFF") and content[8:12] != b"WEBP"):
        raise _unaccepted(content)
    try:
        image = opener(io.BytesIO(content))
    except Image.DecompressionBombError as bomb:
        # WebP's plug-in has a limit of its own, above which it unpacks nothing either.
        raise _too_large(str(bomb)) from bomb
    except _SLIPS as slip:
        raise _damaged(slip) from slip
    if image.width * image.height > max_pixels:
        raise _too_large(f"an image of {image.width}x{image.height} pixels, more than {max_pixels}")
    return image


def decoded(content: bytes, max_pixels: int) -> tuple[Image.Image, str]:
    """The first frame, upright, and a remark where that is not all of it.

    Mode ``"F"`` with values 0 to 255 for 16-bit gray, otherwise one that converts to L and RGB without scaling.

    Raises:
        BadSampleError: as `opened`, or truncated.
    """
    image = opened(content, max_pixels)
    try:
        image.load()
        upright = _upright(image)
        return _eight_bits_of(upright), "animated: only the first frame is used" if _animated(image) else ""
    except _SLIPS as slip:
        raise _damaged(slip) from slip


def _animated(image: ImageFile.ImageFile) -> bool:
    return bool(getattr(image, "is_animated", False))


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG)
    except _SLIPS:
        # Damaged metadata leaves the pixels whole; most readers never look at it.
        return image
    transposition = _UPRIGHT.get(orientation)
    return image if transposition is None else image.transpose(transposition)


def _eight_bits_of(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # A 16-bit image read as 8 bits would saturate; 65535 = 257 · 255.
        return Image.fromarray(np.asarray(image).astype(np.float32) / np.float32(257))
    if image.mode == "P" and "transparency" in image.info:
        # Straight to RGB, Pillow would warn about transparency given as bytes.
        return image.convert("RGBA")
    return image


def _unaccepted(content: bytes) -> BadSampleError:
    if not content:
        return BadSampleError(
            "QK2201",
            "the image file is empty",
            hints=["fetch the file again; --on-bad-sample skip leaves such files out and counts them"],
        )
    looks = next((name for magic, name in _OTHERS.items() if content.lstrip().startswith(magic)), "no image")
    return BadSampleError(
        "QK2202",
        "not a JPEG, PNG, WebP or BMP image",
        cause=f"the content looks like {looks}",
        hints=["convert it, or take it out of the data; --on-bad-sample skip leaves such files out and counts them"],
    )


def _too_large(title: str) -> BadSampleError:
    return BadSampleError(
        "QK2203",
        title,
        cause="its header says so; it was not decoded",
        hints=["leave it out, or raise --max-image-pixels if you trust the file"],
    )


def _damaged(slip: BaseException) -> BadSampleError:
    return BadSampleError(
        "QK2201",
        "the image is damaged or truncated",
        cause=f"{type(slip).__name__}: {slip}",
        hints=["fetch the file again; --on-bad-sample skip leaves such files out and counts them"],
    )

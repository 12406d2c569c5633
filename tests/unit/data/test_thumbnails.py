"""Pictures of samples for a report: small, without metadata, and never in the way."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from quantkit.data.checked import Checked
from quantkit.data.opening import open_source
from quantkit.data.thumbnails import LARGEST_BYTES, SIDE_PIXELS, thumbnail, thumbnails
from tests.fake_comparison import FakeSource


@pytest.mark.parametrize("mode", ["1", "L", "F", "RGB", "RGBA", "CMYK", "P"])
@pytest.mark.parametrize("size", [(8, 8), (640, 480), (3, 900)], ids=str)
def test_any_image_becomes_a_small_jpeg(mode: str, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    content = thumbnail(
        Image.fromarray(noise).convert("L").convert(mode) if mode == "F" else Image.fromarray(noise).convert(mode)
    )
    assert len(content) <= LARGEST_BYTES
    made = Image.open(io.BytesIO(content))
    assert (made.format, max(made.size) <= SIDE_PIXELS) == ("JPEG", True)
    assert not made.getexif()


def test_only_the_wanted_samples_are_read_and_missing_ones_left_out(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    source = open_source(tmp_path, preprocessing="none")
    (tmp_path / "b.png").unlink()
    assert sorted(thumbnails(Checked(source, ()), ["a.png", "b.png", "elsewhere.png"])) == ["a.png"]


def test_data_that_is_no_image_files_has_none() -> None:
    assert thumbnails(FakeSource(np.zeros((2, 3), np.float32)), ["eval/0000.png"]) == {}

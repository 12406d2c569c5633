"""The preprocessing record, its presets and its files."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core.errors import ArtifactError, UsageError
from quantkit.data.preprocessing import (
    CHANNELS,
    INTERPOLATIONS,
    LAYOUTS,
    PRESETS,
    Preprocessing,
    canonical,
    from_record,
    resolved,
)

sizes = st.tuples(st.integers(64, 512), st.integers(64, 512))
crops = st.tuples(st.integers(1, 64), st.integers(1, 64))


@st.composite
def recipes(draw: st.DrawFn) -> Preprocessing:
    color = draw(st.sampled_from(sorted(CHANNELS)))
    counts = st.sampled_from([0, 1, CHANNELS[color]])
    finite = st.floats(-300, 300)
    return Preprocessing(
        color=color,
        resize=draw(sizes),
        crop=draw(st.none() | crops),
        interpolation=draw(st.sampled_from(INTERPOLATIONS)),
        scale=draw(st.floats(1e-6, 10)),
        mean=tuple(draw(finite) for _ in range(draw(counts))),
        std=tuple(draw(st.floats(1e-3, 300)) for _ in range(draw(counts))),
        layout=draw(st.sampled_from(LAYOUTS)),
    )


@given(recipes())
def test_a_record_survives_json(recipe: Preprocessing) -> None:
    assert from_record(json.loads(canonical(recipe.record()))) == recipe


def test_a_file_is_read_field_by_field(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('color = "gray"\nresize = [32, 48]\nscale = 0.5\nmean = [0.25]\nstd = [2]\nlayout = "nhwc"\n')
    expected = Preprocessing(color="gray", resize=(32, 48), scale=0.5, mean=(0.25,), std=(2.0,), layout="nhwc")
    assert resolved(path) == expected


def test_a_file_may_start_from_a_preset_and_replaces_its_sizes_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "cifar.toml"
    path.write_text('preset = "imagenet"\nresize = [32, 32]\n')
    recipe = resolved(str(path))
    assert (recipe.resize, recipe.resize_short, recipe.crop) == ((32, 32), None, None)
    assert recipe.mean == PRESETS["imagenet"].mean


def test_a_preset_in_gray_loses_the_figures_of_three_channels(tmp_path: Path) -> None:
    path = tmp_path / "gray.toml"
    path.write_text('preset = "imagenet"\ncolor = "gray"\nmean = [0.45]\n')
    assert (resolved(path).mean, resolved(path).std) == ((0.45,), ())


def test_the_digits_that_come_with_the_project_are_described(digits: Path) -> None:
    recipe = resolved(digits / "preprocess.toml")
    assert (recipe.color, recipe.size, recipe.channels) == ("gray", (32, 32), 1)


def test_imagenet_has_an_alias() -> None:
    assert resolved("imagenet-torch") is PRESETS["imagenet"]


def test_a_misspelt_preset_is_met_with_the_nearest_one() -> None:
    with pytest.raises(UsageError, match="no preprocessing called 'imagnet'") as refusal:
        resolved("imagnet")
    assert refusal.value.code == "QK1031"
    assert "did you mean 'imagenet'?" in refusal.value.hints


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"own\.toml"):
        resolved(tmp_path / "own.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("meen = [0.5]", "the key 'meen' is unknown"),
        ('color = "rbg"', "color 'rbg' is unknown"),
        ('layout = "chw"', "layout 'chw' is unknown"),
        ('interpolation = "linear"', "interpolation 'linear' is unknown"),
        ('preset = "imagnet"', "preset 'imagnet' is unknown"),
        ("mean = 0.5", "mean must be a list of numbers, not 0.5"),
        ('mean = ["a"]', "mean must be a number, not 'a'"),
        ("mean = [true]", "mean must be a number, not True"),
        ("mean = [0.1, 0.2]", "mean has 2 values, channels: 3"),
        ("std = [0.5, 0, 1]", "scale and std not 0"),
        ("std = [nan]", "must be finite"),
        ("scale = 0", "scale and std not 0"),
        ('scale = "1"', "scale must be a number, not '1'"),
        ("crop = 224", r"crop must be \[height, width\], not 224"),
        ("crop = [224.0, 224]", "crop must be a whole number, not 224.0"),
        ("crop = [0, 224]", "a size is below 1"),
        ("resize = [8, 8]\nresize_short = 8", "resize and resize_short are both given"),
        ("resize = [8, 8]\ncrop = [9, 8]", r"crop \(9, 8\) is larger than resize \(8, 8\)"),
        ("resize_short = 8\ncrop = [9, 9]", r"crop \(9, 9\) is larger than resize_short 8"),
        ("color = 3", "color must be a text, not 3"),
        ('dtype = "float16"', "dtype is 'float16'"),
        ("color = ", "the preprocessing is not TOML"),
    ],
    ids=lambda text: text.replace("\n", " ") if "=" in text else "",
)
def test_a_file_that_says_what_no_image_can_be_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words) as refusal:
        resolved(path)
    assert refusal.value.code == "QK1032"
    assert refusal.value.where == str(path)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not TOML"):
        resolved(path)


@given(
    st.dictionaries(
        st.sampled_from(["color", "resize", "scale", "mean", "std", "layout", "crop", "x"]),
        st.none() | st.integers() | st.text() | st.lists(st.floats() | st.text()),
    )
)
def test_any_record_is_either_taken_or_refused_by_us(record: dict[str, Any]) -> None:
    with contextlib.suppress(UsageError):
        assert from_record(record).channels in (1, 3)


@given(st.integers(1, 600), st.integers(1, 600), st.integers(1, 300))
def test_the_shorter_side_gets_its_length(height: int, width: int, short: int) -> None:
    assert min(Preprocessing(resize_short=short).resized(height, width)) == short


def test_a_shape_follows_the_layout() -> None:
    assert Preprocessing(resize=(4, 6)).shape(9, 9) == (3, 4, 6)
    assert Preprocessing(crop=(4, 6), color="gray", layout="nhwc").shape(9, 9) == (4, 6, 1)
    assert Preprocessing().shape(9, 7) == (3, 9, 7)

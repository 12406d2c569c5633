from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save as serialized

from quantkit.core import statistics_file
from quantkit.core.arrays import Array, Floats
from quantkit.core.errors import ArtifactError, SetupError
from quantkit.core.statistics import ChannelExtrema, Fingerprint, SampleId, Statistics
from tests.histograms import any_floats, counted, drawn

KEY = "quantkit.statistics"
WHOLE = Statistics(
    fingerprint=Fingerprint(model="a" * 64, preprocessing='{"scale":255}'),
    histograms={
        "conv": counted(drawn("shifted")),
        "relu": counted(drawn("relu"), np.array([np.nan, np.inf], np.float32)),
        "unseen": counted(),
        "zero": counted(np.zeros(5, np.float32)),
    },
    # A file name that is not UTF-8, as the system hands it over.
    samples=(SampleId("bäume/\udcff.jpg", "0" * 64), SampleId("2.jpg", "1" * 64)),
    channels={"conv": ChannelExtrema(1, -np.ones(3, np.float32), np.arange(3, dtype=np.float32))},
    environment={"threads": "2", "isa": "avx2"},
    first_nonfinite={"relu": "2.jpg"},
)


@pytest.mark.parametrize(
    "statistics", [WHOLE, WHOLE.as_part(2, 3), Statistics(WHOLE.fingerprint, {}, ())], ids=["whole", "a shard", "empty"]
)
def test_what_is_saved_is_loaded(statistics: Statistics, tmp_path: Path) -> None:
    statistics_file.save(statistics, tmp_path / "saved.safetensors")
    assert statistics_file.load(tmp_path / "saved.safetensors") == statistics


@given(any_floats(), any_floats())
@settings(deadline=None, max_examples=50)
def test_every_histogram_survives_saving(tmp_path_factory: pytest.TempPathFactory, one: Floats, two: Floats) -> None:
    path = tmp_path_factory.mktemp("saved") / "s.safetensors"
    statistics = replace(WHOLE, histograms={"a": counted(one), "b": counted(two)}, channels={})
    statistics_file.save(statistics, path)
    assert statistics_file.load(path) == statistics


def test_equal_statistics_are_equal_bytes(tmp_path: Path) -> None:
    backwards = replace(
        WHOLE,
        histograms=dict(reversed(list(WHOLE.histograms.items()))),
        samples=tuple(reversed(WHOLE.samples)),
        environment=dict(reversed(list(WHOLE.environment.items()))),
    )
    digests = {statistics_file.save(s, tmp_path / f"{n}") for n, s in enumerate([WHOLE, backwards])}
    assert len(digests) == 1
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()


def test_a_loaded_state_can_be_merged(tmp_path: Path) -> None:
    statistics_file.save(WHOLE, tmp_path / "s")
    other = replace(WHOLE, samples=(SampleId("3.jpg", "2" * 64),))
    assert statistics_file.load(tmp_path / "s").merge(other) == WHOLE.merge(other)


def test_a_refused_write_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(SetupError, match=r"QK41"):
        statistics_file.save(WHOLE, tmp_path / "file" / "s")
    assert (tmp_path / "file").read_text() == "old"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 an archive of some kind",
        b"\x02\0\0\0\0\0\0\0{}",
        serialized({"weight": np.ones(3, np.float32)}),
    ],
    ids=["empty", "something else", "no header", "weights"],
)
def test_a_file_of_something_else_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"QK3231.*does not hold statistics") as refusal:
        statistics_file.load(tmp_path / "s")
    assert refusal.value.where == str(tmp_path / "s")
    assert "collect the statistics again" in refusal.value.hints


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"QK3202.*No such file"):
        statistics_file.load(tmp_path / "s")
    with pytest.raises(ArtifactError, match=r"QK3201.*is a directory"):
        statistics_file.load(tmp_path)


@given(st.data())
@settings(deadline=None, max_examples=30)
def test_a_truncated_file_is_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("cut") / "s"
    statistics_file.save(WHOLE, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(ArtifactError, match=r"QK323"):
        statistics_file.load(path)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    newer = replace(WHOLE, fingerprint=replace(WHOLE.fingerprint, schema=99))
    statistics_file.save(newer, tmp_path / "s")
    with pytest.raises(ArtifactError, match=r"QK3232.*statistics of schema 99, but this version reads schema 1"):
        statistics_file.load(tmp_path / "s")


def edited(path: Path, edit: Callable[[dict[str, Any], dict[str, Array]], object]) -> Path:
    """The file of `WHOLE` after `edit` changed its header and arrays in place."""
    statistics_file.save(WHOLE, path)
    with safe_open(path, framework="numpy") as stored:
        header = json.loads(stored.metadata()[KEY])
        arrays = {name: stored.get_tensor(name) for name in ("counts", "tallies", "extrema", "channels")}
    edit(header, arrays)
    path.write_bytes(serialized(arrays, {KEY: json.dumps(header)}))
    return path


EDITS: dict[str, Callable[[dict[str, Any], dict[str, Array]], object]] = {
    "negative count": lambda _, arrays: arrays["counts"].__setitem__((0, 0, 5), -1),
    "count beyond the largest value": lambda _, arrays: arrays["counts"].__setitem__((0, 0, 4095), 1),
    "no count at the largest value": lambda _, arrays: arrays["counts"].__setitem__((0, 0), 0),
    "counts that overflow": lambda _, arrays: arrays["counts"].__setitem__((0, 0, 5), 2**62),
    "negative NaN count": lambda _, arrays: arrays["tallies"].__setitem__((0, 2), -1),
    "another exponent": lambda _, arrays: arrays["tallies"].__setitem__((0, 0), 3),
    "an impossible exponent": lambda _, arrays: arrays["tallies"].__setitem__((0, 0), 2**40),
    "NaN as largest value": lambda _, arrays: arrays["extrema"].__setitem__((0, 1), np.nan),
    "infinite largest value": lambda _, arrays: arrays["extrema"].__setitem__((0, 1), np.inf),
    "values in an unseen tensor": lambda _, arrays: arrays["extrema"].__setitem__((2, 0), 0.0),
    "zeros outside the range": lambda _, arrays: arrays["extrema"].__setitem__((3, 0), 1.0),
    "another type": lambda _, arrays: arrays.update(counts=arrays["counts"].astype(np.float64)),
    "another shape": lambda _, arrays: arrays.update(counts=arrays["counts"][:1]),
    "a tensor named twice": lambda header, _: header["tensors"].__setitem__(0, "zero"),
    "a tensor less": lambda header, _: header["tensors"].pop(),
    "channels without a size": lambda header, _: header.update(channels=[["conv", 1]]),
    "more channels than there are": lambda header, _: header.update(channels=[["conv", 1, 4]]),
    "samples without a digest": lambda header, _: header.update(samples=["1.jpg"]),
    "samples that are none": lambda header, _: header.update(samples=7),
    "an environment that is none": lambda header, _: header.update(environment=[]),
    "no tensors": lambda header, _: header.pop("tensors"),
    "an unknown origin": lambda header, _: header["fingerprint"].update(colour="red"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_content_that_counting_cannot_have_left_is_refused(
    edit: Callable[[dict[str, Any], dict[str, Array]], object], tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError, match=r"QK3233.*damaged or were edited") as refusal:
        statistics_file.load(edited(tmp_path / "s", edit))
    assert refusal.value.cause
    assert refusal.value.where == str(tmp_path / "s")


def test_a_header_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(serialized({"counts": np.zeros(1)}, {KEY: "{"}))
    with pytest.raises(ArtifactError, match=r"QK3233"):
        statistics_file.load(tmp_path / "s")


def test_a_missing_array_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path / "s", lambda _, arrays: arrays.pop("extrema"))
    with pytest.raises(ArtifactError, match=r"QK323"):
        statistics_file.load(path)


@pytest.mark.parametrize("part", ["0/3", "4/3", "1/99999999", "one/two", "1"])
def test_a_shard_that_cannot_be_is_refused(part: str, tmp_path: Path) -> None:
    path = tmp_path / "saved.safetensors"
    statistics_file.save(replace(WHOLE, parts=(part,)), path)
    with pytest.raises(ArtifactError) as refusal:
        statistics_file.load(path)
    assert refusal.value.where == str(path)

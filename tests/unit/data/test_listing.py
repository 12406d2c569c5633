"""Files below a folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from quantkit.core.errors import DataError, SetupError
from quantkit.data.listing import listed, no_samples, subfolders, suffixes_text


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def names(folder: Path) -> list[str]:
    return [found.name for found in listed(folder)]


def test_names_are_sorted_paths_from_the_folder_on(tmp_path: Path) -> None:
    touch(tmp_path, "b/1.png", "a/2.png", "a/10.png", "c.png", "a.png")
    assert names(tmp_path) == ["a.png", "a/10.png", "a/2.png", "b/1.png", "c.png"]


def test_hidden_files_and_folders_are_no_data(tmp_path: Path) -> None:
    assert names(touch(tmp_path, ".DS_Store", "._a.png", ".cache/a.png", "a.png")) == ["a.png"]
    assert subfolders(touch(tmp_path, ".cache/a.png", "b/a.png")) == ["b"]


def test_strange_names_are_only_names(tmp_path: Path) -> None:
    strange = ["-rf.png", "a\nb.png", "x" * 250 + ".png", "ü.png", "$(id).png"]
    assert names(touch(tmp_path, *strange)) == sorted(strange)


@pytest.mark.skipif(sys.platform != "linux", reason="the file system may refuse such names")
def test_a_name_that_is_not_utf8_becomes_one_that_a_report_can_hold(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(b"")
    assert names(tmp_path) == [r"caf\xe9.png"]
    assert names(tmp_path)[0].encode()


def test_links_are_followed(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/a.png", "data/b.png")
    (tmp_path / "data/c").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path / "data") == ["b.png", "c/a.png"]


def test_a_link_back_to_where_it_lies_is_refused(tmp_path: Path) -> None:
    (touch(tmp_path, "a/b.png") / "a/back").symlink_to(tmp_path)
    with pytest.raises(DataError, match=r"the link .*back cannot be followed") as refusal:
        listed(tmp_path)
    assert refusal.value.code == "QK2207"
    assert refusal.value.cause == "it leads back to a folder that it lies in"


@pytest.mark.parametrize("target", ["nowhere.png", "a.png"], ids=["dangling", "itself"])
def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / target)
    with pytest.raises(DataError, match=r"the link .*a\.png cannot be followed") as refusal:
        listed(tmp_path)
    assert refusal.value.code == "QK2207"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_folder_that_may_not_be_read_is_a_matter_of_setup(tmp_path: Path) -> None:
    touch(tmp_path, "a/b.png")
    (tmp_path / "a").chmod(0)
    try:
        with pytest.raises(SetupError, match="no permission to read"):
            listed(tmp_path)
    finally:
        (tmp_path / "a").chmod(0o700)


def test_suffixes_are_counted(tmp_path: Path) -> None:
    assert suffixes_text(listed(touch(tmp_path, "a.png", "b.PNG", "c.txt", "d"))) == ".png 2, .txt 1, (none) 1"


def test_no_sample_says_what_would_have_been_accepted() -> None:
    refusal = no_samples("calib/", [".jpg", ".png"], ".gif 3", "--max-samples 5")
    assert refusal.code == "QK2101"
    assert refusal.hints == ("accepted: .jpg, .png",)
    assert refusal.cause == "found: .gif 3; chosen: --max-samples 5"

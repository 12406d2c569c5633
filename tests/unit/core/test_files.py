"""Files that others read and write while they are written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quantkit.core.errors import SetupError
from quantkit.core.files import append, named, neighbours, replacing_named, write_whole


def test_what_is_added_begins_on_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "new" / "summary.md"
    append(path, b"first\n")
    append(path, b"second")
    append(path, b"third\n")
    assert path.read_bytes() == b"first\nsecond\nthird\n"


def test_adding_to_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="QK4104"):
        append(tmp_path, b"x")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Rows, and a run that names them by their digest."""
    rows, run = tmp_path / "rows", tmp_path / "run"
    run.write_text(write_whole(rows, b"old"))
    return rows, run


def replaced(rows: Path, run: Path, new: bytes) -> None:
    with replacing_named(rows, run.read_text()):
        digest = write_whole(rows, new)
        write_whole(run, digest.encode())


def test_two_files_are_replaced_and_nothing_else_stays(pair: tuple[Path, Path]) -> None:
    rows, run = pair
    replaced(rows, run, b"new")
    assert named(rows, run.read_text()).read_bytes() == b"new"
    assert sorted(path.name for path in rows.parent.iterdir()) == ["rows", "run"]


def test_who_has_the_old_digest_finds_the_old_content_meanwhile(pair: tuple[Path, Path]) -> None:
    rows, run = pair
    with replacing_named(rows, run.read_text()):
        write_whole(rows, b"new")
        assert named(rows, run.read_text()).read_bytes() == b"old"


def test_a_second_file_that_cannot_be_written_brings_the_first_one_back(pair: tuple[Path, Path]) -> None:
    rows, run = pair
    in_the_way = rows.parent / "folder"
    (in_the_way / "inside").mkdir(parents=True)
    with pytest.raises(SetupError, match="QK4104"), replacing_named(rows, run.read_text()):
        write_whole(in_the_way, write_whole(rows, b"new").encode())
    assert rows.read_bytes() == b"old"
    assert sorted(path.name for path in rows.parent.iterdir()) == ["folder", "rows", "run"]


def test_a_first_file_that_cannot_be_written_changes_nothing(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, run = pair

    def refuse(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(SetupError, match="QK4102"):
        replaced(rows, run, b"new")
    assert rows.read_bytes() == b"old"
    assert sorted(path.name for path in rows.parent.iterdir()) == ["rows", "run"]


def test_what_is_kept_of_another_content_is_never_put_back(tmp_path: Path) -> None:
    rows, kept = tmp_path / "rows", tmp_path / ".rows.before"
    rows.write_bytes(b"whole")
    kept.write_bytes(b"older than anybody knows")
    with pytest.raises(KeyError), replacing_named(rows, None):
        raise KeyError
    assert rows.read_bytes() == b"whole"
    assert not kept.exists()


def test_what_an_interrupted_replacement_kept_serves_the_next_one(pair: tuple[Path, Path]) -> None:
    rows, run = pair
    kept = rows.with_name(".rows.before")
    kept.write_bytes(rows.read_bytes())
    rows.write_bytes(b"new, without a run")
    with replacing_named(rows, run.read_text()):
        write_whole(rows, b"newer")
        assert named(rows, run.read_text()).read_bytes() == b"old"
    assert not kept.exists()


def test_without_another_name_for_a_file_it_is_copied(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, place: Path) -> None:
        raise OSError(1, "not permitted")

    monkeypatch.setattr(os, "link", refuse)
    test_who_has_the_old_digest_finds_the_old_content_meanwhile(pair)


def test_a_folder_that_cannot_be_looked_into_has_no_names_to_suggest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").touch()
    assert neighbours(tmp_path / "model") == ["models"]

    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert neighbours(tmp_path / "model") == []

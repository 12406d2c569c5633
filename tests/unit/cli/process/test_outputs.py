"""What would go wrong in the end is refused in the beginning."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace

import pytest

from quantkit.cli.process.outputs import file_for_writing, folder_for_writing
from quantkit.core.errors import QuantkitError

Claim = Callable[..., AbstractContextManager[None]]
BOTH = pytest.mark.parametrize("claim", [file_for_writing, folder_for_writing], ids=["file", "folder"])


def refused(claim: Claim, output: Path, inputs: list[Path] | None = None, **options: int) -> QuantkitError:
    with (
        pytest.raises(QuantkitError) as refusal,
        claim(output, inputs=inputs or [], force=bool(options.pop("force", 0)), **options),
    ):
        pytest.fail("claimed")
    return refusal.value


@BOTH
def test_missing_folders_are_made(claim: Claim, tmp_path: Path) -> None:
    output = tmp_path / "a" / "b" / "out"
    with claim(output, inputs=[], force=False):
        assert output.parent.is_dir()


@BOTH
def test_an_input_is_never_overwritten_not_even_by_force(claim: Claim, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir() if claim is folder_for_writing else data.write_text("")
    refusal = refused(claim, tmp_path / "." / "data", [data], force=1)
    assert "is also an input" in refusal.title
    assert refusal.exit_code == 2


@BOTH
def test_what_is_there_stays_unless_it_may_be_replaced(claim: Claim, tmp_path: Path) -> None:
    output = tmp_path / "out"
    if claim is folder_for_writing:
        output.mkdir()
        (output / "old").write_text("old")
    else:
        output.write_text("old")
    refusal = refused(claim, output)
    assert "is there already" in refusal.title
    assert refusal.hints[0] == "--force replaces it"
    assert refusal.exit_code == 2
    with claim(output, inputs=[], force=True):
        pass


def test_an_empty_folder_is_nothing_to_lose(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with folder_for_writing(tmp_path / "out", inputs=[], force=False):
        pass


def test_a_folder_where_a_file_is_meant_is_refused(tmp_path: Path) -> None:
    assert "is a folder, and a file is written here" in refused(file_for_writing, tmp_path, force=1).title


def test_a_file_where_a_folder_is_meant_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    assert "is a file, and a folder is filled here" in refused(folder_for_writing, tmp_path / "out").title


@BOTH
def test_a_disk_too_full_is_noticed_before_the_work(
    claim: Claim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    refusal = refused(claim, tmp_path / "out", needed_bytes=50_000_000)
    assert "no space left to write" in refusal.title
    assert "66.8 MB needed, 1.0 MB free" in refusal.title
    assert refusal.exit_code == 4
    assert list(tmp_path.iterdir()) == []


@BOTH
def test_a_folder_that_cannot_be_written_is_named(
    claim: Claim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    refusal = refused(claim, tmp_path / "out")
    assert "no permission to write" in refusal.title
    assert refusal.exit_code == 4


@BOTH
def test_a_path_through_a_file_is_refused(claim: Claim, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refusal = refused(claim, tmp_path / "file" / "sub" / "out")
    assert "is not a folder" in refusal.title
    assert refusal.exit_code == 4


@BOTH
def test_leftovers_of_a_killed_run_are_swept(claim: Claim, tmp_path: Path) -> None:
    output = tmp_path / "out"
    leftover = output / ".run.json.x.tmp" if claim is folder_for_writing else tmp_path / ".out.x.tmp"
    leftover.parent.mkdir(exist_ok=True)
    leftover.write_text("half")
    with claim(output, inputs=[], force=True):
        assert not leftover.exists()


@BOTH
def test_leftovers_of_other_outputs_stay(claim: Claim, tmp_path: Path) -> None:
    other = tmp_path / ".other.x.tmp"
    other.write_text("half")
    with claim(tmp_path / "out", inputs=[], force=False):
        assert other.exists()

"""What is checked before the work starts: hours of it must not end at a full disk or over a lost file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from quantkit.cli.process.locks import locked
from quantkit.core.errors import SetupError, UsageError
from quantkit.core.files import sweep, writable

SLACK_BYTES = 16 << 20
"""Room for logs, reports and the file system's own needs."""


@contextmanager
def file_for_writing(
    output: Path, *, inputs: Iterable[Path], force: bool, needed_bytes: int = 0, beside: Path | None = None
) -> Iterator[None]:
    """Holds `output`, a file, for this process within the block; nothing is written yet.

    Args:
        output: the file.
        inputs: what must not be overwritten in any case.
        force: go on although it is there.
        needed_bytes: what will be written, about.
        beside: the file that is written with it.

    Raises:
        UsageError: it is one of the inputs, a folder, or there already and not to be replaced.
        SetupError: another process writes it, its folder cannot be written, or the disk is too full.
    """
    if output.is_dir():
        raise UsageError(
            "QK1082",
            f"--output {output} is a folder, and a file is written here",
            where=str(output),
            hints=["give the name of a file in it"],
        )
    _refuse_input(output, inputs)
    _require_writable(output.parent)
    with locked(output):
        if output.exists() and not force:
            raise _there_already(output)
        _require_space(output.parent, needed_bytes)
        for path in (output, beside):
            if path is not None:
                sweep(path)
        yield


@contextmanager
def folder_for_writing(
    folder: Path, *, inputs: Iterable[Path], force: bool, needed_bytes: int = 0, unfinished: str | None = None
) -> Iterator[None]:
    """Holds `folder` for this process within the block, and makes it.

    With `force`, files of the same name are replaced and others are kept. A folder that stays empty goes again.

    Args:
        folder: the output.
        inputs: what must not be overwritten in any case.
        force: go on although there are results, whole or unfinished.
        needed_bytes: what will be written, about.
        unfinished: the command that finishes an interrupted run to the same folder, where there is one.

    Raises:
        UsageError: it is an input, is a file, or has content that is not to be overwritten.
        SetupError: another process writes it, it cannot be written, or the disk is too full.
    """
    if folder.is_file():
        raise UsageError(
            "QK1082",
            f"--output {folder} is a file, and a folder is filled here",
            where=str(folder),
            hints=["choose another --output"],
        )
    _refuse_input(folder, inputs)
    _require_writable(folder.parent)
    with locked(folder):
        if unfinished and not force:
            raise _half_done(folder, unfinished)
        if not force and folder.is_dir() and any(folder.iterdir()):
            raise _there_already(folder)
        _require_space(folder, needed_bytes)
        with writable(folder):
            folder.mkdir(parents=True, exist_ok=True)
        _require_writable(folder)
        for leftover in folder.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
        try:
            yield
        finally:
            if not any(folder.iterdir()):
                folder.rmdir()


def _refuse_input(output: Path, inputs: Iterable[Path]) -> None:
    for path in inputs:
        if output.exists() and path.exists() and output.samefile(path):
            raise UsageError(
                "QK1083",
                f"--output {output} is also an input, and would be overwritten",
                where=str(output),
                hints=["choose another --output"],
            )


def _there_already(output: Path) -> UsageError:
    return UsageError(
        "QK1084",
        f"{output} is there already",
        where=str(output),
        hints=["--force replaces it", "or choose another --output"],
    )


def _half_done(output: Path, command: str) -> UsageError:
    return UsageError(
        "QK1089",
        f"an interrupted run to {output} is half done",
        where=str(output),
        hints=[f"go on where it stopped: {command}", "or begin anew with --force"],
    )


def _nearest_folder(path: Path) -> Path:
    """The closest ancestor that exists: missing folders are made in it, with its permissions and its space."""
    return next(folder for folder in [path, *path.absolute().parents] if folder.exists())


def _require_writable(folder: Path) -> None:
    nearest = _nearest_folder(folder)
    if not nearest.is_dir():
        raise SetupError(
            "QK4104",
            f"cannot write below {nearest}: it is not a folder",
            where=str(nearest),
            hints=["choose another --output"],
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        hints = ["choose another --output"]
        raise SetupError("QK4103", f"no permission to write {folder}", where=str(nearest), hints=hints)


def _require_space(folder: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(_nearest_folder(folder)).free
    needed = needed_bytes + SLACK_BYTES
    if free < needed:
        raise SetupError(
            "QK4102",
            f"no space left to write {folder}: {size_text(needed)} needed, {size_text(free)} free",
            where=str(folder),
            hints=["free space, or choose another --output"],
        )


def size_text(count: int) -> str:
    """Bytes for people.

    >>> size_text(940), size_text(51_745), size_text(3_500_000)
    ('940 B', '51.7 kB', '3.5 MB')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"

"""The files below a folder, always in the same order."""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from quantkit.core.errors import DataError
from quantkit.core.files import readable
from quantkit.core.text import printable
from quantkit.data.file_part import Stamp


@dataclass(frozen=True, slots=True)
class Found:
    """A file, its name in the data (a POSIX path from the folder on) and its stamp."""

    path: Path
    name: str
    stamp: Stamp

    @property
    def suffix(self) -> str:
        """The suffix in lower case."""
        return self.path.suffix.lower()


def listed(folder: Path) -> list[Found]:
    """Every file below `folder`, sorted by name; hidden ones, and those in hidden folders, are not data.

    Links are followed.

    Raises:
        DataError: a link leads nowhere or back to a folder it lies in.
        SetupError: no permission to look into a folder.
    """
    with readable(folder):
        return sorted(_walk(folder, "", ()), key=lambda found: found.name)


def _walk(folder: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[Found]:
    status = folder.stat()
    identity = (status.st_dev, status.st_ino)
    if identity in above:
        raise _bad_link(folder, "it leads back to a folder that it lies in")
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            name = prefix + _as_text(entry.name)
            status = _followed(entry)
            if stat.S_ISDIR(status.st_mode):
                yield from _walk(Path(entry.path), f"{name}/", (*above, identity))
            elif stat.S_ISREG(status.st_mode):
                yield Found(Path(entry.path), name, Stamp.of(status))


def _followed(entry: os.DirEntry[str]) -> os.stat_result:
    """The status of what an entry is or links to."""
    try:
        return entry.stat()
    except OSError as refusal:
        if entry.is_symlink() and refusal.errno in (errno.ENOENT, errno.ELOOP):
            raise _bad_link(Path(entry.path), "what it points to is not there") from refusal
        raise


def _as_text(name: str) -> str:
    """`name`, with bytes that are not UTF-8 written as backslash and hex, so that a report can hold it."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _bad_link(path: Path, cause: str) -> DataError:
    name = printable(str(path))
    return DataError(
        "QK2207",
        f"the link {name} cannot be followed",
        where=name,
        cause=cause,
        hints=["remove the link, or fetch what it points to"],
    )


def subfolders(folder: Path) -> list[str]:
    """The names of the folders in `folder`, sorted, without hidden ones; empty ones count."""
    with readable(folder):
        return sorted(_as_text(entry.name) for entry in os.scandir(folder) if _is_visible_folder(entry))


def _is_visible_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir() and not entry.name.startswith(".")


def suffixes_text(found: Iterable[Found]) -> str:
    """How many files of each suffix, most frequent first.

    >>> suffixes_text([])
    'no file at all'
    """
    counts = Counter(file.suffix or "(none)" for file in found)
    return ", ".join(f"{suffix} {count}" for suffix, count in counts.most_common(8)) or "no file at all"


def no_samples(where: str, accepted: Sequence[str], found: str, selection: str) -> DataError:
    """The refusal of data without a sample; says what would have been accepted and what was chosen from it."""
    return DataError(
        "QK2101",
        "0 calibration samples",
        where=printable(where),
        cause=f"found: {found}; chosen: {selection}",
        hints=[f"accepted: {', '.join(accepted)}"],
    )

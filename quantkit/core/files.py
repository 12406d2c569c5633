"""Writing files so that a reader, a crash or a full disk never meets half of one."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import IO

from quantkit.core.errors import ArtifactError, SetupError
from quantkit.core.plugins import did_you_mean

# Comparing names with those of a large data set would take longer than looking there oneself.
_MOST_NEIGHBOURS = 1000

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


def digest_of(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with readable(path), path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _sha256(stream)


def _sha256(stream: IO[bytes]) -> str:
    seen = hashlib.sha256()
    while block := stream.read(1 << 20):
        seen.update(block)
    return seen.hexdigest()


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what the system says about reading `path` into an error that names it."""
    try:
        yield
    except PermissionError as refusal:
        raise no_permission(path) from refusal
    except IsADirectoryError as refusal:
        raise ArtifactError(
            "QK3201", f"{path} is a directory, not a file", where=str(path), hints=["give the path of a file in it"]
        ) from refusal
    except OSError as refusal:
        hints = [*did_you_mean(path.name, neighbours(path)), "check the path"]
        raise ArtifactError(
            "QK3202", f"cannot read {path}: {refusal.strerror}", where=str(path), hints=hints
        ) from refusal


def no_permission(path: Path) -> SetupError:
    """The error for a file or folder that this user may not read."""
    return SetupError(
        "QK4101",
        f"no permission to read {path}",
        where=str(path),
        hints=["ask its owner for permission, or copy it to where you may read"],
    )


def neighbours(path: Path) -> list[str]:
    """The names that `path` could have been meant for; none where its folder cannot be looked into."""
    with suppress(OSError):
        return sorted(entry.name for entry in islice(path.parent.iterdir(), _MOST_NEIGHBOURS))
    return []


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place, whole and durable, when the block succeeds.

    Missing folders are made. On any failure the old file stays as it was and the temporary one is removed.
    The temporary name starts with the final one, so that `sweep` can tell whose leftovers they are.
    """
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with writable(path):
            _make_durable(temporary)
            temporary.replace(path)
            _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> str:
    """Writes `content` to `path` atomically; returns its SHA-256."""
    with replacing(path) as temporary, writable(path):
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


@contextmanager
def replacing_named(companion: Path, digest: str | None) -> Iterator[None]:
    """Within the block `companion`, and then the file that names it by its digest, are replaced; both or neither.

    No system replaces two files at one moment. What `companion` held is kept beside it until both are written, and
    `named` finds it there for whoever still has the old digest; a block that fails puts it back.

    Args:
        companion: the file that is named, such as the rows of a run.
        digest: SHA-256 that the other file, as it is now, names; ``None`` where there is no such file.
    """
    kept = _kept(companion)
    if digest is not None and not _holds(kept, digest) and _holds(companion, digest):
        _link(companion, kept)
    try:
        yield
    except BaseException:
        if digest is not None and _holds(kept, digest) and not _holds(companion, digest):
            kept.replace(companion)
        raise
    finally:
        kept.unlink(missing_ok=True)


def named(companion: Path, digest: str) -> Path:
    """Where the content with that SHA-256 lies: in `companion`, or beside it after a replacement was cut short."""
    kept = _kept(companion)
    return kept if kept.exists() and not _holds(companion, digest) and _holds(kept, digest) else companion


def _kept(companion: Path) -> Path:
    return companion.with_name(f".{companion.name}.before")


def _holds(path: Path, digest: str) -> bool:
    return path.is_file() and digest_of(path) == digest


def _link(source: Path, place: Path) -> None:
    """Another name for the same content, or a copy where the file system has no such names."""
    with writable(place):
        place.unlink(missing_ok=True)
        try:
            os.link(source, place)
        except OSError:
            shutil.copyfile(source, place)


def append(path: Path, content: bytes) -> None:
    """Adds `content` to the end of a file that others write to as well; makes it where it is missing.

    A file whose last line has no end gets one first, so that nothing is added to what another wrote there.
    """
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_bytes()[-1:] if path.exists() else b""
        with path.open("ab") as stream:
            stream.write((b"" if before in (b"", b"\n") else b"\n") + content)


def sweep(path: Path) -> int:
    """Removes temporary files that an interrupted write of `path` left behind; returns how many."""
    leftovers = list(path.parent.glob(f".{path.name}.*.tmp")) if path.parent.is_dir() else []
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    return len(leftovers)


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Turns what the system says about writing `path` into an error that names it and the remedy."""
    try:
        yield
    except OSError as refusal:
        raise _write_refused(path, refusal) from refusal


def _write_refused(path: Path, refusal: OSError) -> SetupError:
    if refusal.errno in _FULL:
        return SetupError(
            "QK4102",
            f"no space left to write {path}",
            where=str(path),
            hints=["free space, or choose another --output"],
        )
    if refusal.errno in _REFUSED:
        return SetupError(
            "QK4103", f"no permission to write {path}", where=str(path), hints=["choose another --output"]
        )
    hints = ["choose another --output"]
    return SetupError("QK4104", f"cannot write {path}: {refusal.strerror}", where=str(path), hints=hints)


def _make_durable(temporary: Path) -> None:
    """Flushes the content and gives the file the permissions that a plain open would have given it."""
    with temporary.open("rb+") as stream:
        os.fsync(stream.fileno())
    umask = os.umask(0)
    os.umask(umask)
    temporary.chmod(0o666 & ~umask)


def _sync_folder(folder: Path) -> None:
    """Makes the rename itself survive a power loss, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""One process at a time for one output; the system lets go of a lock when its owner dies, however it dies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from quantkit.core.errors import SetupError
from quantkit.core.files import writable

if sys.platform == "win32":
    import msvcrt

    # Windows keeps everybody from reading locked bytes, so a byte far behind the process id is locked.
    _FAR = 1 << 30

    def _try_to_lock(stream: IO[bytes]) -> None:
        stream.seek(_FAR)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_to_lock(stream: IO[bytes]) -> None:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Holds the lock of `output`, a file or folder, within the block.

    Raises:
        SetupError: another process holds it; the message names its process id.
    """
    output = output.resolve()
    path = output.parent / f".{output.name}.lock"
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    stream = _held(path, output)
    try:
        yield
    finally:
        # Removed while still held: who opened the old file meanwhile finds it gone and opens a new one.
        with suppress(OSError):
            path.unlink()
        stream.close()


def _held(path: Path, output: Path) -> IO[bytes]:
    while True:
        with writable(path):
            # Never through a link that somebody else put there.
            handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
        stream = os.fdopen(handle, "r+b", buffering=0)
        try:
            _try_to_lock(stream)
        except OSError:
            owner = stream.read(20).decode("ascii", "replace").strip() or "unknown"
            stream.close()
            raise _busy(output, owner) from None
        if _is_current(stream, path):
            stream.seek(0)
            stream.truncate()
            stream.write(f"{os.getpid()}\n".encode())
            return stream
        stream.close()


def _is_current(stream: IO[bytes], path: Path) -> bool:
    """Whether the locked file is still the one that has the name."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except OSError:
        return False


def _busy(output: Path, owner: str) -> SetupError:
    return SetupError(
        "QK4152",
        f"process {owner} is writing {output} at this moment",
        where=str(output),
        hints=["wait until it ends, or choose another --output"],
    )

"""A bound on what the process may take, so that a model made to exhaust memory ends in an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from quantkit.core.errors import OutOfMemoryError

GIBIBYTE = 1 << 30


@contextmanager
def limited(gibibytes: float | None) -> Iterator[None]:
    """Refuses private memory beyond `gibibytes`, by default what the machine has, while the block runs.

    Without a bound the system promises more memory than there is, and ends some process when the promise is called
    in. A stricter bound that holds already stays.
    """
    if sys.platform == "win32":
        yield
        return
    import resource

    before, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = _installed() if gibibytes is None else int(gibibytes * GIBIBYTE)
    stricter = [bound for bound in (wanted, before, hard) if bound != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(stricter), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, hard))


def _installed() -> int:
    """Bytes of the machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def shortage(error: BaseException) -> OutOfMemoryError | None:
    """What an exception means that is for want of memory; nothing for any other."""
    if isinstance(error, OutOfMemoryError):
        return error
    # A thread needs a stack, and Python has no exception of its own for one that cannot be had.
    if isinstance(error, MemoryError) or (type(error) is RuntimeError and "can't start new thread" in str(error)):
        hints = ["use a smaller --batch-size, or fewer --threads", "--memory-limit raises the limit"]
        return OutOfMemoryError("QK4151", "not enough memory", hints=hints)
    return None


@contextmanager
def shortage_told() -> Iterator[None]:
    """Turns what is raised for want of memory into an error of ours."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if (short := shortage(error)) is None:
            raise
        raise short from error


def peak_bytes() -> int | None:
    """The most memory that the process has had at once; ``None`` where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

"""A bound on what the process may take, so that a model made to exhaust memory ends in an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

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

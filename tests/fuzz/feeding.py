"""What a parser is fed with, for how long, and what may come of it: a value, or one of quantkit's own errors.

`make test` gives every parser a few hundred damaged inputs, `make fuzz` as many as fit into FUZZ_SECONDS each.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning

from quantkit.core.errors import QuantkitError

Content = TypeVar("Content")

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))

LONGEST_S = 5.0
"""One input is a few kilobytes; what takes longer than this on the slowest machine grows faster than its input."""

ROOM_BYTES = 1 << 30
"""What a parser may take beyond what the process has: a size that an input merely announces must not be allocated."""

EXAMPLES = 100

executions: dict[str, int] = {}
"""Parser → how often it was fed."""


def survives(name: str, inputs: st.SearchStrategy[Content], feed: Callable[[Content], object]) -> None:
    """Feeds the parser called `name`; everything but a `QuantkitError`, slowness and greed is found."""
    count = 0

    def one(content: Content) -> None:
        nonlocal count
        count += 1
        started = time.perf_counter()
        with suppress(QuantkitError):
            feed(content)
        taken = time.perf_counter() - started
        assert taken < LONGEST_S, f"{taken:.1f} s"

    with _little_memory(), warnings.catch_warnings():
        # A failing input may be long, and is shown all the same.
        warnings.simplefilter("ignore", HypothesisWarning)
        until = time.monotonic() + SECONDS
        for number in _rounds(until):
            examples = 250 if SECONDS else EXAMPLES
            options = settings(
                max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
            )
            whole = options(given(inputs)(one))
            (seed(number)(whole) if SECONDS else whole)()
    executions[name] = executions.get(name, 0) + count


def _rounds(until: float) -> Iterator[int]:
    """One round, or as many as there is time for, each with another seed."""
    number = int(time.time()) if SECONDS else 0
    while True:
        yield number
        number += 1
        if time.monotonic() >= until:
            return


@contextmanager
def _little_memory() -> Iterator[None]:
    """Within the block the process may take `ROOM_BYTES` more than it has, where the system can hold it to that."""
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    taken = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    before, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (taken + ROOM_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, hard))

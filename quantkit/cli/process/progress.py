"""How far a long pass has come: a bar for people at a terminal, a line now and then for a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, "int | None"], None]
"""Called with the number of samples done and, where it is known, of all."""

Note = Callable[[str], None]

INTERVAL = 10.0
"""Seconds between two lines: a CI log stays short, and a job that hangs is seen."""


@contextmanager
def lines(what: str, note: Note, clock: Callable[[], float] = time.monotonic) -> Iterator[Progress]:
    """A line every `INTERVAL` seconds, and one at the end."""
    log = _Log(what, note, clock)
    yield log.advance
    log.finish()


class _Log:
    def __init__(self, what: str, note: Note, clock: Callable[[], float]) -> None:
        self._what = what
        self._note = note
        self._clock = clock
        self._start = self._began = self._last = clock()
        self._first: int | None = None
        self._done = 0

    def advance(self, done: int, total: int | None) -> None:
        """Notes where the pass stands, when it is time for a line."""
        now = self._clock()
        fresh = self.reached(done, now)
        if now - self._last >= INTERVAL:
            self._last = now
            self._note(f"{self._what}: {_standing(done, total, fresh, now - self._began)}")

    def reached(self, done: int, now: float) -> int:
        """Remembers where the pass stands; returns how many samples were done since the first call."""
        if self._first is None:
            # A resumed pass starts in the middle, and any after an engine was built: neither says how fast it is.
            self._first, self._began, self._last = done, now, now
        self._done = done
        return done - self._first

    def finish(self) -> None:
        """Notes the whole."""
        elapsed = self._clock() - self._start
        if self._done:
            self._note(f"{self._what}: {self._done} samples in {duration(elapsed)}")


def _standing(done: int, total: int | None, fresh: int, elapsed: float) -> str:
    rate = fresh / elapsed if elapsed > 0 else 0.0
    if total is None:
        return f"{done} samples, {rate:.1f}/s"
    left = f", {duration((total - done) / rate)} left" if rate > 0 else ""
    return f"{done}/{total} samples ({done / max(total, 1):.0%}), {rate:.1f}/s{left}"


def sparse(note: Note, clock: Callable[[], float] = time.monotonic) -> Note:
    """Passes a text on every `INTERVAL` seconds, and drops those in between: what a build says of itself is a flood."""
    last = clock()

    def told(text: str) -> None:
        nonlocal last
        if clock() - last >= INTERVAL:
            last = clock()
            note(text)

    return told


def duration(seconds: float) -> str:
    """A time span for people.

    >>> duration(0.84), duration(75.2), duration(7384)
    ('0.8 s', '1 min 15 s', '2 h 03 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


@contextmanager
def bar(what: str, note: Note, clock: Callable[[], float] = time.monotonic) -> Iterator[Progress]:
    """A bar with rate and remaining time on standard error; in the end a line takes its place."""
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(),
    )
    log = _Log(what, note, clock)
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=None, rate="")

        def advance(done: int, total: int | None) -> None:
            log.reached(done, clock())
            speed = shown.tasks[0].speed
            shown.update(task, completed=done, total=total, rate=f"{speed:.0f}/s" if speed else "")

        yield advance
    log.finish()

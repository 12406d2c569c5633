"""Watches the batches go by, so that a crash or a hang of an engine is told with the samples it happened on.

An engine is foreign code: a segmentation fault ends the process before Python can say a word, and a kernel that never
returns says none at all. What would have to be said is therefore kept ready, from batch to batch.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from quantkit.cli.process.failures import Failure
from quantkit.cli.process.terminal import Terminal
from quantkit.core.errors import ExitCode
from quantkit.core.text import enumerated

if TYPE_CHECKING:
    from quantkit.core.statistics import SampleId

try:
    from quantkit.cli.process import _last_words
except ImportError:  # Windows
    _last_words = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)

_MOST_NAMED = 8


class Watchdog:
    """Knows which samples are being run, and ends a process that runs them for too long.

    Args:
        terminal: where the last words go.
        owns_process: whether the process is there for this command line alone, and may be ended.
    """

    def __init__(self, terminal: Terminal, *, owns_process: bool) -> None:
        self._terminal = terminal
        self._owns_process = owns_process
        self._speaks = owns_process and _last_words is not None and not terminal.debug
        self._is_on_duty = True
        self._timeout_s: float | None = None
        self._deadline: float | None = None
        self._changed = threading.Condition()
        self._handed = self._landed = 0
        self._where = f"{terminal.prog}, before the first sample"
        self._resume: str | None = None

    def __enter__(self) -> Watchdog:
        if self._speaks:
            self._prepare()
            _last_words.arm(ExitCode.INTERNAL)
        return self

    def __exit__(self, *refusal: object) -> None:
        self._is_on_duty = False
        self.rest()
        if self._speaks:
            _last_words.disarm()

    def limit(self, timeout_s: float | None) -> None:
        """From now on no batch may take longer than `timeout_s`."""
        self._timeout_s = timeout_s
        if timeout_s is not None and not self._owns_process:
            _log.warning("--timeout says nothing within another program, which it would end as well")
        elif timeout_s is not None:
            threading.Thread(target=self._guard, name="quantkit-watchdog", daemon=True).start()

    def resumable(self, command: str) -> None:
        """The command that takes the work up again is part of the last words."""
        self._resume = command
        self._prepare()

    def begin(self) -> None:
        """A pass over the samples begins."""
        self._handed = self._landed = 0

    def hand_out(self, samples: Sequence[SampleId]) -> None:
        """A batch goes to an engine; the one before may still be on its way where several threads work."""
        self._where = enumerated([sample.name for sample in samples], _MOST_NAMED)
        self._handed += len(samples)
        self._prepare()
        self._arm(self._timeout_s)

    def land(self, done: int) -> None:
        """So many samples of the pass are done."""
        self._landed = done
        self._arm(self._timeout_s if done < self._handed else None)

    def close(self) -> None:
        """No more batches come; where somebody counts those that are done, the last ones are still watched."""
        if self._landed in (0, self._handed):
            self._arm(None)

    def rest(self) -> None:
        """No batch is on its way any more."""
        self._arm(None)

    def _prepare(self) -> None:
        """Puts the words together that a crash is to say."""
        if self._speaks:
            as_json = self._terminal.format == "json"
            text = self._crash.as_json() if as_json else self._crash.as_text(colored=self._terminal.colors_notes)
            _last_words.prepare(1 if as_json else 2, f"{text}\n".encode("utf-8", "backslashreplace"))

    def _arm(self, seconds: float | None) -> None:
        with self._changed:
            self._deadline = None if seconds is None else time.monotonic() + seconds
            self._changed.notify()

    def _guard(self) -> None:
        with self._changed:
            while self._deadline is None or self._deadline > time.monotonic():
                if not self._is_on_duty:
                    return
                self._changed.wait(None if self._deadline is None else self._deadline - time.monotonic())
        failure = self._hang
        if self._terminal.format == "json":
            self._terminal.result(failure.as_json())
        else:
            self._terminal.note(failure.as_text(colored=self._terminal.colors_notes))
        # Whoever hangs cannot be interrupted, and nothing that waits for him can be tidied up.
        os._exit(failure.exit_code)

    @property
    def _crash(self) -> Failure:
        return self._failure(
            ExitCode.INTERNAL,
            "QK9002",
            "the process crashed in native code: the engine, a driver or a library of operators",
            "--debug leaves the crash to the system, and with it a core dump",
        )

    @property
    def _hang(self) -> Failure:
        title = f"no batch was finished within {self._timeout_s:g} s: the engine hangs, or is slow"
        return self._failure(ExitCode.ENVIRONMENT, "QK4153", title, "--timeout gives it more time")

    def _failure(self, exit_code: ExitCode, code: str, title: str, hint: str) -> Failure:
        exact = "--threads 1 --batch-size 1 tells which sample it is: with more, a batch before may be to blame"
        again = [f"go on from the last checkpoint: {self._resume}"] if self._resume else []
        docs = f"docs/errors.md#{code.lower()}"
        return Failure(code, title, exit_code, where=self._where, hints=(exact, hint, *again), docs=docs)


_on_duty: list[Watchdog] = []
"""The last one counts: a process dies once, but a command line may be run within another's process."""


@contextmanager
def standing(terminal: Terminal, *, owns_process: bool) -> Iterator[None]:
    """Within the block batches are watched; where the process is this command line's own, crashes are told."""
    with Watchdog(terminal, owns_process=owns_process) as watchdog:
        terminal.landed, terminal.rested = watchdog.land, watchdog.rest
        _on_duty.append(watchdog)
        try:
            yield
        finally:
            _on_duty.remove(watchdog)


def on_duty() -> Watchdog | None:
    """The one that watches this process, if any does."""
    return _on_duty[-1] if _on_duty else None


def limit(timeout_s: float | None) -> None:
    """No batch may take longer than this."""
    if _on_duty:
        _on_duty[-1].limit(timeout_s)


def resumable(command: str) -> None:
    """Should the process end without a word, this takes its work up again."""
    if _on_duty:
        _on_duty[-1].resumable(command)

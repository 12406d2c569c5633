"""Ctrl-C, SIGTERM and a time limit as an exception that unwinds the work, so that locks go and files stay whole."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from quantkit.core.errors import ExitCode


class Stopped(KeyboardInterrupt):
    """Somebody asked the process to end.

    Args:
        exit_code: 130 for Ctrl-C, 143 for SIGTERM and for a time limit.
        resume: the command that takes the work up again, where there is one.
        cause: why, where it was nobody's signal.
    """

    def __init__(self, exit_code: ExitCode, resume: str | None = None, cause: str | None = None) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code
        self.resume = resume
        self.cause = cause


_EXIT_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


def _stop(number: int, frame: FrameType | None) -> None:
    del frame
    raise Stopped(_EXIT_CODES[signal.Signals(number)])


@contextmanager
def stoppable() -> Iterator[None]:
    """Within the block both signals raise `Stopped`; afterwards they do what they did before.

    Python handles signals in the main thread only; elsewhere they stay as they are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _stop) for number in _EXIT_CODES}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def time_limited(seconds: float | None) -> Iterator[None]:
    """Raises `Stopped` within the block when it takes longer than `seconds`; ``None`` for no limit.

    It is for the main thread, as signals are; elsewhere there is no limit.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    is_over = False

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        if is_over:
            raise Stopped(ExitCode.TERMINATED, cause=f"the time limit of {seconds:g} s is over")
        raise Stopped(ExitCode.TERMINATED)

    def ring() -> None:
        nonlocal is_over
        is_over = True
        _send_termination()

    before = signal.signal(signal.SIGTERM, stop)
    alarm = threading.Timer(seconds, ring)
    alarm.daemon = True
    alarm.start()
    try:
        yield
    finally:
        alarm.cancel()
        signal.signal(signal.SIGTERM, before)


def _send_termination() -> None:
    """A true signal wakes a main thread that waits; Windows knows none that can be caught."""
    if sys.platform == "win32":
        _thread.interrupt_main(signal.SIGTERM)
    else:
        os.kill(os.getpid(), signal.SIGTERM)

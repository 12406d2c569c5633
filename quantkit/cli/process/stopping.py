"""Ctrl-C and SIGTERM as an exception that unwinds the work, so that locks go and files stay whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from quantkit.core.errors import ExitCode


class Stopped(KeyboardInterrupt):
    """Somebody asked the process to end.

    Args:
        exit_code: 130 for Ctrl-C, 143 for SIGTERM.
        resume: the command that takes the work up again, where there is one.
    """

    def __init__(self, exit_code: ExitCode, resume: str | None = None) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code
        self.resume = resume


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

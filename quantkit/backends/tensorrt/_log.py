"""What TensorRT says while it works, and exceptions on their way through it.

TensorRT calls back into Python in the middle of a build. Its bindings print and swallow whatever such a callback
raises, Ctrl-C included, and go on. So callbacks keep the first exception, and the caller raises it afterwards.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import TracebackType

import tensorrt as trt

logger = logging.getLogger(__name__)

# What one failure leaves in the log is a handful of lines.
_MOST_LINES = 20


class Kept:
    """The first exception that was raised in one of its ``with`` blocks; the blocks let none through."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def __enter__(self) -> Kept:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.error = self.error or error
        return True

    def release(self) -> None:
        """Raises what was kept, as it was raised first."""
        if self.error is not None:
            raise self.error


class Heard:
    """What TensorRT said during one piece of work, as far as it may explain a failure."""

    def __init__(self) -> None:
        self.interrupted = Kept()
        self._errors: deque[str] = deque(maxlen=_MOST_LINES)
        self._warnings: deque[str] = deque(maxlen=_MOST_LINES)

    def hear(self, severity: trt.ILogger.Severity, message: str) -> None:
        """Takes one message down, if it is about something wrong."""
        if severity in (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR):
            self._errors.append(message.strip())
        elif severity == trt.ILogger.WARNING:
            self._warnings.append(message.strip())

    @property
    def cause(self) -> str | None:
        """What was wrong, or looked wrong, in TensorRT's own words; ``None`` if it said nothing."""
        return "; ".join(dict.fromkeys(self._errors or self._warnings)) or None


class Log(trt.ILogger):  # type: ignore[misc]
    """Hands TensorRT's messages to those who listen, and to Python's logging at the debug level.

    A build warns of each tensor without a scale; how many those are is in the report, so the lines are for those who
    ask for them.
    """

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self.listeners: list[Heard] = []

    def log(self, severity: trt.ILogger.Severity, msg: str) -> None:
        """Called by TensorRT, from any of its threads."""
        with self.listeners[-1].interrupted if self.listeners else Kept():
            for listener in list(self.listeners):
                listener.hear(severity, msg)
            if severity != trt.ILogger.VERBOSE:
                logger.debug("%s", msg)


@lru_cache(maxsize=1)
def log() -> Log:
    """The one log of this process: as long as an engine lives, TensorRT speaks to the log that it was made with."""
    return Log()


@contextmanager
def heard() -> Iterator[Heard]:
    """Listens to TensorRT within the block."""
    listener = Heard()
    log().listeners.append(listener)
    try:
        yield listener
    finally:
        log().listeners.remove(listener)

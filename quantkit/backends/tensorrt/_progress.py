"""A sign of life from builds that take minutes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import tensorrt as trt

from quantkit.backends.tensorrt._log import Kept
from quantkit.backends.tensorrt._versions import known

BuildProgress: TypeAlias = Callable[[str], None]
"""Told what a build is doing, in a few words; called from any thread."""

_EVERY_S = 1.0


@contextmanager
def watched(
    config: Any, title: str, progress: BuildProgress | None, interrupted: Kept, failure: Kept | None = None
) -> Iterator[None]:
    """Reports on what is built with `config` within the block.

    Args:
        config: what is built with.
        title: what is built, for people.
        progress: told about it.
        interrupted: keeps what is raised in `progress`.
        failure: keeps what else makes the build useless, such as the failure of a calibrator.

    TensorRT 10 tells its phases and can be stopped between two steps; earlier versions say nothing, so the seconds
    are counted, and Ctrl-C takes effect when the build is done.
    """
    if known("IProgressMonitor") is not None:
        config.progress_monitor = _monitor(title, progress or _silent, interrupted, failure or interrupted)
        yield
    elif progress is None:
        yield
    else:
        with _heartbeat(title, progress):
            yield


def _silent(told: str) -> None:
    """For builds that nobody watches but somebody may stop."""


@contextmanager
def _heartbeat(title: str, progress: BuildProgress) -> Iterator[None]:
    started, done = time.monotonic(), threading.Event()

    def beat() -> None:
        while not done.wait(_EVERY_S):
            progress(f"{title}: {time.monotonic() - started:.0f} s")

    thread = threading.Thread(target=beat, name="quantkit-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _monitor(title: str, progress: BuildProgress, interrupted: Kept, failure: Kept) -> Any:
    """Defined when it is needed: earlier versions have no such class to derive from."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        """Shows the innermost phase; asks TensorRT to stop once a callback was interrupted or failed."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            del parent_phase
            with interrupted:
                self._steps[phase_name] = num_steps
                progress(f"{title}: {phase_name}")

        def step_complete(self, phase_name: str, step: int) -> bool:
            with interrupted:
                progress(f"{title}: {phase_name}, {step + 1} of {self._steps.get(phase_name, step + 1)}")
            return interrupted.error is None and failure.error is None

        def phase_finish(self, phase_name: str) -> None:
            with interrupted:
                self._steps.pop(phase_name, None)

    return Monitor()

"""Both ways of asking a process to end unwind its work."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from quantkit.cli.process.stopping import Stopped, stoppable, time_limited


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_raises_in_the_block(number: signal.Signals, exit_code: int) -> None:
    with pytest.raises(Stopped) as stop, stoppable():
        signal.raise_signal(number)
    assert stop.value.exit_code == exit_code


def test_afterwards_signals_do_what_they_did_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stoppable():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_in_another_thread_signals_are_left_alone() -> None:
    seen = []

    def work() -> None:
        with stoppable():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


def test_whoever_catches_keyboard_interrupts_catches_this_one() -> None:
    assert issubclass(Stopped, KeyboardInterrupt)


def test_a_time_limit_raises_as_a_signal_does_and_says_why() -> None:
    with pytest.raises(Stopped) as stop, stoppable(), time_limited(0.05):
        time.sleep(5)
    assert (stop.value.exit_code, stop.value.cause) == (143, "the time limit of 0.05 s is over")


def test_a_signal_within_a_time_limit_is_a_signal() -> None:
    with pytest.raises(Stopped) as stop, stoppable(), time_limited(60):
        signal.raise_signal(signal.SIGTERM)
    assert (stop.value.exit_code, stop.value.cause) == (143, None)


def test_who_is_in_time_is_left_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with time_limited(60), time_limited(None):
        pass
    assert signal.getsignal(signal.SIGTERM) is before
    assert not [
        thread
        for thread in threading.enumerate()
        if isinstance(thread, threading.Timer) and not thread.finished.is_set()
    ]

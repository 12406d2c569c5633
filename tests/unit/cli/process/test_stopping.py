"""Both ways of asking a process to end unwind its work."""

from __future__ import annotations

import signal
import threading

import pytest

from quantkit.cli.process.stopping import Stopped, stoppable


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

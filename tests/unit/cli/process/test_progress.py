"""A log gets few lines, with how much is left."""

from __future__ import annotations

from quantkit.cli.process.progress import INTERVAL, lines, sparse


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def noted(steps: list[tuple[float, int, int | None]]) -> list[str]:
    clock, notes = Clock(), list[str]()
    with lines("statistics", notes.append, clock) as advance:
        advance(0, None)
        for now, done, total in steps:
            clock.now = now
            advance(done, total)
    return notes


def test_a_line_comes_every_interval_and_one_at_the_end() -> None:
    steps: list[tuple[float, int, int | None]] = [(float(second), second * 10, 1000) for second in range(1, 31)]
    assert noted(steps) == [
        "statistics: 100/1000 samples (10%), 10.0/s, 1 min 30 s left",
        "statistics: 200/1000 samples (20%), 10.0/s, 1 min 20 s left",
        "statistics: 300/1000 samples (30%), 10.0/s, 1 min 10 s left",
        "statistics: 300 samples in 30.0 s",
    ]


def test_without_a_total_there_is_no_share_and_no_end_in_sight() -> None:
    assert noted([(INTERVAL, 50, None)])[0] == "statistics: 50 samples, 5.0/s"


def test_a_resumed_pass_is_as_fast_as_what_it_did_itself() -> None:
    clock, notes = Clock(), list[str]()
    with lines("statistics", notes.append, clock) as advance:
        advance(900, 1000)
        clock.now = INTERVAL
        advance(950, 1000)
    assert notes[0] == "statistics: 950/1000 samples (95%), 5.0/s, 10.0 s left"


def test_what_came_before_the_first_sample_says_nothing_about_speed() -> None:
    clock, notes = Clock(), list[str]()
    with lines("calibrating", notes.append, clock) as advance:
        clock.now = 4 * INTERVAL  # an engine is built
        advance(0, 256)
        clock.now += INTERVAL
        advance(128, 256)
    assert notes == [
        "calibrating: 128/256 samples (50%), 12.8/s, 10.0 s left",
        "calibrating: 128 samples in 50.0 s",
    ]


def test_a_pass_that_did_nothing_says_nothing() -> None:
    assert noted([]) == []


def test_of_many_texts_one_is_passed_on_now_and_then() -> None:
    clock, notes = Clock(), list[str]()
    told = sparse(notes.append, clock)
    for second in range(25):
        clock.now = float(second)
        told(f"{second} s")
    assert notes == ["10 s", "20 s"]

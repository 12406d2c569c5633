"""The watchdog sees batches leave and come back; what it does about crashes and hangs: tests/faults/test_engines.py."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from quantkit.cli.inputs.watched import Followed
from quantkit.cli.process import watchdog
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.process.watchdog import Watchdog
from quantkit.data.arrays import from_arrays
from quantkit.data.reading import Reading

SOURCE = from_arrays(np.zeros((20, 3), np.float32), np.arange(20), reading=Reading(batch_size=5))


class Fake(Watchdog):
    """Notes for how long it would wait."""

    def __init__(self) -> None:
        super().__init__(Terminal(), owns_process=False)
        self.armed: list[float | None] = []

    def _arm(self, seconds: float | None) -> None:
        self.armed.append(seconds)


@pytest.fixture
def dog(monkeypatch: pytest.MonkeyPatch) -> Fake:
    dog = Fake()
    dog._timeout_s = 7.0
    monkeypatch.setattr(watchdog, "_on_duty", [dog])
    return dog


def test_every_batch_gets_the_whole_time(dog: Fake) -> None:
    assert sum(map(len, Followed(SOURCE))) == 20
    assert dog.armed == [7.0, 7.0, 7.0, 7.0, None]


def test_the_last_batches_are_watched_until_they_land(dog: Fake) -> None:
    for number, _ in enumerate(Followed(SOURCE)):
        if number:
            dog.land(5 * number)
    assert dog.armed[-1] == 7.0
    dog.land(20)
    assert dog.armed[-1] is None


def test_who_looks_at_a_few_samples_only_may_take_his_time(dog: Fake) -> None:
    few = islice(iter(Followed(SOURCE)), 1)
    assert len(next(few)) == 5
    del few
    assert dog.armed == [7.0, None]


def test_it_names_a_few_samples_and_counts_the_others(dog: Fake) -> None:
    list(Followed(from_arrays(np.zeros((20, 3), np.float32), reading=Reading(batch_size=20))))
    assert dog._where == "0, 1, 2, 3, 4, 5, 6, 7 and 12 more"


def test_the_source_stays_what_it_is() -> None:
    followed = Followed(SOURCE)
    assert [samples.ids for samples in followed] == [samples.ids for samples in SOURCE]
    assert (followed.size, followed.preprocessing) == (20, SOURCE.preprocessing)
    assert (str(followed), repr(followed)) == (str(SOURCE), repr(SOURCE))


def test_another_program_is_never_ended(caplog: pytest.LogCaptureFixture) -> None:
    with watchdog.standing(Terminal(), owns_process=False):
        watchdog.limit(0.001)
        watchdog.resumable("quantkit calibrate --resume run.jsonl")
        assert sum(map(len, Followed(SOURCE))) == 20
    assert "--timeout says nothing within another program" in caplog.text

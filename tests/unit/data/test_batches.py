"""Batches read ahead by threads."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantkit.core.arrays import Array
from quantkit.core.errors import DataError
from quantkit.data.batches import AHEAD, Batches
from quantkit.data.reading import Reading
from quantkit.data.records import BadSampleError, Filled, Slot
from quantkit.data.selection import Selection


@dataclass
class Numbers:
    """Records whose samples are their positions; some bad, some slow, with a count of those that were begun."""

    count: int = 10
    bad: frozenset[int] = frozenset()
    unlabelled: frozenset[int] = frozenset()
    delay_s: float = 0.0
    begun: list[int] = field(default_factory=list)

    @property
    def names(self) -> Sequence[str]:
        return [f"n{number}" for number in range(self.count)]

    @property
    def preprocessing(self) -> Mapping[str, Any]:
        return {"numbers": True}

    def outline(self) -> Mapping[str, Slot]:
        return {"x": Slot((2,), np.dtype(np.float32)), "scalar": Slot((), np.dtype(np.int64))}

    def fill(self, position: int, rows: Mapping[str, Array]) -> Filled:
        self.begun.append(position)
        # Later samples are done sooner, so that only waiting in order keeps the order.
        time.sleep(self.delay_s * (self.count - position))
        if position in self.bad:
            raise BadSampleError("QK2201", "the image is damaged", cause=f"number {position}")
        rows["x"][...] = position
        rows["scalar"][...] = -position
        return Filled(
            f"digest{position}", None if position in self.unlabelled else position, "odd" if position == 3 else ""
        )


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 13), st.integers(1, 4))
def test_batch_size_and_threads_change_nothing_but_the_batches(count: int, batch: int, workers: int) -> None:
    batches = list(Batches(Numbers(count), reading=Reading(batch_size=batch, workers=workers)))
    assert [len(samples) for samples in batches[:-1]] == [batch] * (len(batches) - 1)
    assert np.concatenate([samples.inputs["x"][:, 0] for samples in batches]).tolist() == list(range(count))
    assert np.concatenate([samples.inputs["scalar"] for samples in batches]).tolist() == [-n for n in range(count)]
    assert [sample.name for samples in batches for sample in samples.ids] == [f"n{n}" for n in range(count)]


def test_slow_samples_do_not_lose_their_place() -> None:
    (samples,) = Batches(Numbers(8, delay_s=0.002), reading=Reading(batch_size=8, workers=4))
    assert samples.inputs["x"][:, 1].tolist() == list(range(8))


def test_labels_are_given_only_where_the_records_have_them() -> None:
    (samples,) = Batches(Numbers(3), reading=Reading(batch_size=3))
    assert samples.labels is not None
    assert samples.labels.tolist() == [0, 1, 2]
    assert samples.labels.dtype == np.int64
    (samples,) = Batches(Numbers(3, unlabelled=frozenset(range(3))), reading=Reading(batch_size=3))
    assert samples.labels is None


def test_labels_for_some_samples_only_are_refused() -> None:
    numbers = Numbers(6, unlabelled=frozenset({4}))
    with pytest.raises(DataError, match="some samples have a label and some have none") as refusal:
        list(Batches(numbers, reading=Reading(batch_size=2)))
    assert (refusal.value.code, refusal.value.where) == ("QK2111", "n4")


def test_no_more_than_two_batches_are_read_ahead() -> None:
    numbers = Numbers(40)
    passing = iter(Batches(numbers, reading=Reading(batch_size=4, workers=2)))
    next(passing)
    time.sleep(0.05)
    assert len(numbers.begun) <= 4 * (1 + AHEAD)
    passing.close()  # type: ignore[attr-defined]


def test_whoever_stops_early_leaves_no_thread_behind() -> None:
    passing = iter(Batches(Numbers(40, delay_s=0.001), reading=Reading(batch_size=4, workers=3)))
    next(passing)
    passing.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("quantkit-data")]


def test_the_first_bad_sample_in_order_is_named() -> None:
    source = Batches(Numbers(10, bad=frozenset({6, 2})), reading=Reading(batch_size=3, workers=2))
    with pytest.raises(BadSampleError, match="damaged") as refusal:
        list(source)
    assert refusal.value.where == "n2"


def test_bad_samples_are_left_out_counted_and_listed(caplog: pytest.LogCaptureFixture) -> None:
    reading = Reading(batch_size=4, on_bad_sample="skip", max_bad_share=0.5)
    source = Batches(Numbers(10, bad=frozenset({2, 4, 5, 6, 7})), reading=reading)
    with caplog.at_level(logging.WARNING):
        batches = list(source)
    assert [samples.inputs["x"][:, 0].tolist() for samples in batches] == [[0, 1, 3], [8, 9]]
    assert [labels.tolist() for samples in batches if (labels := samples.labels) is not None] == [[0, 1, 3], [8, 9]]
    assert source.skipped == {f"n{n}": f"number {n}" for n in (2, 4, 5, 6, 7)}
    assert "5 of 10 samples skipped: n2, n4, n5, n6, n7" in caplog.text


def test_too_many_bad_samples_are_refused_as_soon_as_that_is_known() -> None:
    reading = Reading(batch_size=10, on_bad_sample="skip", max_bad_share=0.01)
    with pytest.raises(DataError, match=r"2 of 100 samples cannot be used, at most 0\.01 of them may be") as refusal:
        list(Batches(Numbers(100, bad=frozenset({5, 15, 25})), reading=reading))
    assert refusal.value.code == "QK2205"
    assert "n5, n15" in str(refusal.value.cause)


def test_a_second_pass_does_not_count_bad_samples_twice() -> None:
    reading = Reading(on_bad_sample="skip", max_bad_share=0.1)
    source = Batches(Numbers(10, bad=frozenset({2})), reading=reading)
    assert [sum(map(len, source)), sum(map(len, source))] == [9, 9]
    assert list(source.skipped) == ["n2"]


def test_remarks_are_logged_once_for_all_samples(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        list(Batches(Numbers(5)))
    assert [record.getMessage() for record in caplog.records] == ["1 samples odd: n3"]


def test_long_lists_are_cut(caplog: pytest.LogCaptureFixture) -> None:
    reading = Reading(on_bad_sample="skip", max_bad_share=0.9)
    with caplog.at_level(logging.WARNING):
        list(Batches(Numbers(40, bad=frozenset(range(10, 40))), reading=reading))
    assert "n29 and 10 more" in caplog.text


def test_a_selection_is_applied() -> None:
    source = Batches(Numbers(10), Selection(shard=(2, 5)))
    assert [sample.name for samples in source for sample in samples.ids] == ["n1", "n6"]
    assert (source.size, source.preprocessing) == (2, {"numbers": True})


def test_nothing_selected_is_an_empty_pass() -> None:
    assert list(Batches(Numbers(2), Selection(shard=(3, 3)))) == []


def test_a_source_reads_well() -> None:
    source = Batches(Numbers(10), Selection(max_samples=5), Reading(batch_size=4))
    assert repr(source).endswith("; --max-samples 5, 5 samples by 4)")

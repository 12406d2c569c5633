"""Counting is exact however the samples are cut, ordered and shared among workers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core.arrays import Batch, Floats
from quantkit.core.errors import DataError
from quantkit.core.histogram import Histogram
from quantkit.core.ports import Parts, Samples
from quantkit.core.statistics import SampleId
from quantkit.core.tally import Tally
from quantkit.stats.collector import Checkpoint, Collector, Seen


class Doubling:
    """A model that doubles its input; its tensor is overwritten by the next batch, as an engine's may be."""

    def __init__(self) -> None:
        self._buffer = np.zeros(0, np.float32)

    def observe(self, batch: Batch) -> Mapping[str, Parts]:
        self._buffer = np.resize(self._buffer, batch["x"].shape)
        np.multiply(batch["x"], 2, out=self._buffer)
        return {"doubled": (self._buffer,)}


class DoublingByItself(Doubling):
    """The same model, counting its tensor where nobody else sees it."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, Parts] = {}
        self._tallies = {"x": Tally(), "doubled": Tally()}

    def count(self, batch: Batch, fed: Collection[str] = ()) -> Mapping[str, int]:
        self._seen = {**self.observe(batch), **{name: (batch[name],) for name in fed}}
        for name, (values,) in self._seen.items():
            self._tallies[name].fold(values)
        bad = {name: int((~np.isfinite(values)).sum()) for name, (values,) in self._seen.items()}
        return {name: number for name, number in bad.items() if number}

    def shown(self, tensor: str) -> Parts:
        return self._seen.get(tensor, ())

    def histograms(self) -> Mapping[str, Histogram]:
        return {name: tally.histogram() for name, tally in self._tallies.items()}


def data(samples: int = 24, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(samples, 3, 5)).astype(np.float32)


def cut(values: Floats, order: Sequence[int], size: int) -> Iterator[Samples]:
    for start in range(0, len(order), size):
        chosen = list(order[start : start + size])
        yield Samples({"x": values[chosen]}, tuple(SampleId(f"{index:03}", "") for index in chosen))


def collected(source: Iterator[Samples], workers: int = 1, **options: object) -> Seen:
    collector = Collector([Doubling() for _ in range(workers)], inputs=["x"], **options)  # type: ignore[arg-type]
    return collector.collect(source)


@given(st.permutations(range(24)), st.integers(1, 30), st.integers(1, 4))
def test_batching_order_and_workers_do_not_change_the_counts(order: list[int], size: int, workers: int) -> None:
    whole = collected(cut(data(), range(24), 24))
    pieces = collected(cut(data(), order, size), workers)
    assert pieces.histograms == whole.histograms
    assert sorted(pieces.samples) == sorted(whole.samples)


def test_inputs_are_counted_as_they_are_fed() -> None:
    values = data()
    seen = collected(cut(values, range(24), 7))
    assert (seen.histograms["x"].low, seen.histograms["x"].high) == (values.min(), values.max())
    assert seen.histograms["doubled"].high == 2 * values.max()


def test_the_first_bad_sample_is_named_with_its_tensor() -> None:
    values = data()
    values[[5, 17], 1, 2] = np.nan
    with pytest.raises(DataError, match=r"QK2104.*'x': 1 NaN and 0 infinite of 60 values") as failure:
        collected(cut(values, range(24), 4), workers=3)
    assert failure.value.where == "005, tensor 'x'"


def test_report_mode_leaves_bad_values_out_and_counts_them() -> None:
    values = data()
    values[5, 1, 2], values[17, 0, 0] = np.nan, np.inf
    seen = collected(cut(values, range(24), 4), workers=2, on_nonfinite="report")
    counted = seen.histograms["doubled"]
    assert (counted.nans, counted.positive_infinities) == (1, 1)
    assert counted.count == values.size - 2
    assert seen.first_nonfinite == {"x": "005", "doubled": "005"}


def test_channel_extrema_are_exact_along_their_axis() -> None:
    values = data()
    extrema = collected(cut(values, range(24), 5), workers=2, channels={"doubled": 1}).channels["doubled"]
    np.testing.assert_array_equal(extrema.low, 2 * values.min(axis=(0, 2)))
    np.testing.assert_array_equal(extrema.high, 2 * values.max(axis=(0, 2)))


def test_a_checkpoint_holds_exactly_the_batches_before_it() -> None:
    values = data()
    ticks = iter(range(100))
    saved: list[Seen] = []
    checkpoint = Checkpoint(saved.append, every_s=3, clock=lambda: float(next(ticks)))
    Collector([Doubling(), Doubling()], inputs=["x"]).collect(cut(values, range(24), 4), checkpoint=checkpoint)
    assert saved
    for seen in saved:
        count = len(seen.samples)
        assert seen.histograms == collected(cut(values, range(count), 4)).histograms


@pytest.mark.parametrize("workers", [1, 2])
def test_observers_that_count_by_themselves_give_the_same(workers: int) -> None:
    values = data()
    values[5, 1, 2], values[17, 0, 0] = np.nan, -np.inf
    options: dict[str, Any] = {"on_nonfinite": "report", "channels": {"doubled": 1, "not tapped": 0}}
    theirs = Collector([DoublingByItself() for _ in range(workers)], inputs=["x"], **options)
    ours = collected(cut(values, range(24), 5), **options)
    assert theirs.collect(cut(values, range(24), 5)) == ours


def test_a_bad_sample_is_named_by_an_observer_that_counts_too() -> None:
    values = data()
    values[5, 1, 2] = np.nan
    with pytest.raises(DataError, match=r"QK2104.*1 NaN and 0 infinite of 60 values") as failure:
        Collector([DoublingByItself()]).collect(cut(values, range(24), 4))
    assert failure.value.where == "005, tensor 'doubled'"


def test_progress_counts_samples() -> None:
    told: list[int] = []
    Collector([Doubling()]).collect(cut(data(), range(24), 10), told.append)
    assert told == [10, 20, 24]


def test_an_error_of_the_source_comes_through() -> None:
    def broken() -> Iterator[Samples]:
        yield from cut(data(), range(8), 4)
        raise DataError("QK2201", "a file vanished")

    with pytest.raises(DataError, match="a file vanished"):
        collected(broken(), workers=2)


def test_an_interrupt_saves_what_was_counted_before_it() -> None:
    values = data()

    def interrupted() -> Iterator[Samples]:
        yield from cut(values, range(12), 4)
        raise KeyboardInterrupt

    saved: list[Seen] = []
    with pytest.raises(KeyboardInterrupt):
        Collector([Doubling(), Doubling()], inputs=["x"]).collect(interrupted(), checkpoint=Checkpoint(saved.append))
    (seen,) = saved
    assert sorted(seen.samples) == [SampleId(f"{index:03}", "") for index in range(12)]
    assert seen.histograms == collected(cut(values, range(12), 4)).histograms


def test_after_a_failed_batch_an_interrupt_saves_nothing() -> None:
    values = data()
    values[1] = np.nan

    def interrupted() -> Iterator[Samples]:
        yield from cut(values, range(4), 4)
        raise KeyboardInterrupt

    saved: list[Seen] = []
    with pytest.raises(KeyboardInterrupt):
        Collector([Doubling(), Doubling()], inputs=["x"]).collect(interrupted(), checkpoint=Checkpoint(saved.append))
    assert not saved

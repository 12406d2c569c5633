"""Batches read ahead by a few threads, always the same ones."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from quantkit.core.arrays import Array, Counts
from quantkit.core.errors import DataError
from quantkit.core.ports import Samples
from quantkit.core.statistics import SampleId
from quantkit.core.text import enumerated, printable
from quantkit.data.reading import FAIL, Reading
from quantkit.data.records import BadSampleError, Filled, Records, Slot
from quantkit.data.selection import Selection

_log = logging.getLogger(__name__)

# One batch that is being read while the next is begun keeps every thread busy; memory holds no more than these two
# and the one in the caller's hands.
AHEAD = 2

# A log line that lists samples stops here; `Batches.skipped` has them all.
MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class Batches:
    """A source of the chosen samples of `records`, in their order.

    Args:
        records: where samples come from.
        selection: which of them.
        reading: batch size, threads, what to do about unusable samples.
        skipped: name → reason of the unusable samples that passes have met so far, filled while reading.

    Raises:
        UsageError, DataError: while reading, what `Records.fill` raises, and QK2205 for too many unusable samples.
    """

    records: Records
    selection: Selection = field(default_factory=Selection)
    reading: Reading = field(default_factory=Reading)
    skipped: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def positions(self) -> tuple[int, ...]:
        """The chosen samples' positions in the records."""
        return self.selection.positions(self.records.names)

    @property
    def size(self) -> int:
        """How many samples are chosen; those that turn out unusable count."""
        return len(self.positions)

    @property
    def preprocessing(self) -> Mapping[str, Any]:
        """The records' declared preprocessing."""
        return self.records.preprocessing

    def __str__(self) -> str:
        """What a report says of where samples come from."""
        chosen = "" if self.selection == Selection() else f"; {self.selection}: {self.size} samples"
        return f"{self.records}{chosen}"

    def __repr__(self) -> str:
        return f"Batches({self.records!r}; {self.selection}, {self.size} samples by {self.reading.batch_size})"

    def __iter__(self) -> Iterator[Samples]:
        positions = self.positions
        if not positions:
            return
        single = _Pass(self, self.records.names, self.records.outline(), len(positions))
        pool = ThreadPoolExecutor(self.reading.threads, thread_name_prefix="quantkit-data")
        try:
            yield from single.batches(pool, positions)
        finally:
            # A caller that stops early has no use for what is still queued.
            pool.shutdown(cancel_futures=True)
        single.report()


class _Started(NamedTuple):
    """A batch on its way: arrays that threads are filling, and their answers to come."""

    positions: Sequence[int]
    inputs: dict[str, Array]
    answers: list[Future[Filled]]


class _Pass:
    """One way through the data, with what it met."""

    def __init__(self, source: Batches, names: Sequence[str], outline: Mapping[str, Slot], size: int) -> None:
        self._source = source
        self._names = names
        self._outline = outline
        self._size = size
        self._skipped: dict[str, str] = {}
        self._remarks: dict[str, list[str]] = {}
        self._labelled: bool | None = None

    def batches(self, pool: ThreadPoolExecutor, positions: Sequence[int]) -> Iterator[Samples]:
        """Every batch, in order, with up to `AHEAD` more on their way."""
        count = self._source.reading.batch_size
        started: deque[_Started] = deque()
        for begin in range(0, len(positions), count):
            started.append(self._start(pool, positions[begin : begin + count]))
            if len(started) > AHEAD:
                yield from self._finished(started.popleft())
        while started:
            yield from self._finished(started.popleft())

    def _start(self, pool: ThreadPoolExecutor, positions: Sequence[int]) -> _Started:
        inputs = {name: np.empty((len(positions), *slot.shape), slot.dtype) for name, slot in self._outline.items()}
        answers = [
            pool.submit(self._source.records.fill, position, {name: array[row, ...] for name, array in inputs.items()})
            for row, position in enumerate(positions)
        ]
        return _Started(positions, inputs, answers)

    def _finished(self, started: _Started) -> Iterator[Samples]:
        """The batch without its unusable samples; nothing when none is left."""
        good: dict[int, Filled] = {}
        for row, (position, answer) in enumerate(zip(started.positions, started.answers, strict=True)):
            name = self._names[position]
            try:
                good[row] = answer.result()
            except BadSampleError as bad:
                self._skip(name, bad)
            else:
                if good[row].remark:
                    self._remarks.setdefault(good[row].remark, []).append(name)
        if good:
            yield self._assembled(started, good)

    def _assembled(self, started: _Started, good: Mapping[int, Filled]) -> Samples:
        whole = len(good) == len(started.positions)
        rows = list(good)
        ids = tuple(SampleId(self._names[started.positions[row]], filled.digest) for row, filled in good.items())
        inputs = started.inputs if whole else {name: array[rows] for name, array in started.inputs.items()}
        return Samples(inputs, ids, self._labels(ids, [filled.label for filled in good.values()]))

    def _labels(self, ids: Sequence[SampleId], labels: Sequence[int | None]) -> Counts | None:
        """int64[n], or none if no sample of the whole pass has a label."""
        for sample, label in zip(ids, labels, strict=True):
            if self._labelled is None:
                self._labelled = label is not None
            if self._labelled != (label is not None):
                raise DataError(
                    "QK2111",
                    "some samples have a label and some have none",
                    where=printable(sample.name),
                    hints=["label every sample, or none"],
                )
        return np.array(labels, np.int64) + self._source.reading.label_offset if self._labelled else None

    def _skip(self, name: str, bad: BadSampleError) -> None:
        if self._source.reading.on_bad_sample == FAIL:
            raise bad.located(printable(name))
        self._skipped[name] = self._source.skipped[name] = str(bad.cause or bad.title)
        most = self._source.reading.max_bad_share
        if len(self._skipped) > most * self._size:
            raise DataError(
                "QK2205",
                f"{len(self._skipped)} of {self._size} samples cannot be used, at most {most:.3g} of them may be",
                where=bad.where or printable(name),
                cause=f"{', '.join(map(printable, self._skipped))[:500]}; the last one: {bad.title}",
                hints=["repair or remove them, or raise --max-bad-samples"],
            ) from bad

    def report(self) -> None:
        """Logs what was skipped and what was noticed, one line for each kind."""
        if self._skipped:
            _log.warning("%d of %d samples skipped: %s", len(self._skipped), self._size, _listing(self._skipped))
        for remark, names in self._remarks.items():
            _log.warning("%d samples %s: %s", len(names), remark, _listing(names))


def _listing(names: Iterable[str]) -> str:
    return enumerated([printable(name) for name in names], MOST_LISTED)

"""A source whose every batch fits the model: the one place where data is checked."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from quantkit.core.arrays import Batch
from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import DataError
from quantkit.core.ports import BatchSource, Samples
from quantkit.core.text import printable
from quantkit.data.conforming import conforming
from quantkit.data.derived import Derived
from quantkit.data.inputs import fixed_batch, has_batch_axis
from quantkit.data.suspicion import Suspicion

_log = logging.getLogger(__name__)

FEWEST = 8
"""Below this many samples a range says more about the samples than about the model."""

ENOUGH = 32
"""From this many samples on, ranges of image networks change little."""


@dataclass(frozen=True, slots=True, repr=False)
class Checked(Derived):
    """The samples of `source`, with the names, types, shapes and batch size that a model takes.

    A model with a fixed batch size gets batches of it; one without a batch axis gets sample after sample, as they
    are. What is odd but usable, such as raw pixels or duplicates, is logged once in a pass.
    """

    specs: tuple[TensorSpec, ...]
    allow_few: bool = False

    @property
    def size(self) -> int | None:
        """Samples in one pass, where the source knows it; without those that fill no batch of a fixed size."""
        size, count = self.source.size, fixed_batch(self.specs)
        return size if size is None or count is None else size - size % count

    def __iter__(self) -> Iterator[Samples]:
        size = self.source.size
        if size is not None and size < FEWEST:
            # Arrays of another rank look like few samples, and their shape is what has to be told.
            first = next(iter(self.source), None)
            if first is not None:
                self._conformed(first)
            self._refuse_few(size)
        suspicion = Suspicion()
        batches = self._conforming(suspicion)
        if not has_batch_axis(self.specs):
            yield from _one_by_one(batches)
        elif (count := fixed_batch(self.specs)) is not None:
            yield from _recut(batches, count)
        else:
            yield from batches
        self._refuse_few(suspicion.samples)
        suspicion.report(0 if self.allow_few else ENOUGH)

    def _conforming(self, suspicion: Suspicion) -> Iterator[Samples]:
        for samples in self.source:
            fit = self._conformed(samples)
            suspicion.look(samples, fit)
            yield fit

    def _conformed(self, samples: Samples) -> Samples:
        try:
            return conforming(samples, self.specs)
        except DataError as refusal:
            raise refusal.located(f"the batch of sample {printable(samples.ids[0].name)}") from refusal.__cause__

    def _refuse_few(self, samples: int) -> None:
        if samples == 0:
            raise DataError(
                "QK2101",
                "0 calibration samples",
                cause=f"{self.source} gave none",
                hints=["give a source that yields samples each time it is iterated"],
            )
        if samples < FEWEST and not self.allow_few:
            raise DataError(
                "QK2102",
                f"{samples} samples are too few: at least {FEWEST}, better {ENOUGH} or more",
                where=str(self.source),
                hints=["give more data, or say --allow-few"],
            )


def checked(source: BatchSource, specs: Sequence[TensorSpec], *, allow_few: bool = False) -> Checked:
    """`source`, checked against a model's inputs batch by batch as it is read.

    Reading raises DataError for no or too few samples, for names, types and shapes that the model does not take, and
    for NaN and infinity. `allow_few` lets any number of samples pass that is not 0. What is checked already, against
    the same inputs, is returned as it is.
    """
    if isinstance(source, Checked) and source.specs == tuple(specs):
        return source
    return Checked(source, tuple(specs), allow_few)


def _one_by_one(batches: Iterator[Samples]) -> Iterator[Samples]:
    """Each sample by itself, without the axis that counts samples."""
    for samples in batches:
        for row in range(len(samples)):
            yield _rows(samples, row, row + 1, {name: array[row, ...] for name, array in samples.inputs.items()})


def _recut(batches: Iterator[Samples], count: int) -> Iterator[Samples]:
    """The same samples in batches of exactly `count`; what is left at the end is too few for the model."""
    held: Samples | None = None
    for samples in batches:
        held = samples if held is None else _joined(held, samples)
        whole = len(held) - len(held) % count
        yield from (_part(held, start, start + count) for start in range(0, whole, count))
        held = _part(held, whole, len(held)) if whole < len(held) else None
    if held is not None:
        _log.warning("the last %d samples are left out: the model takes exactly %d at a time", len(held), count)


def _part(samples: Samples, start: int, stop: int) -> Samples:
    return _rows(samples, start, stop, {name: array[start:stop] for name, array in samples.inputs.items()})


def _rows(samples: Samples, start: int, stop: int, inputs: Batch) -> Samples:
    labels = None if samples.labels is None else samples.labels[start:stop]
    return Samples(inputs, samples.ids[start:stop], labels)


def _joined(first: Samples, second: Samples) -> Samples:
    inputs = {name: np.concatenate([array, second.inputs[name]]) for name, array in first.inputs.items()}
    labels = None
    if first.labels is not None and second.labels is not None:
        labels = np.concatenate([first.labels, second.labels])
    return Samples(inputs, first.ids + second.ids, labels)

"""A source made of another is that source to everyone who only asks about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from quantkit.core.ports import Samples
from quantkit.data.arrays import from_arrays
from quantkit.data.derived import Derived
from quantkit.data.reading import Reading

SOURCE = from_arrays(np.arange(30, dtype=np.float32).reshape(10, 3), reading=Reading(batch_size=5))


@dataclass(frozen=True, slots=True, repr=False)
class Firsts(Derived):
    """One sample of each batch."""

    def __iter__(self) -> Iterator[Samples]:
        for samples in self.source:
            yield samples.part(slice(1))


def test_it_is_as_large_prepared_and_called_like_its_source() -> None:
    made = Firsts(SOURCE)
    assert (made.size, made.preprocessing) == (SOURCE.size, SOURCE.preprocessing)
    assert (str(made), repr(made)) == (str(SOURCE), repr(SOURCE))


def test_a_part_of_a_batch_keeps_samples_names_and_labels_together() -> None:
    whole = next(iter(SOURCE))
    labelled = Samples(whole.inputs, whole.ids, np.arange(len(whole), dtype=np.int64))
    part = labelled.part(slice(2, 5))
    assert part.ids == whole.ids[2:5]
    assert part.labels is not None
    assert part.labels.tolist() == [2, 3, 4]
    for name, values in part.inputs.items():
        assert np.array_equal(values, whole.inputs[name][2:5])
    assert whole.part(slice(2)).labels is None

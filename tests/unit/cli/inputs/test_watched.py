"""Sources that are looked at stay what they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice

import numpy as np
import pytest

from quantkit.cli.inputs.watched import Halved, Unlabelled, Watched, within_memory
from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import OutOfMemoryError
from quantkit.data.arrays import from_arrays
from quantkit.data.checked import Checked, checked
from quantkit.data.reading import Reading

SOURCE = from_arrays(np.zeros((20, 3), np.float32), np.arange(20))


def test_everyone_is_remembered_once_however_many_passes_there_are() -> None:
    watched = Watched(SOURCE)
    everyone = [sample for samples in watched for sample in samples.ids]
    list(islice(watched, 1))
    assert list(watched.ids) == everyone
    assert (watched.size, watched.preprocessing, repr(watched)) == (20, SOURCE.preprocessing, repr(SOURCE))


def test_without_labels_the_rest_is_the_same() -> None:
    bare = Unlabelled(SOURCE)
    assert all(samples.labels is None for samples in bare)
    assert [samples.ids for samples in bare] == [samples.ids for samples in SOURCE]
    assert (bare.size, bare.preprocessing, repr(bare)) == (20, SOURCE.preprocessing, repr(SOURCE))


def test_halved_batches_hold_the_same_samples_in_the_same_order() -> None:
    source = from_arrays(np.arange(21.0, dtype=np.float32)[:, None], np.arange(21), reading=Reading(batch_size=5))
    halved = Halved(source)
    assert [len(samples) for samples in halved] == [3, 2] * 4 + [1]
    for name in ("ids", "labels"):
        parts = [[entry for samples in made for entry in getattr(samples, name)] for made in (source, halved)]
        assert parts[0] == parts[1]
    assert (halved.size, halved.preprocessing, repr(halved)) == (21, source.preprocessing, repr(source))


@pytest.mark.parametrize("short", [MemoryError, partial(OutOfMemoryError, "QK4151", "not enough memory")], ids=str)
def test_batches_are_halved_once_and_only_where_that_is_allowed(
    short: Callable[[], Exception], caplog: pytest.LogCaptureFixture
) -> None:
    data = checked(SOURCE, [TensorSpec("", "float32", ("N", 3))])
    tried: list[int] = []

    def work(source: Checked, room: int) -> int:
        tried.append(max(map(len, source)))
        if tried[-1] > room:
            raise short()
        return tried[-1]

    assert within_memory(lambda source: work(source, 2), data, may_halve=True) == 2
    assert "not enough memory: going on with batches of half the size" in caplog.text
    for room, may_halve in ((1, True), (2, False)):
        with pytest.raises(type(short())):
            within_memory(lambda source, room=room: work(source, room), data, may_halve=may_halve)  # type: ignore[misc]
    assert tried == [4, 2, 4, 2, 4]

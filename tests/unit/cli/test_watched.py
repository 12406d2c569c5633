"""Sources that are looked at stay what they are."""

from __future__ import annotations

from itertools import islice

import numpy as np

from quantkit.cli.watched import Unlabelled, Watched
from quantkit.data.arrays import from_arrays

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

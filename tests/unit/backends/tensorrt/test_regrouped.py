"""Calibration batches of one size hold every sample, whatever size the source's own batches are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quantkit.backends.tensorrt._batches import Regrouped
from quantkit.core.ports import Samples
from quantkit.core.statistics import SampleId


def cut(count: int, sizes: Sequence[int]) -> Iterator[Samples]:
    """Samples 0, 1, …; the arrays of a batch are overwritten by the next, as a source's may be."""
    start, buffer = 0, np.empty((count, 2), np.float32)
    for size in sizes:
        part = np.arange(start, min(start + size, count), dtype=np.float32)
        buffer[: len(part)] = part[:, None]
        yield Samples({"x": buffer[: len(part)], "i": part.astype(np.int64)}, tuple(SampleId(str(v), "") for v in part))
        start += size
        if start >= count:
            return


@given(st.integers(1, 40), st.lists(st.integers(1, 17), min_size=1), st.integers(1, 12))
def test_every_sample_is_fed_and_only_the_last_batch_is_filled(count: int, sizes: list[int], batch: int) -> None:
    repeating = [sizes[at % len(sizes)] for at in range(count)]
    regrouped = Regrouped(cut(count, repeating), {"x": (batch, 2), "i": (batch,)})
    fed = [{name: values.copy() for name, values in each.items()} for each in regrouped]
    assert all(each["x"].shape == (batch, 2) and each["i"].shape == (batch,) for each in fed)
    order = np.concatenate([each["i"] for each in fed])
    np.testing.assert_array_equal(order[:count], np.arange(count))
    np.testing.assert_array_equal(np.concatenate([each["x"] for each in fed])[:, 1], order)
    assert regrouped.repeated == len(fed) * batch - count < batch
    # What fills the last batch comes from the beginning, in order.
    first = min(repeating[0], batch, count)
    np.testing.assert_array_equal(order[count:] % first, np.arange(regrouped.repeated) % first)
    assert len(regrouped.samples) == count


def test_where_axis_0_counts_no_samples_batches_stay_as_they_are() -> None:
    state, frame = np.zeros((2, 1, 8), np.float32), np.ones((1, 5), np.float32)
    samples = Samples({"state": state, "frame": frame}, (SampleId("0", ""),))
    (fed,) = Regrouped([samples], {"state": (2, 1, 8), "frame": (1, 5)})
    assert fed["state"] is state
    assert fed["frame"] is frame

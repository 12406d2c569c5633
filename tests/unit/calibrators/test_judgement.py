from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantkit.calibrators._judgement import described
from quantkit.calibrators.max import MaxCalibrator
from quantkit.core.errors import DataError
from quantkit.core.ranges import Range
from tests.histograms import KINDS, counted, drawn


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("symmetric", [True, False], ids=["symmetric", "affine"])
def test_keeping_everything_clips_nothing(kind: str, symmetric: bool) -> None:
    seen = counted(drawn(kind))
    judged = described(seen, MaxCalibrator(symmetric=symmetric).threshold(seen), "max")
    assert (judged.clipped, judged.clipped_energy) == (0.0, 0.0)
    assert (judged.rule, judged.observed) == ("max", seen.observed)


@given(st.sampled_from(sorted(KINDS)), st.floats(0, 1), st.floats(0, 1))
@settings(deadline=None, max_examples=100)
def test_what_is_clipped_is_what_lies_beyond_the_range(kind: str, below: float, above: float) -> None:
    values = drawn(kind).astype(np.float64)
    seen = counted(values)
    kept = Range(float(seen.observed.low) * below, float(seen.observed.high) * above)
    judged = described(seen, kept, "some")
    beyond = values - np.clip(values, kept.low, kept.high)
    # Values of the bin that an end lies in are on either side of it as if spread evenly: one bin may be wrong whole.
    magnitudes = np.abs(values[values != 0])
    crowd = max(seen.positive.max(), seen.negative.max()) / magnitudes.size
    assert judged.clipped == pytest.approx(np.count_nonzero(beyond) / magnitudes.size, abs=2 * crowd)
    energy = float((beyond**2).sum() / (values**2).sum())
    assert judged.clipped_energy == pytest.approx(energy, abs=4 * seen.width * seen.limit / np.mean(magnitudes**2))


@given(st.sampled_from(sorted(KINDS)), st.lists(st.floats(0, 1), min_size=2, max_size=2))
@settings(deadline=None, max_examples=60)
def test_a_wider_range_never_clips_more(kind: str, shares: list[float]) -> None:
    seen = counted(drawn(kind))
    narrow, wide = (described(seen, Range.symmetric(seen.limit * share), "some") for share in sorted(shares))
    assert narrow.clipped >= wide.clipped - 1e-12
    assert narrow.clipped_energy >= wide.clipped_energy - 1e-12


@pytest.mark.parametrize(
    ("values", "notes"),
    [
        ([3.0, 3.0], ("constant",)),
        ([0.0, 0.0], ("constant",)),
        ([1e-40, -1e-41], ("denormal",)),
        ([1e-18, 0.0], ("denormal",)),
        ([1e-16, 0.0], ()),
        ([*range(50), 1e30], ("dominated",)),
        ([*range(50), 300.0], ()),
        ([0.0, 0.0, 7.0], ()),
        ([1.0, 2.0, -3.0], ()),
    ],
    ids=["constant", "always zero", "denormal", "tiny", "small", "dominated", "long tail", "one value", "plain"],
)
def test_a_tensor_is_noted_for_what_it_is(values: list[float], notes: tuple[str, ...]) -> None:
    seen = counted(np.array(values, np.float32))
    assert described(seen, MaxCalibrator().threshold(seen), "max").notes == notes


def test_clipping_more_than_a_stated_share_of_the_energy_is_noted() -> None:
    seen = counted(drawn("gaussian", n=200_000))
    # A gaussian cut at 3 sigma loses 0.04 % of its energy, at 2 sigma 0.8 % or so.
    assert described(seen, Range.symmetric(3.0), "some").notes == ()
    assert described(seen, Range.symmetric(2.0), "some").notes == ("over-clipped",)


def test_a_tensor_without_finite_values_is_refused() -> None:
    with pytest.raises(DataError, match=r"QK2302"):
        described(counted(), Range(0.0, 0.0), "max")

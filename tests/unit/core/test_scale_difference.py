"""Two sets of scales side by side."""

from __future__ import annotations

import numpy as np
import pytest

from quantkit.core.scale_difference import ScaleDifference


def scales(**values: float) -> dict[str, np.float32]:
    return {name: np.float32(value) for name, value in values.items()}


def test_the_largest_change_comes_first_whichever_way_it_goes() -> None:
    found = ScaleDifference.of(scales(a=1, b=1, c=1, d=1), scales(a=1, b=2, c=0.25, e=1))
    assert [(pair.tensor, pair.ratio) for pair in found.pairs] == [("c", 0.25), ("b", 2), ("a", 1)]
    assert (found.only_before, found.only_after, found.equal) == (("d",), ("e",), 1)
    assert found.pairs[-1].before == 127


def test_proportional_scales_correlate_fully_and_their_distance_is_the_factor() -> None:
    found = ScaleDifference.of(scales(a=1, b=2, c=5), scales(a=2, b=4, c=10))
    assert found.correlation == pytest.approx(1)
    assert found.mean_change == 1


def test_what_has_no_correlation_has_none() -> None:
    assert ScaleDifference.of(scales(a=1), scales(a=2)).correlation is None
    assert ScaleDifference.of(scales(a=1, b=1), scales(a=2, b=3)).correlation is None
    nothing = ScaleDifference.of(scales(a=1), scales(b=1))
    assert (nothing.pairs, nothing.correlation, nothing.mean_change) == ((), None, None)

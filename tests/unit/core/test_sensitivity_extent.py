"""How much was measured, and how long all of it takes."""

from __future__ import annotations

import pytest

from quantkit.core.sensitivity_extent import Extent


def test_all_of_it_takes_as_much_longer_as_there_is_more_of_it() -> None:
    assert Extent(100, 250, 1000, 5.0, limit_s=5.0).whole_s == pytest.approx(20.0)
    assert Extent(None, 250, None, 5.0, limit_s=5.0).whole_s is None


def test_only_a_limit_cuts_it_short() -> None:
    assert Extent(100, 250, 1000, 5.0, limit_s=5.0).is_cut_short
    assert not Extent(100, 1000, 1000, 5.0).is_cut_short

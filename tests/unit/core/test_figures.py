from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core.figures import milliseconds, plain, signed, sizes, unsigned


@given(st.floats(-1e9, 1e9))
def test_a_rounded_figure_is_within_half_of_its_last_place(value: float) -> None:
    for shown in (signed(value), unsigned(value)):
        assert float(shown.replace("−", "-")) == pytest.approx(value, abs=0.005 * (1 + 1e-9))


@given(st.floats(allow_nan=False))
def test_no_figure_has_a_hyphen_for_a_minus_or_a_negative_zero(value: float) -> None:
    for shown in (unsigned(value), plain(value)):
        assert "-" not in shown.replace("e-", "")
    assert signed(-1e-9) == "0.00"


@pytest.mark.parametrize(("value", "shown"), [(1.0, "1.0000"), (0.999991, ">0.99999"), (0.99998, "0.99998")])
def test_nearly_one_is_told_from_one(value: float, shown: str) -> None:
    assert plain(value) == shown


def test_units_follow_the_largest_and_decimals_the_noise() -> None:
    assert sizes([97_800_000, 25_000_000]) == ["97.80 MB", "25.00 MB"]
    assert (milliseconds(9.8765), milliseconds(98.765), milliseconds(987.65)) == ("9.877 ms", "98.77 ms", "987.6 ms")

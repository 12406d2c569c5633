from __future__ import annotations

import numpy as np
import pytest

from quantkit.core.errors import UsageError
from quantkit.core.scheme import INT7, INT8, UINT8, Scheme


def test_signed_codes_are_stored_signed_and_unsigned_ones_unsigned() -> None:
    assert INT8.dtype == INT7.dtype == np.int8
    assert UINT8.dtype == np.uint8


def test_a_scheme_for_channels_has_the_same_codes() -> None:
    assert INT8.per_channel(1) == Scheme(symmetric=True, lowest=-127, highest=127, axis=1)


@pytest.mark.parametrize(
    ("lowest", "highest"),
    [(-129, 127), (-128, 128), (0, 256), (0, 0), (1, 255), (-5, 0)],
    ids=str,
)
def test_codes_that_no_8_bits_hold_are_refused(lowest: int, highest: int) -> None:
    with pytest.raises(UsageError, match=r"QK1010.*fit neither int8 nor uint8"):
        Scheme(symmetric=True, lowest=lowest, highest=highest)

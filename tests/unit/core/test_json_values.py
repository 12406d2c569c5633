from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core import json_values
from quantkit.core.json_values import MALFORMED, decoded, encoded, real

ANY_TEXT = st.text(st.characters(categories=None))


@given(st.floats())
def test_every_float_comes_back_exactly(value: float) -> None:
    found = real(decoded(encoded(value)))
    assert (
        math.isnan(found) if math.isnan(value) else (found, math.copysign(1, found)) == (value, math.copysign(1, value))
    )


@given(st.dictionaries(ANY_TEXT, st.lists(ANY_TEXT)))
def test_every_text_comes_back_and_is_written_without_control_characters(value: dict[str, list[str]]) -> None:
    written = encoded(value)
    assert decoded(written) == value
    assert written.isascii()
    assert written.isprintable()
    assert "##[" not in written


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity"])
def test_what_is_not_json_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="is not JSON"):
        decoded(f"[{token}]")


@pytest.mark.parametrize(
    ("read", "value"),
    [
        ("real", True),
        ("real", "1.5"),
        ("real", None),
        ("whole", 1.0),
        ("whole", True),
        ("count", -1),
        ("truth", 1),
        ("text", 3),
        ("entries", {}),
        ("texts", {"a": 1}),
        ("texts", ["a"]),
    ],
    ids=str,
)
def test_a_value_of_another_kind_is_refused(read: str, value: Any) -> None:
    with pytest.raises(MALFORMED):
        getattr(json_values, read)(value)

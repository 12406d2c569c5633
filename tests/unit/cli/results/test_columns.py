"""Lists are legible, whatever the names in them are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quantkit.cli.results.columns import aligned


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1))
def test_every_row_is_one_line(rows: list[tuple[str, str]]) -> None:
    lines = aligned(rows)
    assert len(lines) == len(rows)
    assert all(len(line.splitlines()) <= 1 for line in lines)


def test_figures_end_flush() -> None:
    assert aligned([["a", "1"], ["bc", "100"]], indent="", right=[1]) == ["a     1", "bc  100"]

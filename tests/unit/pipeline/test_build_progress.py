"""Which of several builds it is that says something."""

from __future__ import annotations

from quantkit.pipeline.build_progress import titled


def test_what_a_build_tells_begins_with_what_it_is() -> None:
    told: list[str] = []
    progress = titled(titled(told.append, "engine 2 of 6"), "placement 1 of at most 4")
    assert progress is not None
    progress("building the int8 engine: 11 s")
    assert told == ["engine 2 of 6: placement 1 of at most 4: building the int8 engine: 11 s"]


def test_where_nobody_listens_nothing_is_told() -> None:
    assert titled(None, "engine 2 of 6") is None

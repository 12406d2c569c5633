"""One text for several paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantkit.core.errors import UsageError
from quantkit.data.wildcards import expanded


def test_wildcards_match_sorted(tmp_path: Path) -> None:
    for name in ("b.tar", "a.tar", "c.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in expanded(f"{tmp_path}/*.tar")] == ["a.tar", "b.tar"]
    assert expanded(f"{tmp_path}/*.npz") == []


def test_braces_multiply() -> None:
    assert list(map(str, expanded("{a,b}/{1..2}.tar"))) == ["a/1.tar", "a/2.tar", "b/1.tar", "b/2.tar"]


def test_a_path_that_exists_is_never_a_pattern(tmp_path: Path) -> None:
    odd = tmp_path / "set{a,b}[1]*"
    odd.mkdir()
    assert expanded(str(odd)) == [odd]


def test_a_range_without_end_is_refused() -> None:
    with pytest.raises(UsageError, match=r"\{0\.\.99999999999\} stands for more than 1000000 paths"):
        expanded("x-{0..99999999999}.tar")

"""One text for several paths."""

from __future__ import annotations

import re
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


@pytest.mark.parametrize(
    ("pattern", "most"),
    [("x-{0..99999999999}.tar", 100_000), ("{1..9999}/{1..9999}.npz", 100_000), ("{1..20000}/*.npz", 10_000)],
)
def test_more_paths_than_anybody_has_are_refused(pattern: str, most: int) -> None:
    with pytest.raises(UsageError, match=f"{re.escape(pattern)}' stands for more than {most} paths"):
        expanded(pattern)


def test_a_pattern_may_be_longer_than_a_file_name() -> None:
    names = ",".join(f"part{number}" for number in range(10_000))
    assert len(expanded(f"{{{names}}}.npz")) == 10_000

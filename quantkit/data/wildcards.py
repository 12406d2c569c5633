"""One text that stands for several paths: shards-{000..063}.tar, part?/*.tar."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from quantkit.core.errors import UsageError

MOST_NUMBERS = 1_000_000

_BRACES = re.compile(r"\{([^{}]*)\}")
_NUMBERS = re.compile(r"(\d+)\.\.(\d+)")


def expanded(pattern: str) -> list[Path]:
    """The paths that `pattern` stands for: each choice in braces in its order, each wildcard's matches sorted.

    A pattern that is itself the path of a file or folder stands for that.

    >>> [str(path) for path in expanded("train-{08..10}.tar")]
    ['train-08.tar', 'train-09.tar', 'train-10.tar']
    >>> [str(path) for path in expanded("{a,b}.tar")]
    ['a.tar', 'b.tar']

    Raises:
        UsageError: a range of more than a million numbers.
    """
    if Path(pattern).exists():
        return [Path(pattern)]
    return [Path(path) for word in _unbraced(pattern) for path in _matches(word)]


def _matches(word: str) -> list[str]:
    return sorted(glob.glob(word, recursive=True)) if glob.has_magic(word) else [word]  # noqa: PTH207


def _unbraced(pattern: str) -> list[str]:
    braces = _BRACES.search(pattern)
    if braces is None:
        return [pattern]
    head, tails = pattern[: braces.start()], _unbraced(pattern[braces.end() :])
    return [head + choice + tail for choice in _choices(braces[1]) for tail in tails]


def _choices(inside: str) -> list[str]:
    numbers = _NUMBERS.fullmatch(inside)
    if numbers is None:
        return inside.split(",")
    first, last = int(numbers[1]), int(numbers[2])
    if last - first >= MOST_NUMBERS:
        raise UsageError(
            "QK1033", f"{{{inside}}} stands for more than {MOST_NUMBERS} paths", hints=["use a wildcard: *"]
        )
    return [str(number).zfill(len(numbers[1])) for number in range(first, last + 1)]

"""One text that stands for several paths: shards-{000..063}.tar, part?/*.tar."""

from __future__ import annotations

import glob
import itertools
import math
import re
from pathlib import Path

from quantkit.core.errors import UsageError

MOST_PATHS = 100_000

# Each of these is a look at a folder.
MOST_SEARCHES = 10_000

_LONG_NAME = 400

_BRACES = re.compile(r"\{([^{}]*)\}")
# 18 digits count more than anybody has.
_NUMBERS = re.compile(r"([0-9]{1,18})\.\.([0-9]{1,18})")


def expanded(pattern: str) -> list[Path]:
    """The paths that `pattern` stands for: each choice in braces in its order, each wildcard's matches sorted.

    A pattern that is itself the path of a file or folder stands for that.

    >>> [str(path) for path in expanded("train-{08..10}.tar")]
    ['train-08.tar', 'train-09.tar', 'train-10.tar']
    >>> [str(path) for path in expanded("{a,b}.tar")]
    ['a.tar', 'b.tar']

    Raises:
        UsageError: braces that stand for more than 100,000 paths, or 10,000 with wildcards in them.
    """
    if _exists(pattern):
        return [Path(pattern)]
    return [Path(path) for word in _unbraced(pattern) for path in _matches(word)]


def _exists(pattern: str) -> bool:
    try:
        return Path(pattern).exists()
    except OSError:
        # Too long for a name, as a pattern may be.
        return False


def _matches(word: str) -> list[str]:
    # No file has such names, and looking for long ones takes quadratic time.
    if glob.has_magic(word) and ("\0" in word or any(len(part) > _LONG_NAME for part in word.split("/"))):
        return []
    return sorted(glob.glob(word, recursive=True)) if glob.has_magic(word) else [word]  # noqa: PTH207


def _unbraced(pattern: str) -> list[str]:
    # What stands in braces is every second piece.
    pieces = _BRACES.split(pattern)
    count = math.prod(map(_count, pieces[1::2]))
    longest = sum(max(map(len, piece.split(","))) if place % 2 else len(piece) for place, piece in enumerate(pieces))
    most = MOST_SEARCHES if glob.has_magic(pattern) else MOST_PATHS
    # Of names that nobody has, fewer: what they cost grows with their length.
    most = min(most, most * _LONG_NAME // max(longest, 1))
    if count > most:
        raise UsageError(
            "QK1033", f"{pattern!r:.200} stands for more than {most} paths", hints=["use a wildcard: *, and no braces"]
        )
    choices = [_choices(piece) if place % 2 else [piece] for place, piece in enumerate(pieces)]
    return ["".join(chosen) for chosen in itertools.product(*choices)]


def _count(inside: str) -> int:
    numbers = _numbers(inside)
    return inside.count(",") + 1 if numbers is None else max(numbers.stop - numbers.start, 0)


def _choices(inside: str) -> list[str]:
    numbers = _numbers(inside)
    if numbers is None:
        return inside.split(",")
    return [str(number).zfill(inside.index(".")) for number in numbers]


def _numbers(inside: str) -> range | None:
    found = _NUMBERS.fullmatch(inside)
    return range(int(found[1]), int(found[2]) + 1) if found else None

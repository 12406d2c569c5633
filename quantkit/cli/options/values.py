"""From a word on the command line to a value, with the reason and the remedy where that fails."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from quantkit.core import plugins


class BadValueError(ValueError):
    """A text is no value for its option; the caller adds which option, and where it was written."""

    def __init__(self, reason: str, *remedies: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedies = remedies


class Shard(NamedTuple):
    """Part `part`, from 1, of `parts` disjoint parts of the data."""

    part: int
    parts: int

    def __str__(self) -> str:
        return f"{self.part}/{self.parts}"


class RuleFor(NamedTuple):
    """Tensors whose names match `glob` get the threshold rule `rule`."""

    glob: str
    rule: str


def path(text: str) -> Path:
    """A file or folder; ``~`` is the home folder."""
    if not text or "\0" in text:
        raise BadValueError("is not a path")
    if any(len(os.fsencode(part)) > _LONGEST_NAME for part in Path(text).parts):
        raise BadValueError(f"has a name of more than {_LONGEST_NAME} bytes in it, which no file has")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        # Without a home folder a tilde is an ordinary character.
        return Path(text)


_LONGEST_NAME = 255


def anything(text: str) -> bool:
    """Every text names a file."""
    return bool(text)


def toml_file(text: str) -> bool:
    """Whether a text that may also be a word names a TOML file."""
    return text.lower().endswith(".toml")


def at_least(smallest: int) -> Callable[[str], int]:
    """Whole numbers from `smallest` on.

    >>> at_least(1)("32")
    32
    """

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise BadValueError(f"is not a whole number of at least {smallest}") from None
        if number < smallest:
            raise BadValueError(f"must be at least {smallest}")
        return number

    return parse


def one_of_numbers(*known: int) -> Callable[[str], int]:
    """One of a few whole numbers.

    >>> one_of_numbers(256, 512)("512")
    512
    """

    def parse(text: str) -> int:
        if text not in map(str, known):
            raise BadValueError("is not possible", f"use one of {', '.join(map(str, known))}")
        return int(text)

    return parse


def number_within(low: float, high: float) -> Callable[[str], float]:
    """Numbers above `low` and up to `high`.

    >>> number_within(0, 100)("99.99")
    99.99
    """

    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            raise BadValueError(f"is not a number above {low:g} and up to {high:g}") from None
        if not low < number <= high:
            raise BadValueError(f"must be above {low:g} and at most {high:g}")
        return number

    return parse


def batch_size(text: str) -> int | None:
    """A number of samples, or ``auto``.

    >>> batch_size("8"), batch_size("auto")
    (8, None)
    """
    return None if text == "auto" else at_least(1)(text)


_SECONDS = {"s": 1, "m": 60, "h": 3600}


def duration(text: str) -> float:
    """Seconds: ``90``, ``90s``, ``10m`` or ``1.5h``.

    >>> duration("10m"), duration("0.5")
    (600.0, 0.5)
    """
    unit = text[-1:] if text[-1:] in _SECONDS else ""
    try:
        seconds = float(text.removesuffix(unit)) * _SECONDS.get(unit, 1)
    except ValueError:
        raise BadValueError("is not a time", "write 90s, 10m or 2h") from None
    if not 0 < seconds <= _LONGEST:
        raise BadValueError("must be above 0 and at most 1000h")
    return seconds


_LONGEST = 1000 * 3600.0


def device(text: str) -> str:
    """``cpu``, ``cuda`` or ``cuda:1``; the first GPU is ``cuda:0``.

    >>> device("cuda")
    'cuda:0'
    """
    kind, colon, number = text.partition(":")
    if text == "cpu" or (kind == "cuda" and (number.isdecimal() if colon else True)):
        return "cuda:0" if text == "cuda" else text
    raise BadValueError("is no device", "write cpu, or cuda:0 for the first GPU")


def share(text: str) -> float:
    """A part of the whole, in (0, 1]: ``0.25`` or ``25%``.

    >>> share("25%")
    0.25
    """
    percent = text.endswith("%")
    try:
        number = float(text[:-1]) / 100 if percent else float(text)
    except ValueError:
        raise BadValueError("is neither a share such as 0.25 nor a percentage such as 25%") from None
    if not 0 < number <= 1:
        raise BadValueError("must be above 0 and at most 1, or 100%")
    return number


def one_of(*known: str) -> Callable[[str], str]:
    """One of a few words; a near miss is named."""

    def parse(text: str) -> str:
        if text not in known:
            remedies = [*plugins.did_you_mean(text, list(known)), f"there are: {', '.join(known)}"]
            raise BadValueError("is not known", *remedies)
        return text

    return parse


def plugin(package: str) -> Callable[[str], str]:
    """The name of a plug-in of `package`, as its files are named at this moment."""

    def parse(text: str) -> str:
        return one_of(*plugins.names(package))(text)

    return parse


def several(parse: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    """Words with commas between them, none twice.

    >>> several(str)("max,entropy")
    ('max', 'entropy')
    """

    def each(text: str) -> tuple[str, ...]:
        words = [word.strip() for word in text.split(",") if word.strip()]
        if not words:
            raise BadValueError("names nothing")
        twice = sorted({word for word in words if words.count(word) > 1})
        if twice:
            raise BadValueError(f"names {twice[0]!r} twice")
        return tuple(parse(word) for word in words)

    return each


def shard(text: str) -> Shard:
    """``I/N``, part I of N.

    >>> str(shard("1/4"))
    '1/4'
    """
    number, _, count = text.partition("/")
    if len(text) > _LONGEST_NUMBER or not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise BadValueError("is not a shard", "write it as I/N with I from 1 to N, such as 1/4")
    return Shard(int(number), int(count))


def shapes(text: str) -> dict[str, tuple[int, ...]]:
    """Input name → shape, as trtexec writes them: ``x:1x3x224x224,mask:1x77``. Names may hold colons.

    >>> shapes("x:1x3x224x224,state:0:2x1x128")
    {'x': (1, 3, 224, 224), 'state:0': (2, 1, 128)}
    """
    found: dict[str, tuple[int, ...]] = {}
    for name, shape in (_shape(part.strip()) for part in text.split(",")):
        if name in found:
            raise BadValueError(f"names {name!r} twice", "give each input one shape")
        found[name] = shape
    return found


def _shape(part: str) -> tuple[str, tuple[int, ...]]:
    name, _, sizes = part.rpartition(":")
    words = sizes.split("x")
    if not name or not all(_is_size(word) for word in words):
        raise BadValueError("is not a shape", "write NAME:1x3x224x224, and commas between several inputs")
    return name, tuple(int(word) for word in words)


def _is_size(word: str) -> bool:
    return word.isdecimal() and len(word) <= _LONGEST_NUMBER and 0 < int(word) <= 2**31


# Python itself refuses to read numbers of thousands of digits.
_LONGEST_NUMBER = 40


def rule_for(text: str) -> RuleFor:
    """``GLOB=RULE``: the rule for the tensors whose names match.

    >>> rule_for("*softmax*=max").rule
    'max'
    """
    glob, _, rule = text.rpartition("=")
    if not glob:
        raise BadValueError("is not GLOB=RULE", "write it as '*softmax*=max', in quotes")
    return RuleFor(glob, plugin("quantkit.calibrators")(rule))


YES = frozenset({"1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off"})


def yes_or_no(text: str) -> bool:
    """What a switch says in a variable or a configuration file."""
    word = text.lower()
    if word not in YES | NO:
        raise BadValueError("is neither true nor false")
    return word in YES

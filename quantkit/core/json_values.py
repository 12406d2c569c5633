"""JSON values: written so that nothing is lost, and checked as they are read.

Floats are written in their shortest exact form. JSON has neither infinities nor NaN: they are the strings
``"Infinity"``, ``"-Infinity"`` and ``"NaN"``. Text is ASCII with escapes, so that no control character, no direction
mark and no half of a surrogate pair, as in file names that are not UTF-8, stands in a file as such.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError)
"""What reading a damaged document may raise."""

_NONFINITE = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}


def encoded(value: Any, indent: int | None = None) -> str:
    """Canonical JSON: ASCII, sorted keys, on one line unless `indent` is given.

    >>> encoded({"b": math.inf, "a": [0.1, None]})
    '{"a":[0.1,null],"b":"Infinity"}'
    """
    separators = (",", ":") if indent is None else (",", ": ")
    written = json.dumps(_spelled(value), sort_keys=True, indent=indent, separators=separators, allow_nan=False)
    # JSON lets DEL through; and what starts with ##[ a CI log may take for a command.
    return written.replace("\x7f", "\\u007f").replace("##[", "#\\u0023[")


def _spelled(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else _name(value)
    if isinstance(value, Mapping):
        return {key: _spelled(entry) for key, entry in value.items()}
    return [_spelled(entry) for entry in value] if isinstance(value, list | tuple) else value


def _name(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def decoded(written: str | bytes) -> Any:
    """The value; raises one of `MALFORMED` on anything else."""
    if isinstance(written, bytes):
        written = written.decode(json.detect_encoding(written), "surrogatepass")
    return _DECODER.decode(written)


def _refuse(token: str) -> float:
    raise ValueError(f"{token} is not JSON")


# json.loads would build one for each of the million lines that a run may have.
_DECODER = json.JSONDecoder(parse_constant=_refuse)


def real(value: Any) -> float:
    """A number, or one of the three strings for what JSON lacks.

    >>> real("-Infinity"), real(3)
    (-inf, 3.0)
    """
    if isinstance(value, str):
        return _NONFINITE[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _not("a number", value)
    return float(value)


def whole(value: Any) -> int:
    """An integer."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise _not("an integer", value)
    return value


def count(value: Any) -> int:
    """An integer of at least 0."""
    if whole(value) < 0:
        raise _not("a count", value)
    return whole(value)


def truth(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise _not("true or false", value)
    return value


def text(value: Any) -> str:
    """A string."""
    if not isinstance(value, str):
        raise _not("a text", value)
    return value


def entries(value: Any) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise _not("a list", value)
    return value


def texts(value: Any) -> dict[str, str]:
    """An object whose values are strings."""
    return {name: text(entry) for name, entry in value.items()}


def _not(wanted: str, value: Any) -> TypeError:
    return TypeError(f"{str(value)[:80]!r} is not {wanted}")

"""Strings that came from models, files and labels, made safe and short enough to show."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

# Cc: control characters; Cf: direction marks and other invisible ones; Cs: half of a pair, which no encoding
# has; Zl, Zp: line ends.
_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def printable(text: str) -> str:
    """`text` on one line, with every character that could steer a terminal or mislead a reader made visible.

    An escape sequence in a node's name recolours, moves or erases what was said before; a direction mark shows its
    letters in another order; a lone surrogate, as in a file name that is not UTF-8, cannot be written at all.

    >>> printable("conv\\x1b[31m")
    'conv\\\\x1b[31m'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(letter) if unicodedata.category(letter) in _UNSAFE else letter for letter in text)


def _visible(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def loggable(text: str, ascii_for: Mapping[int, str] | None = None) -> str:
    """`text` as `printable`, with nothing that a CI log takes for a command wherever in a line it stands.

    Args:
        text: of any origin.
        ascii_for: letter → what stands for it where only ASCII may be written, as `str.maketrans` makes it.

    >>> loggable("##[error] −1", str.maketrans({"−": "-"}))
    '#\\\\x23[error] -1'
    """
    shown = printable(text).replace("##[", "#\\x23[")
    return shown if ascii_for is None else shown.translate(ascii_for).encode("ascii", "backslashreplace").decode()


def calm(line: str) -> str:
    """A whole line that no CI log takes for a command, as it does where one begins with two colons.

    >>> calm("  ::error::x"), calm("a::b")
    ('  \\\\x3a:error::x', 'a::b')
    """
    return line.replace("::", "\\x3a:", 1) if line.lstrip().startswith("::") else line


def shortened(text: str, limit: int) -> str:
    """`text` with its middle left out where it is longer than `limit` characters; both ends tell names apart.

    >>> shortened("backbone/stage3/unit4/conv2/Conv_output_0", 21)
    'backbone/s…v_output_0'
    """
    if len(text) <= limit:
        return text
    tail = (limit - 1) // 2
    return f"{text[: limit - 1 - tail]}…{text[len(text) - tail :]}"


def enumerated(names: Sequence[str], most: int) -> str:
    """The first `most` of `names`, and how many more there are.

    >>> enumerated(["conv1", "conv2", "fc"], 2), enumerated(["conv1", "conv2"], 2)
    ('conv1, conv2 and 1 more', 'conv1, conv2')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more

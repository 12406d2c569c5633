"""Damage that knows a little of what it damages: lines, words and numbers as well as bytes.

One strategy serves every parser. JSON, TOML, CSV and caches are lines of tokens, so that deleting a line drops a key,
doubling one repeats it and a token can become a number that no honest writer would write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

_TOKEN = re.compile(rb'"(?:[^"\\\n]|\\.)*"|[\w.+-]+')

EXTREMES = (
    b"0", b"-1", b"1", b"-0.0", b"2147483648", b"9223372036854775808", b"-9223372036854775809", b"1e-320", b"1e30",
    b"3.5e38", b"1e999", b"-1e999", b"NaN", b"Infinity", b"inf", b"nan", b"1" + b"0" * 30, b"9" * 5000, b"0x10", b"1_0",
    b"null", b"true", b"[]", b"{}", b"[[]]", b"[" * 3000, b'{"a":' * 3000, b'""', b'"\\ud800"', b'"\\u0000"', b'"NaN"',
    b'"../x"', b'"=1+1"', b'"</script>"', b"\xd9\xa3", b"\xff\xfe", b"\0", b"\r\n", b":", b"=", b",", b"x" * 20_000,
)  # fmt: skip

Edit = tuple[str, int, int, bytes]
"""What is done, where, to how much, and with what."""

_KINDS = ("flip", "replace", "remove", "insert", "truncate", "splice", "extreme", "swap", "drop", "double", "move")
_PAYLOAD = st.one_of(st.binary(max_size=4), st.sampled_from(EXTREMES))
_PLACE = st.integers(0, 1 << 20)

EDITS = st.lists(st.tuples(st.sampled_from(_KINDS), _PLACE, _PLACE, _PAYLOAD), min_size=1, max_size=4)


@st.composite
def damaged(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of `seeds` with a few things done to it."""
    content = draw(st.sampled_from(list(seeds)))
    for kind, place, other, payload in draw(EDITS):
        content = edited(content, (kind, place, other, payload), seeds)
    return content


@st.composite
def misspelt(draw: st.DrawFn, seeds: Sequence[str]) -> str:
    """The same for what is typed: text that a command line can hold."""
    return draw(damaged([seed.encode() for seed in seeds])).decode("utf-8", "surrogateescape")


def edited(content: bytes, edit: Edit, seeds: Sequence[bytes]) -> bytes:
    """`content` after one edit; places beyond its end count from the start again."""
    kind, place, other, payload = edit
    if kind in ("extreme", "swap"):
        return _tokens_edited(content, edit)
    if kind in ("drop", "double", "move"):
        return _lines_edited(content, edit)
    if kind == "splice":
        donor = seeds[other % len(seeds)]
        return content[: place % (len(content) + 1)] + donor[other % (len(donor) + 1) :]
    return _BYTES[kind](content, place % max(len(content), 1), other, payload)


_BYTES: dict[str, Callable[[bytes, int, int, bytes], bytes]] = {
    "flip": lambda c, place, other, _: c[:place] + bytes(b ^ 1 << other % 8 for b in c[place:][:1]) + c[place + 1 :],
    "replace": lambda c, place, other, new: c[:place] + new + c[place + len(new) :],
    "remove": lambda c, place, other, _: c[:place] + c[place + 1 + other % 8 :],
    "insert": lambda c, place, other, new: c[:place] + new + c[place:],
    "truncate": lambda c, place, other, _: c[:place],
}  # fmt: skip


def _tokens_edited(content: bytes, edit: Edit) -> bytes:
    kind, place, other, payload = edit
    found = [match.span() for match in _TOKEN.finditer(content)]
    if not found:
        return content + payload
    start, end = found[place % len(found)]
    if kind == "extreme":
        return content[:start] + EXTREMES[other % len(EXTREMES)] + content[end:]
    low, high = sorted([(start, end), found[other % len(found)]])
    first, second = content[slice(*low)], content[slice(*high)]
    if low == high:
        return content
    return content[: low[0]] + second + content[low[1] : high[0]] + first + content[high[1] :]


def _lines_edited(content: bytes, edit: Edit) -> bytes:
    kind, place, other, _ = edit
    lines = content.splitlines(keepends=True) or [b""]
    line = lines[place % len(lines)]
    if kind != "double":
        del lines[place % len(lines)]
    if kind != "drop":
        lines.insert(other % (len(lines) + 1), line)
    return b"".join(lines)

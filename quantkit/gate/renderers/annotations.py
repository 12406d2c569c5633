"""Verdicts as GitHub workflow commands: what failed or is open, next to the job."""

from __future__ import annotations

from dataclasses import dataclass

from quantkit.core.ports import VerdictRenderer
from quantkit.core.text import printable
from quantkit.core.verdict import Check, Judgement, Verdict

MOST = 10
"""GitHub shows no more of a step."""

_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}


@dataclass(frozen=True, slots=True)
class AnnotationVerdicts:
    """An error for each failure, a warning for what is open or decides nothing; nothing for what passes."""

    def render(self, judgement: Judgement) -> str:
        """A line for each, failures first."""
        told = sorted(
            (check for check in judgement.checks if check.verdict is not Verdict.PASS),
            key=lambda check: not check.decides,
        )
        lines = [_line(check) for check in told]
        if len(lines) > MOST:
            more = f"{len(lines) - MOST + 1} more checks did not pass"
            lines = [*lines[: MOST - 1], _command("warning", "quantkit", more)]
        return "".join(f"{line}\n" for line in lines)


def _line(check: Check) -> str:
    return _command("error" if check.decides else "warning", f"{check.word} {check.name}", check.reason)


def _command(level: str, title: str, message: str) -> str:
    """One command; what is in it cannot end it and begin another.

    >>> _command("error", "a::b,c", "100 %")
    '::error title=a%3A%3Ab%2Cc::100 %25'
    """
    return f"::{level} title={_escaped(title, _PROPERTY)}::{_escaped(message, _DATA)}"


def _escaped(text: str, escapes: dict[str, str]) -> str:
    return "".join(escapes.get(letter, letter) for letter in printable(text))


plugin: type[VerdictRenderer] = AnnotationVerdicts

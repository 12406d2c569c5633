"""The one place where an exception becomes a message and an exit code."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from quantkit._version import __version__
from quantkit.cli.process.memory import peak_bytes, shortage
from quantkit.cli.process.outputs import size_text
from quantkit.cli.process.stopping import Stopped
from quantkit.cli.process.terminal import Terminal
from quantkit.core.errors import ExitCode, InternalError, QuantkitError
from quantkit.core.text import printable


class Door:
    """The way out of a command: nothing but an exit code leaves its ``with`` block."""

    def __init__(self, terminal: Terminal, words: Sequence[str]) -> None:
        self.exit_code = ExitCode.OK
        self._terminal = terminal
        self._words = words

    def __enter__(self) -> Door:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None or not isinstance(error, (Exception, KeyboardInterrupt)):
            return False
        self.exit_code = self._report(error)
        return True

    def _report(self, error: BaseException) -> ExitCode:
        if self._terminal.debug:
            self._terminal.note("".join(traceback.format_exception(error)))
        failure = failure_of(error, self._words)
        if self._terminal.format == "json":
            self._terminal.result(failure.as_json())
        else:
            self._terminal.note(failure.as_text(colored=self._terminal.colors_notes))
        return failure.exit_code


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, ready to be shown; `code` is empty where no error is to blame."""

    code: str
    title: str
    exit_code: ExitCode
    where: str | None = None
    cause: str | None = None
    hints: tuple[str, ...] = ()
    docs: str | None = None

    def as_json(self) -> str:
        """One JSON document in ASCII, which every locale and every reader takes."""
        error = {
            "code": self.code,
            "title": self.title,
            "where": self.where,
            "cause": self.cause,
            "hint": "\n".join(self.hints) or None,
            "hints": list(self.hints),
            "docs": self.docs,
            "exit_code": int(self.exit_code),
        }
        return json.dumps({"ok": False, "error": error})

    def as_text(self, *, colored: bool) -> str:
        """The lines for a person; names in them cannot steer the terminal."""
        bold, red, plain = ("\x1b[1m", "\x1b[1;31m", "\x1b[0m") if colored else ("", "", "")
        start = f"{red}error[{self.code}]{plain}: " if self.code else ""
        lines = [f"{start}{bold}{printable(self.title)}{plain}"]
        if self.where:
            lines.append(f"  --> {printable(self.where)}")
        if self.cause:
            lines.append(f"cause: {printable(self.cause)}")
        lines.extend(f"hint:  {printable(hint)}" for hint in self.hints)
        return "\n".join(lines)


def failure_of(error: BaseException, words: Sequence[str] = ()) -> Failure:
    """What to show for any exception; one that quantkit did not expect leaves a crash report."""
    if isinstance(error, Stopped):
        return _stopped(error)
    if isinstance(error, KeyboardInterrupt):
        return _stopped(Stopped(ExitCode.INTERRUPTED))
    if (short := shortage(error)) is not None:
        error = short
        # A GPU's memory is another.
        if short.code == "QK4151" and (peak := peak_bytes()):
            short.cause = f"{short.cause + '; ' if short.cause else ''}the process took up to {size_text(peak)}"
    if not isinstance(error, QuantkitError):
        error = _unexpected(error, words)
    return Failure(
        error.code, error.title, ExitCode(error.exit_code), error.where, error.cause, error.hints, error.docs
    )


def _stopped(stop: Stopped) -> Failure:
    word = "interrupted" if stop.exit_code == ExitCode.INTERRUPTED else "terminated"
    title = f"{word}: {stop.cause}" if stop.cause else word
    if stop.resume is None:
        return Failure("", title, stop.exit_code)
    return Failure("", f"{title}; go on from the last checkpoint with:", stop.exit_code, hints=(stop.resume,))


def _unexpected(error: BaseException, words: Sequence[str]) -> InternalError:
    report = _crash_report(error, words)
    kept = (
        f"the crash report is {report}" if report else "no crash report could be written; --debug shows the traceback"
    )
    return InternalError(
        "QK9001",
        f"internal error: {type(error).__name__}: {error}",
        cause="this is a defect of quantkit, not of your input",
        hints=[kept, "please report it with that file"] if report else [kept],
    )


def _crash_report(error: BaseException, words: Sequence[str]) -> str | None:
    """Writes what a developer needs, for its owner only; the path, or nothing where that fails."""
    facts = [
        f"quantkit {__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"arguments: {list(words)}",
        "".join(traceback.format_exception(error)),
    ]
    try:
        handle, name = tempfile.mkstemp(prefix="quantkit-crash-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write("\n".join(facts))
    except OSError:
        return None
    return name

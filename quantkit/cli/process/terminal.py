"""The two streams: results to standard output, everything else to standard error."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TextIO

from quantkit.cli.process.progress import Note, Progress, bar, lines, sparse


@dataclass(slots=True)
class Terminal:
    """Where a command talks to, and in which form.

    Args:
        format: ``"human"``, ``"json"`` or ``"quiet"``.
        progress: ``"auto"``, ``"bar"``, ``"log"`` or ``"none"``.
        color: ``"auto"``, ``"always"`` or ``"never"``.
        debug: tracebacks are wanted.
        prog: how this command was started, such as ``quantkit calibrate``, for commands that can be pasted.
        command_line: the whole of it with its words, quoted for a shell, as the record of a run keeps it.
        variables: the environment; what stands in it is part of the behaviour.
        landed: told, beside whoever looks at the screen, how many samples of a pass are done.
        rested: told that a pass is over.
    """

    format: str = "human"
    progress: str = "auto"
    color: str = "auto"
    debug: bool = False
    prog: str = "quantkit"
    command_line: str = ""
    variables: Mapping[str, str] = field(default_factory=lambda: os.environ)
    landed: Callable[[int], None] | None = None
    rested: Callable[[], None] | None = None

    def result(self, text: str) -> None:
        """Writes to standard output; a reader that has gone away, as ``head`` does, is no error."""
        _write(sys.stdout, text)

    def note(self, text: str) -> None:
        """Writes to standard error; when nobody reads that any more, work goes on."""
        _write(sys.stderr, text)

    @property
    def width(self) -> int:
        """Columns for a table or a help text: the terminal's, or ``COLUMNS``."""
        return shutil.get_terminal_size().columns

    @property
    def colors_results(self) -> bool:
        """Whether standard output gets colours."""
        return self._colored(sys.stdout)

    @property
    def colors_notes(self) -> bool:
        """Whether standard error gets colours."""
        return self._colored(sys.stderr)

    def _colored(self, stream: TextIO) -> bool:
        """Whether `stream` gets colours."""
        if self.color != "auto":
            return self.color == "always"
        plain = self.variables.get("NO_COLOR") or self.variables.get("TERM") == "dumb"
        return not plain and _is_terminal(stream)

    @property
    def table_options(self) -> dict[str, Any]:
        """What a table for standard output has to know: width, colours, and whether it may use fine lines."""
        return {"width": self.width, "color": self.colors_results, "ascii_only": not _is_unicode(sys.stdout)}

    @contextmanager
    def progressing(self, what: str) -> Iterator[Progress]:
        """A callback ``(done, total)`` that shows how far `what` has come."""
        kind = self.progress_kind
        with ExitStack() as stack:
            if self.rested is not None:
                stack.callback(self.rested)
            show = None if kind == "none" else stack.enter_context((bar if kind == "bar" else lines)(what, self.note))

            def advance(done: int, total: int | None) -> None:
                if self.landed is not None:
                    self.landed(done)
                if show is not None:
                    show(done, total)

            yield advance

    @property
    def telling(self) -> Note | None:
        """Notes now and then what a long step is doing; ``None`` where no progress is wanted."""
        return None if self.progress_kind == "none" else sparse(self.note)

    @property
    def progress_kind(self) -> str:
        """``"bar"``, ``"log"`` or ``"none"``."""
        if self.progress != "auto":
            return self.progress
        if self.format == "quiet":
            return "none"
        scripted = self.variables.get("CI") or self.variables.get("TERM") == "dumb"
        return "bar" if _is_terminal(sys.stderr) and not scripted else "log"


def _is_terminal(stream: TextIO) -> bool:
    with suppress(ValueError):  # a closed stream
        return stream.isatty()
    return False


def _is_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "").startswith("utf")


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    line = text if text.endswith("\n") else f"{text}\n"
    try:
        stream.write(line.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        _silence(stream)


def _silence(stream: TextIO) -> None:
    """Points a stream without a reader at nothing, or the interpreter complains about it on its way out."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)

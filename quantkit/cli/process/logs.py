"""What the library notices, shown on standard error and kept in a file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from quantkit.cli.process.terminal import Terminal
from quantkit.core.files import writable
from quantkit.core.text import printable

_WORDS = {logging.DEBUG: "debug", logging.INFO: "note", logging.WARNING: "warning", logging.ERROR: "error"}
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


@contextmanager
def shown(terminal: Terminal, *, verbose: int, log_file: Path | None) -> Iterator[None]:
    """Within the block quantkit's log lines go to the terminal, and all of them to `log_file`."""
    library = logging.getLogger("quantkit")
    before = library.level
    with ExitStack() as undo:
        undo.callback(library.setLevel, before)
        library.setLevel(logging.DEBUG)
        undo.enter_context(_attached(library, _ToTerminal(terminal, _LEVELS[min(verbose, len(_LEVELS) - 1)])))
        if log_file:
            undo.enter_context(_attached(library, _to_file(log_file)))
        yield


@contextmanager
def _attached(logger: logging.Logger, handler: logging.Handler) -> Iterator[None]:
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()


class _ToTerminal(logging.Handler):
    def __init__(self, terminal: Terminal, level: int) -> None:
        super().__init__(level)
        self._terminal = terminal
        self._told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line; what was said before, of another pass over the same data, is not said again."""
        if record.getMessage() in self._told:
            return
        self._told.add(record.getMessage())
        word = _WORDS.get(record.levelno, record.levelname.lower())
        self._terminal.note(f"{word}: {printable(record.getMessage())}")


def _to_file(path: Path) -> logging.Handler:
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return handler

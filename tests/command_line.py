"""The command line as a person types it, run in this process."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quantkit.cli.main import main


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command line ended, and what it said on each stream."""

    exit_code: int
    output: str
    notes: str

    @property
    def document(self) -> dict[str, Any]:
        """Standard output as the one JSON document that it is."""
        document: dict[str, Any] = json.loads(self.output)
        return document


def ran(*words: str | Path) -> Ran:
    """A command line without its program, ended; no user is ever shown a traceback."""
    output, notes = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(notes):
        exit_code = main([str(word) for word in words])
    assert "Traceback" not in notes.getvalue(), notes.getvalue()
    return Ran(exit_code, output.getvalue(), notes.getvalue())

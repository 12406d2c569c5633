"""A line for every parser behind a long run: how often it was fed."""

from __future__ import annotations

import pytest

from tests.fuzz import feeding


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what was done; a fuzzer that found nothing because it did nothing is seen."""
    if feeding.SECONDS and feeding.executions:
        terminalreporter.section(f"inputs in {feeding.SECONDS:g} s each")
        for name, count in sorted(feeding.executions.items()):
            terminalreporter.write_line(f"{count:>9}  {name}")

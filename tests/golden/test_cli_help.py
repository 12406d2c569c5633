"""What every command says about itself; a change of a flag is seen in a review."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from quantkit.cli.main import main
from quantkit.core import plugins


@pytest.fixture(autouse=True)
def _a_terminal_of_a_hundred_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.parametrize("command", plugins.names("quantkit.cli.commands"))
def test_the_help_of_a_command(
    command: str, golden: Callable[[str, bytes], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    golden(f"cli/{command}.txt", capsys.readouterr().out.encode())


def test_the_overview(golden: Callable[[str, bytes], None], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    golden("cli/quantkit.txt", capsys.readouterr().out.encode())

"""Help is complete and fits the terminal."""

from __future__ import annotations

import pytest

from quantkit.cli import manual
from quantkit.cli.command import Command
from quantkit.cli.options.fields import declared
from quantkit.core import plugins

COMMANDS: dict[str, type[Command]] = {
    name: plugins.load("quantkit.cli.commands", name) for name in plugins.names("quantkit.cli.commands")
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    page = manual.page(f"quantkit {name}", COMMANDS[name], 80)
    for option in declared(COMMANDS[name]):
        assert option.flag in page
        assert option.help
        assert not option.help.endswith(".")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_explanations_fit_the_terminal(width: int) -> None:
    page = manual.page("quantkit calibrate", COMMANDS["calibrate"], width)
    explanations = [line for line in page.splitlines() if line.startswith(" " * 28)]
    assert max(map(len, explanations)) <= max(min(width, 110), 58)


def test_every_command_is_in_the_overview_with_what_it_does() -> None:
    overview = manual.overview("quantkit", COMMANDS, 300)
    for name, kind in COMMANDS.items():
        assert f"  {name}" in overview
        assert manual.summary(kind) in " ".join(overview.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_its_value_is(name: str) -> None:
    for option in declared(COMMANDS[name]):
        assert bool(option.metavar) is (option.kind not in ("switch", "count"))

"""What a command is: a record of its options that can run, and the result it hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from quantkit.cli.options.common import Common
from quantkit.cli.process.terminal import Terminal
from quantkit.core.errors import ExitCode
from quantkit.core.json_values import encoded


@dataclass(frozen=True, slots=True)
class Result:
    """What a command found or made, for each `--format`.

    Args:
        text: for people.
        document: for programs; JSON values only.
        written: the files that came into being.
        exit_code: 0 unless the result itself asks for another one.
    """

    text: str
    document: Mapping[str, Any]
    written: tuple[Path, ...] = ()
    exit_code: ExitCode = ExitCode.OK

    def shown(self, format: str) -> str:
        """The whole of standard output.

        >>> Result("all well", {"answer": 1}).shown("json")
        '{"answer":1,"ok":true}'
        """
        if format == "json":
            return encoded({"ok": self.exit_code == ExitCode.OK, **self.document})
        if format == "quiet":
            return "\n".join(str(path) for path in self.written)
        return self.text


class Command(Protocol):
    """One subcommand: a frozen dataclass whose fields are its options and whose docstring is its help.

    `EXAMPLES` are arguments that can be pasted behind the command's name. A field called ``given``, where there is
    one, receives the resolved command line itself, for a command that keeps a record of it. A class attribute
    ``KEEPS_TIME`` says that the command looks after `--time-limit` itself, and ends in order when it is reached.
    """

    EXAMPLES: ClassVar[tuple[str, ...]]

    @property
    def common(self) -> Common:
        """The options that every command has."""

    def run(self, terminal: Terminal, /) -> Result:
        """Does the work; progress and notices go to the terminal, the result comes back."""

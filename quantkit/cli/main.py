"""The entry point: words in, one result out, an exit code back."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

from quantkit._version import __version__
from quantkit.cli import configuration, manual, parser, settings
from quantkit.cli.command import Command, Result
from quantkit.cli.options.common import ELSEWHERE, SHOWING, Common
from quantkit.cli.options.fields import Option, assembled, declared
from quantkit.cli.options.values import NO
from quantkit.cli.process import logs, memory, watchdog
from quantkit.cli.process.failures import Door
from quantkit.cli.process.stopping import stoppable, time_limited
from quantkit.cli.process.terminal import Terminal
from quantkit.core import plugins
from quantkit.core.errors import ExitCode, UsageError

_COMMANDS = "quantkit.cli.commands"

_log = logging.getLogger(__name__)


def main(words: Sequence[str] | None = None, *, prog: str = "quantkit", command: str | None = None) -> int:
    """Runs one command line and returns its exit code; only signals that nobody can catch end it otherwise.

    Args:
        words: the arguments; the process's own when left out.
        prog: how the program was called, for usage lines and commands to paste.
        command: the command that a door to a single one stands for.
    """
    owns_process = words is None
    words = list(sys.argv[1:] if words is None else words)
    terminal = _first_terminal(words, prog)
    with Door(terminal, words) as door, stoppable(), watchdog.standing(terminal, owns_process=owns_process):
        door.exit_code = _dispatched(words, terminal, command)
    return int(door.exit_code)


def _first_terminal(words: Sequence[str], prog: str) -> Terminal:
    """What can be told before anything is parsed: how to show that parsing failed."""
    text = " ".join(parser.normalised(words))
    typed_json = "--json" in words or "--format=json" in text or "--format json" in text
    as_json = typed_json or os.environ.get("QUANTKIT_FORMAT") == "json"
    debug = "--debug" in words or os.environ.get("QUANTKIT_DEBUG", "0").lower() not in NO
    return Terminal(format="json" if as_json else "human", debug=debug, prog=prog)


def _dispatched(words: list[str], terminal: Terminal, command: str | None) -> ExitCode:
    if command is not None:
        return _CommandLine(command, terminal, words).run()
    if words[:1] == ["help"] and len(words) > 1:
        return _dispatched([words[1], "--help"], terminal, None)
    if not words or words[0] in ("-h", "--help", "help"):
        page = manual.overview(terminal.prog, _commands(), terminal.width)
        (terminal.result if words else terminal.note)(page)
        return ExitCode.OK if words else ExitCode.USAGE
    if words[0] in ("-V", "--version"):
        terminal.result(f"quantkit {__version__}")
        return ExitCode.OK
    _refuse_unknown(words[0], terminal.prog)
    terminal.prog = f"{terminal.prog} {words[0]}"
    return _CommandLine(words[0], terminal, words[1:]).run()


def _commands() -> Mapping[str, type[Command]]:
    return {name: cast(type[Command], plugins.load(_COMMANDS, name)) for name in plugins.names(_COMMANDS)}


@cache
def _options() -> Mapping[str, Sequence[Option]]:
    return {name: declared(kind) for name, kind in _commands().items()}


def _refuse_unknown(word: str, prog: str) -> None:
    known = plugins.names(_COMMANDS)
    if word in known:
        return
    hints = [f"{prog} COMMAND {word}"] if word.startswith("-") else plugins.did_you_mean(word, known)
    raise UsageError("QK1071", f"there is no command {word!r}", hints=[*hints, f"there are: {', '.join(known)}"])


@dataclass(frozen=True, slots=True)
class _CommandLine:
    """One command with the words behind it."""

    name: str
    terminal: Terminal
    words: list[str]

    def run(self) -> ExitCode:
        """Parses, runs and shows."""
        kind: type[Command] = plugins.load(_COMMANDS, self.name)
        if {"-h", "--help"} & set(parser.split(self.words)[0]):
            self.terminal.result(manual.page(self.terminal.prog, kind, self.terminal.width))
            return ExitCode.OK
        self.terminal.command_line = f"{self.terminal.prog} {shlex.join(self.words)}"
        options = declared(kind)
        typed, idle = self._typed(options)
        given = self._resolved(options, typed)
        made = assembled(kind, {**settings.values(options, given), "given": given})
        self._configure(made.common)
        watchdog.limit(made.common.timeout)
        shown_logs = logs.shown(self.terminal, verbose=made.common.verbose, log_file=made.common.log_file)
        # A command that keeps the limit itself ends in order, with what it has.
        hard = None if getattr(kind, "KEEPS_TIME", False) else made.common.time_limit
        with shown_logs, memory.limited(made.common.memory_limit), time_limited(hard):
            self._tell_idle(idle)
            result = self._result(made, options, given)
        if shown := result.shown(self.terminal.format):
            self.terminal.result(shown)
        return result.exit_code

    def _tell_idle(self, flags: Sequence[str]) -> None:
        """Warns of what was set and does nothing."""
        for flag in flags:
            _log.warning("%s says nothing to quantkit %s", flag, self.name)
        for told in settings.idle_variables(os.environ, [option for each in _options().values() for option in each]):
            _log.warning("%s", told)

    def _typed(self, options: Sequence[Option]) -> tuple[parser.Typed, list[str]]:
        """What was typed, and the flags among it that this command takes and has no use for."""
        own = {option.name for option in options}
        everywhere = {option.name: option for each in _options().values() for option in each}
        idle = [everywhere[name] for name in ELSEWHERE if name in everywhere and name not in own]
        homes = {option.flag: name for name, each in _options().items() for option in each if not option.positional}
        typed = parser.typed([*options, *idle], self.words, prog=self.terminal.prog, homes=homes)
        return typed, [option.flag for option in idle if option.name in typed]

    def _resolved(self, options: Sequence[Option], typed: parser.Typed) -> settings.Resolved:
        settings.refuse_company(options, typed, allowed=SHOWING)
        given = settings.resolved(options, typed, os.environ, {})
        if not given["config"].texts:
            return given
        path = Path(given["config"].texts[-1])
        return settings.resolved(options, typed, os.environ, configuration.read(path, self.name, _options()))

    def _configure(self, common: Common) -> None:
        self.terminal.format, self.terminal.progress = common.format, common.progress
        self.terminal.color, self.terminal.debug = common.color, common.debug

    def _result(self, made: Command, options: Sequence[Option], given: settings.Resolved) -> Result:
        if made.common.show_config:
            text = configuration.written(self.name, options, given)
            return Result(text, {"command": self.name, "options": configuration.as_document(options, given)})
        settings.refuse_missing(options, given, usage=manual.usage(self.terminal.prog, options))
        for option in options:
            _log.debug("%s: %s (%s)", option.flag, " ".join(given[option.name].texts), given[option.name].origin)
        return made.run(self.terminal)

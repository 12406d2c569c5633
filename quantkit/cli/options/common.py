"""The options that every command has: configuration, what is shown, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from quantkit.cli.options import values
from quantkit.cli.options.fields import Option, a_file, an_output

_FORMATS = ("human", "json", "quiet")
_PROGRESS = ("auto", "bar", "log", "none")
_COLOR = ("auto", "always", "never")

SHOWING = ("format", "verbose", "log_file", "progress", "color", "memory_limit", "time_limit", "timeout", "debug")
"""The options that never change what is computed."""

ELSEWHERE = ("preset", "seed", "threads", "device", "force", "trust_engine", "allow_custom_op_library")
"""Options of the commands that have a use for them; one that has none takes them, and says so."""


@dataclass(frozen=True, slots=True)
class Common:
    """How a command is configured and what it shows."""

    config: Annotated[
        Path | None,
        a_file("TOML file with options as keys; a table with a command's name holds for that command", "FILE"),
    ] = None
    set: Annotated[
        tuple[str, ...],
        Option(
            "another way to write --KEY VALUE, for scripts; may be repeated",
            metavar="KEY=VALUE",
            kind="each",
            typed_only=True,
        ),
    ] = ()
    show_config: Annotated[
        bool,
        Option("print every option with its value and origin, as TOML, and stop", kind="switch", typed_only=True),
    ] = False
    format: Annotated[
        str,
        Option(
            "standard output: human: text; json: exactly one document; quiet: only the files written",
            parse=values.one_of(*_FORMATS),
            metavar="human|json|quiet",
            shorthands={"--json": "json", "-q": "quiet", "--quiet": "quiet"},
        ),
    ] = "human"
    verbose: Annotated[
        int,
        Option(
            "say more on standard error; -vv for everything",
            parse=values.at_least(0),
            short="-v",
            kind="count",
        ),
    ] = 0
    log_file: Annotated[
        Path | None,
        an_output("append every message, with its time, to FILE", "a log", ".log"),
    ] = None
    progress: Annotated[
        str,
        Option(
            "auto: a bar on a terminal; log: a line every 10 s, as auto does elsewhere and where CI is set",
            parse=values.one_of(*_PROGRESS),
            metavar="|".join(_PROGRESS),
        ),
    ] = "auto"
    color: Annotated[
        str,
        Option(
            "auto: on a terminal, unless NO_COLOR is set or TERM is dumb",
            parse=values.one_of(*_COLOR),
            metavar="|".join(_COLOR),
        ),
    ] = "auto"
    memory_limit: Annotated[
        float | None,
        Option(
            "memory that the process may take (default: what the machine has)",
            parse=values.number_within(0, 1 << 20),
            metavar="GIB",
        ),
    ] = None
    time_limit: Annotated[
        float | None,
        Option(
            "stop by this time, such as 90s, 10m or 2h: what is done by then is kept (default: none)",
            parse=values.duration,
            metavar="TIME",
        ),
    ] = None
    timeout: Annotated[
        float | None,
        Option(
            "end the process when a batch takes longer than this, as when an engine hangs (default: none)",
            parse=values.duration,
            metavar="TIME",
        ),
    ] = None
    debug: Annotated[bool, Option("show the traceback of an error", kind="switch")] = False

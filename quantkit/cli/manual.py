"""Help texts, from the same options that are parsed."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterable, Mapping
from itertools import groupby

from quantkit._version import __version__
from quantkit.cli.command import Command
from quantkit.cli.options.fields import Option, declared

_INDENT = 28
_WIDEST = 110


def overview(prog: str, commands: Mapping[str, type[Command]], width: int) -> str:
    """What quantkit does and which commands it has."""
    lines = [
        f"usage: {prog} COMMAND [options]",
        "",
        f"quantkit {__version__}: INT8 models from FP32 ONNX, and what they cost in accuracy.",
        "",
        "commands:",
        *(_entry(name, summary(kind), width) for name, kind in commands.items()),
        "",
        f"{prog} COMMAND --help shows a command's options; {prog} --version the version.",
        "exit codes: 0 done, 1 a regression is shown, 2 wrong usage, 3 input refused, 4 machine or files,",
        "            5 too little evaluated, 70 a defect of quantkit, 130 and 143 interrupted",
    ]
    return "\n".join(lines) + "\n"


def page(prog: str, kind: type[Command], width: int) -> str:
    """One command: usage, purpose, options by section, examples."""
    options = declared(kind)
    lines = [f"usage: {usage(prog, options)}", "", *_purpose(kind, width)]
    for section, members in groupby(options, key=lambda option: option.section):
        lines += ["", f"{section or 'arguments'}:", *(_described(option, width) for option in members)]
    lines += ["", "examples:", *(f"  {prog} {example}".rstrip() for example in kind.EXAMPLES)]
    return "\n".join(lines) + "\n"


def summary(kind: type[Command]) -> str:
    """The first line of a command's docstring."""
    return inspect.cleandoc(kind.__doc__ or "").partition("\n")[0]


def usage(prog: str, options: Iterable[Option]) -> str:
    """The required part of a command line."""
    words = [_typed(option) for option in options if option.positional or option.required]
    return " ".join([prog, *words, "[options]"])


def _typed(option: Option) -> str:
    word = option.flag if option.positional else f"{option.flag} {option.metavar}"
    word += " ..." if option.kind == "many" else ""
    return word if option.required else f"[{word}]"


def _purpose(kind: type[Command], width: int) -> list[str]:
    paragraphs = inspect.cleandoc(kind.__doc__ or "").split("\n\n")
    wrapped = [textwrap.fill(" ".join(part.split()), min(width, _WIDEST)) for part in paragraphs]
    return "\n\n".join(wrapped).splitlines()


def _described(option: Option, width: int) -> str:
    value = f" {option.metavar}" if option.metavar and not option.positional else ""
    more = " ..." if option.kind == "many" else ""
    left = ", ".join([", ".join(option.flags) + value + more, *option.shorthands])
    default = f" (default: {option.default})" if option.default and option.kind != "count" else ""
    return _entry(left, option.help + default, width)


def _entry(left: str, right: str, width: int) -> str:
    body = textwrap.wrap(right, max(min(width, _WIDEST) - _INDENT, 30)) or [""]
    start = f"  {left}"
    if len(start) > _INDENT - 2:
        lines = [start, *(" " * _INDENT + line for line in body)]
    else:
        lines = [f"{start:<{_INDENT}}{body[0]}", *(" " * _INDENT + line for line in body[1:])]
    return "\n".join(lines)

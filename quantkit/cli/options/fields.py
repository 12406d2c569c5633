"""Options as annotated dataclass fields: each is a flag, a variable and a configuration key, with a type."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from quantkit.cli.options.outputs import named
from quantkit.cli.options.values import BadValueError, anything, path, yes_or_no

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Option:
    """How one option is typed, checked and explained; stands in the annotation of a dataclass field.

    Args:
        help: one phrase that says what it does.
        parse: text → value; raises `BadValueError` with the reason and the remedy.
        metavar: the value's name in the help; empty for a switch.
        short: a one-letter flag such as ``"-o"``.
        shorthands: flags that stand for a value, as ``{"--json": "json"}``.
        kind: ``"value"``, ``"switch"``, ``"count"`` (a switch that adds up when it is repeated), ``"many"``
            (several values, and the flag may be repeated) or ``"each"`` (one value each time the flag is typed).
        implied: the value of a flag that is typed without one.
        positional: typed without a flag.
        required: refused when no source gives it.
        unless: options that make this one unnecessary, and its presets void.
        presets: name of a preset → the text that it gives this option.
        is_path: which texts name a file: relative to the configuration file that holds it, absolute in a journal.
        relocate: for a text with files inside it: (text, folder) → the text with these found from the folder on.
        alone: stands for a whole command line: no other option may be typed but those that say how to show.
        typed_only: never read from variables, configuration files or journals.
        name: the field's name.
        section: the heading in the help.
        default: the field's default, as a user would type it; empty for none.
    """

    help: str
    parse: Callable[[str], Any] = str
    metavar: str = ""
    short: str = ""
    shorthands: Mapping[str, str] = field(default_factory=dict)
    kind: str = "value"
    implied: str = ""
    positional: bool = False
    required: bool = False
    unless: tuple[str, ...] = ()
    presets: Mapping[str, str] = field(default_factory=dict)
    is_path: Callable[[str], bool] | None = None
    relocate: Callable[[str, Path], str] | None = None
    alone: bool = False
    typed_only: bool = False
    name: str = ""
    section: str = ""
    default: str = ""

    @property
    def key(self) -> str:
        """The name in a configuration file, and after the two dashes."""
        return self.name.replace("_", "-")

    @property
    def flag(self) -> str:
        """How messages call it: ``--max-samples``, or ``MODEL`` when it is positional."""
        return self.metavar if self.positional else f"--{self.key}"

    @property
    def flags(self) -> list[str]:
        """Every way to type its name, without the shorthands."""
        return [self.short, self.flag] if self.short else [self.flag]

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"QUANTKIT_{self.name.upper()}"

    def located(self, text: str, folder: Path) -> str:
        """The text, with a file that it names found from `folder` on."""
        if self.relocate:
            return self.relocate(text, folder)
        return str(folder / path(text)) if self.is_path and self.is_path(text) else text

    def texts(self, text: str) -> tuple[str, ...]:
        """What one text stands for: an option with several values has them in it as a shell has words.

        Raises:
            BadValueError: a quotation is not closed.
        """
        if self.kind != "many":
            return (text,)
        try:
            return tuple(shlex.split(text))
        except ValueError as reason:
            raise BadValueError(f"cannot be split into words: {reason}") from None

    def value(self, texts: tuple[str, ...]) -> Any:
        """The typed value of what was given, which is at least one text."""
        if self.kind in ("many", "each"):
            return tuple(self.parse(text) for text in texts)
        return yes_or_no(texts[-1]) if self.kind == "switch" else self.parse(texts[-1])


def a_file(
    help: str,
    metavar: str,
    *,
    short: str = "",
    kind: str = "value",
    positional: bool = False,
    required: bool = False,
) -> Option:
    """An option that names a file or folder."""
    return Option(
        help,
        parse=path,
        metavar=metavar,
        short=short,
        kind=kind,
        positional=positional,
        required=required,
        is_path=anything,
    )


def an_output(help: str, what: str, *ends: str, short: str = "") -> Option:
    """An option that names a file to be written, which is `what`; a name that says another kind is refused.

    Args:
        help: as for `a_file`. short: likewise.
        what: is written, such as ``"JSON"``.
        ends: the endings that such a name may have, the usual one first.
    """
    return replace(a_file(help, "FILE", short=short), parse=named(what, *ends))


OUTPUT = an_output("the JSON file to write", "JSON", ".json", short="-o")

FORCE = Option("replace the output where it is there already", kind="switch")

DRY_RUN = Option("check everything, say what would be done, and stop", kind="switch", typed_only=True)


@dataclass(frozen=True, slots=True)
class Group:
    """Marks a field that is a record of further options, shown under the heading `section`."""

    section: str


def declared(kind: type[Any], section: str = "") -> list[Option]:
    """Every option of a command and of its groups, in the order of the fields.

    >>> from quantkit.cli.options.common import Common
    >>> [option.flag for option in declared(Common)][:2]
    ['--config', '--set']
    """
    found: list[Option] = []
    for entry, mark in _marked(kind):
        if isinstance(mark, Option):
            found.append(replace(mark, name=entry.name, section=section, default=_typed(entry)))
        elif isinstance(mark, Group):
            found += declared(_group_kind(entry), mark.section)
    return found


def assembled(kind: type[Record], values: Mapping[str, Any]) -> Record:
    """The record, with its groups, from values by field name; fields without a value keep their defaults."""
    chosen = {
        entry.name: assembled(_group_kind(entry), values) if isinstance(mark, Group) else values[entry.name]
        for entry, mark in _marked(kind)
        if isinstance(mark, Group) or entry.name in values
    }
    return kind(**chosen)


def _marked(kind: type[Any]) -> list[tuple[Field[Any], Option | Group | None]]:
    hints = get_type_hints(kind, include_extras=True)
    notes = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    return [(entry, next(iter(notes[entry.name]), None)) for entry in fields(kind)]


def _group_kind(entry: Field[Any]) -> Any:
    """A group's record is what makes its default."""
    return entry.default_factory


def _typed(entry: Field[Any]) -> str:
    """The default as a user would type it."""
    value = None if entry.default is MISSING else entry.default
    if value is None or value is False:
        return ""
    if value is True:
        return "true"
    return ",".join(str(part) for part in value) if isinstance(value, tuple) else str(value)

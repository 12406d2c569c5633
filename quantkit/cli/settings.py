"""Where each option's value comes from: command line, variable, configuration file, preset or default."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quantkit.cli.options.fields import Option
from quantkit.cli.options.values import BadValueError
from quantkit.cli.parser import Typed
from quantkit.core import plugins
from quantkit.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Given:
    """The texts of one option, and where they were written; no text, no value."""

    texts: tuple[str, ...]
    origin: str

    @property
    def is_asked(self) -> bool:
        """Whether somebody wrote this very option, rather than a preset or nobody."""
        return self.origin != DEFAULT and not self.origin.startswith(PRESET)

    @property
    def is_typed(self) -> bool:
        """Whether it stands on this very command line; a variable or a file may be meant for other commands as well."""
        return self.origin == COMMAND_LINE


Resolved = dict[str, Given]
"""Option name → what counts for it."""

COMMAND_LINE = "command line"
DEFAULT = "default"
PRESET = "preset "

_PREFIX = "QUANTKIT_"
# Those of the tests and benchmarks.
_OTHERWISE = frozenset({"QUANTKIT_KERNEL_TIMES", "QUANTKIT_MATERIAL"})


def resolved(
    options: Sequence[Option], typed: Typed, environment: Mapping[str, str], file: Mapping[str, Given]
) -> Resolved:
    """For each option the first that says something: command line, variable, configuration file, preset, default."""
    found = {option.name: _first(option, typed, environment, file) for option in options}
    return found | _by_preset(options, found)


def _by_preset(options: Sequence[Option], found: Resolved) -> Resolved:
    """What the preset says of options that nobody set, and for which no rival is set."""
    preset = found["preset"].texts[-1] if "preset" in found and found["preset"].texts else ""
    return {
        option.name: Given((option.presets[preset],), PRESET + preset)
        for option in options
        if preset in option.presets
        and found[option.name].origin == DEFAULT
        and not any(found[name].texts for name in option.unless if name in found)
    }


def _first(option: Option, typed: Typed, environment: Mapping[str, str], file: Mapping[str, Given]) -> Given:
    if option.name in typed:
        return Given(typed[option.name], COMMAND_LINE)
    # An empty variable is the usual way to unset one for a single command.
    if not option.typed_only and environment.get(option.variable):
        return Given(_split(option, environment[option.variable]), option.variable)
    if option.name in file:
        return file[option.name]
    return Given((option.default,) if option.default else (), DEFAULT)


def idle_variables(environment: Mapping[str, str], options: Collection[Option]) -> list[str]:
    """A sentence for each variable that looks like an option's and is none, with the nearest that is one.

    Args:
        environment: the process's.
        options: those of every command, as a variable may be meant for another one than runs.
    """
    read = {option.variable for option in options if not option.typed_only}
    typed = {option.variable: option.flag for option in options}
    # An empty one is unset.
    unread = {name for name, text in environment.items() if name.startswith(_PREFIX) and text} - read - _OTHERWISE
    return [f"{name} says nothing: {_unread(name, typed.get(name), read)}" for name in sorted(unread)]


def _unread(name: str, flag: str | None, read: Collection[str]) -> str:
    if flag is not None:
        return f"{flag} is taken from the command line alone"
    # All begin alike, which would make any two of them look near.
    near = plugins.did_you_mean(name.removeprefix(_PREFIX), sorted(other.removeprefix(_PREFIX) for other in read))
    hint = near[0].replace("'", f"'{_PREFIX}", 1) if near else "quantkit COMMAND --show-config lists the options"
    return f"it is no option's variable; {hint}"


def _split(option: Option, text: str) -> tuple[str, ...]:
    try:
        return option.texts(text)
    except BadValueError as refusal:
        raise UsageError(
            "QK1076",
            f"{option.variable} {text!r} {refusal.reason}",
            where=option.variable,
            hints=["put values with blanks in quotes"],
        ) from None


def values(options: Sequence[Option], given: Resolved) -> dict[str, Any]:
    """The typed value of every option that was given; the others keep the defaults of their fields.

    Raises:
        UsageError: a text is no value for its option, or a required option has none.
    """
    chosen = [option for option in options if given[option.name].origin != DEFAULT]
    return {option.name: _value(option, given[option.name]) for option in chosen}


def refuse_company(options: Sequence[Option], typed: Typed, *, allowed: Collection[str]) -> None:
    """Refuses further options beside one that stands for a whole command line."""
    alone = [option.flag for option in options if option.alone and option.name in typed]
    others = [option.flag for option in options if option.name in typed and option.name not in allowed]
    if alone and others != alone:
        odd = next(flag for flag in others if flag not in alone)
        title = f"{alone[0]} takes no other options: they are those of the run that it takes up"
        raise UsageError("QK1081", title, where=odd, hints=[f"leave {odd} out"])


def refuse_missing(options: Sequence[Option], given: Resolved, *, usage: str) -> None:
    """Refuses a command line that leaves out what has to be said."""
    if any(option.alone and given[option.name].texts for option in options):
        return
    lacking = [option for option in options if option.required and not given[option.name].texts]
    missing = [option for option in lacking if not any(given[name].texts for name in option.unless)]
    if missing:
        names = " and ".join(option.flag for option in missing)
        raise UsageError(
            "QK1077",
            f"{names} {'is' if len(missing) == 1 else 'are'} missing",
            cause="; ".join(f"{option.flag}: {option.help}" for option in missing),
            hints=[f"usage: {usage}", *_swallowed(options, given, missing)],
        )


def _swallowed(options: Sequence[Option], given: Resolved, missing: Sequence[Option]) -> list[str]:
    """An option with several values takes every word up to the next flag, the model's too."""
    several = [option for option in options if option.kind == "many" and not option.positional]
    greedy = [option.flag for option in several if len(given[option.name].texts) > 1]
    if greedy and any(option.positional for option in missing):
        return [f"{greedy[0]} takes every word that follows it: put {missing[0].flag} in front of it"]
    return []


def _value(option: Option, given: Given) -> Any:
    try:
        return option.value(given.texts)
    except BadValueError as refusal:
        shown = " ".join(given.texts)
        raise UsageError(
            "QK1076",
            f"{option.flag} {shown!r} {refusal.reason}",
            where=None if given.origin == COMMAND_LINE else given.origin,
            hints=refusal.remedies,
        ) from None

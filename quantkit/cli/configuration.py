"""Options from a TOML file, and every option's value written as one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from quantkit.cli.options.fields import Option
from quantkit.cli.settings import Given, Resolved
from quantkit.core import plugins, toml
from quantkit.core.errors import UsageError
from quantkit.core.files import readable


def read(path: Path, command: str, options: Mapping[str, Sequence[Option]]) -> dict[str, Given]:
    """What the file says about the options of `command`.

    Keys at the top hold for every command that has them; a table with a command's name holds for that command and
    goes first. A path in the file starts at the file's own folder.

    Args:
        path: the TOML file.
        command: the command's name.
        options: the options of every command.

    Raises:
        UsageError: not TOML, or a key that the command does not have, nor, at the top, any other: an option without
            effect misleads.
    """
    document = _document(path)
    top = {key: entry for key, entry in document.items() if not (key in options and isinstance(entry, dict))}
    own = document.get(command, {}) if command not in top else {}
    known = _settable(options[command])
    anywhere = {key for each in options.values() for key in _settable(each)}
    found: dict[str, Given] = {}
    for key, entry in [*top.items(), *own.items()]:
        name = key.replace("_", "-")
        if name in known:
            found[known[name].name] = Given(_texts(known[name], entry, path), str(path))
        elif key in own or name not in anywhere:
            raise _unknown(path, key, command, list(known))
    return found


def _settable(options: Sequence[Option]) -> dict[str, Option]:
    return {option.key: option for option in options if not option.typed_only and option.name != "config"}


def _document(path: Path) -> dict[str, Any]:
    with readable(path):
        content = path.read_bytes()
    try:
        return toml.parsed(content)
    except ValueError as reason:
        title = "the configuration file is not TOML"
        raise UsageError(
            "QK1078",
            title,
            where=str(path),
            cause=str(reason),
            hints=["quantkit COMMAND --show-config writes one that can be read"],
        ) from None


def _unknown(path: Path, key: str, command: str, known: list[str]) -> UsageError:
    return UsageError(
        "QK1079",
        f"{command} has no option {key!r}",
        where=str(path),
        hints=[*plugins.did_you_mean(key, known), f"quantkit {command} --show-config lists them"],
    )


def _texts(option: Option, entry: Any, path: Path) -> tuple[str, ...]:
    entries = entry if isinstance(entry, list) else [entry]
    if not all(isinstance(part, (str, int, float, bool)) for part in entries):
        title = f"{option.key} must be a text, a number, true, false or a list of these"
        raise UsageError(
            "QK1080", title, where=str(path), hints=["quantkit COMMAND --show-config writes one that can be read"]
        )
    texts = tuple(_text(option, part) for part in entries)
    # A list for an option with commas reads better in TOML than a text with commas in it.
    if option.kind not in ("many", "each"):
        texts = (",".join(texts),)
    return tuple(option.located(text, path.parent) for text in texts)


def _text(option: Option, part: str | int | float | bool) -> str:
    if not isinstance(part, bool):
        return str(part)
    return option.implied if part and option.implied else str(part).lower()


def written(command: str, options: Sequence[Option], given: Resolved) -> str:
    """Every option as TOML, with its origin behind it; `read` takes it back."""
    kept = [option for option in options if not option.typed_only and option.name != "config"]
    lines = [_assignment(option, given[option.name]) for option in kept]
    return "\n".join([f"# quantkit {command}: every option and where its value comes from", *lines]) + "\n"


def _assignment(option: Option, given: Given) -> str:
    if not given.texts and option.kind != "switch":
        return f"# {option.key} is not set"
    return f"{option.key} = {_toml(option, given.texts)}  # {given.origin}"


def _toml(option: Option, texts: tuple[str, ...]) -> str:
    if option.kind == "switch":
        return json.dumps(bool(texts) and option.value(texts))
    value = list(texts) if option.kind in ("many", "each") else texts[-1]
    # A JSON text is a TOML text, but for the one control character that JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def as_document(options: Sequence[Option], given: Resolved) -> Mapping[str, Any]:
    """Every option for a JSON reader: its texts and their origin."""
    kept = [option for option in options if not option.typed_only]
    return {
        option.key: {"value": list(given[option.name].texts), "origin": given[option.name].origin} for option in kept
    }

"""Options from a TOML file, and every option's value written as one."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from quantkit.cli.options.fields import Option
from quantkit.cli.settings import Given, Resolved
from quantkit.core import plugins, toml
from quantkit.core.errors import UsageError
from quantkit.core.files import readable


def read(path: Path, command: str, commands: Collection[str], options: Sequence[Option]) -> dict[str, Given]:
    """What the file says about the options of `command`.

    Keys at the top hold for every command; a table with a command's name holds for that command and goes first.
    A path in the file starts at the file's own folder.

    Raises:
        UsageError: not TOML, or a key that the command does not have: an option without effect misleads.
    """
    document = _document(path)
    known = {option.key: option for option in options if not option.typed_only and option.name != "config"}
    found: dict[str, Given] = {}
    for key, entry in _entries(document, command, commands).items():
        option = known.get(key.replace("_", "-"))
        if option is None:
            raise _unknown(path, key, command, list(known))
        found[option.name] = Given(_texts(option, entry, path), str(path))
    return found


def _document(path: Path) -> dict[str, Any]:
    with readable(path):
        content = path.read_bytes()
    try:
        return toml.parsed(content)
    except ValueError as reason:
        title = "the configuration file is not TOML"
        raise UsageError("QK1078", title, where=str(path), cause=str(reason)) from None


def _entries(document: Mapping[str, Any], command: str, commands: Collection[str]) -> dict[str, Any]:
    tables = {key for key, entry in document.items() if key in commands and isinstance(entry, dict)}
    top = {key: entry for key, entry in document.items() if key not in tables}
    return {**top, **(document[command] if command in tables else {})}


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
        raise UsageError("QK1080", title, where=str(path))
    texts = tuple(str(part).lower() if isinstance(part, bool) else str(part) for part in entries)
    # A list for an option with commas reads better in TOML than a text with commas in it.
    if option.kind != "many":
        texts = (",".join(texts),)
    return tuple(option.located(text, path.parent) for text in texts)


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
    value = list(texts) if option.kind == "many" else texts[-1]
    # A JSON text is a TOML text, but for the one control character that JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def as_document(options: Sequence[Option], given: Resolved) -> Mapping[str, Any]:
    """Every option for a JSON reader: its texts and their origin."""
    kept = [option for option in options if not option.typed_only]
    return {
        option.key: {"value": list(given[option.name].texts), "origin": given[option.name].origin} for option in kept
    }

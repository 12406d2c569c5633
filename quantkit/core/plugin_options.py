"""A plug-in with its options in a few words, as ``psnr:peak=255,border=4``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from quantkit.core import plugins
from quantkit.core.errors import UsageError

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Request:
    """A plug-in asked for: its name, and its options as they were typed."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.options:
            return self.name
        return (
            f"{self.name}{':' if ':' not in self.name else ','}{','.join(f'{k}={v}' for k, v in self.options.items())}"
        )


def requests(text: str) -> tuple[Request, ...]:
    """The plug-ins that a text with commas asks for; ``KEY=VALUE`` belongs to the plug-in before it.

    A name may hold one colon itself, as ``package.module:function`` does.

    Raises:
        UsageError: an option without a plug-in, an option twice, or no plug-in at all.

    >>> [str(request) for request in requests("top1,psnr:peak=255,border=4,my.scores:f")]
    ['top1', 'psnr:peak=255,border=4', 'my.scores:f']
    """
    found: list[tuple[str, dict[str, str]]] = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        name, option = _divided(word)
        if name:
            found.append((name, {}))
        if option:
            _add(found, *option)
    if not found:
        raise UsageError(
            "QK1053", f"{text!r} names nothing", hints=["write NAME:KEY=VALUE, and commas between several"]
        )
    return tuple(Request(name, options) for name, options in found)


def _divided(word: str) -> tuple[str, tuple[str, str] | None]:
    """The plug-in that a word begins, and the option that it holds."""
    left, equals, value = word.partition("=")
    if not equals:
        return word, None
    name, _, key = left.rpartition(":")
    return name, (key, value)


def _add(found: list[tuple[str, dict[str, str]]], key: str, value: str) -> None:
    if not found or not _KEY.fullmatch(key):
        hints = ["write NAME:KEY=VALUE,KEY=VALUE; a value holds no comma"]
        raise UsageError("QK1053", f"{key}={value} belongs to no plug-in", hints=hints)
    name, options = found[-1]
    key = key.replace("_", "-")
    if key in options:
        raise UsageError(
            "QK1053", f"{name} is given {key} twice", hints=["write NAME:KEY=VALUE, and commas between several"]
        )
    options[key] = value


def relocated(package: str, request: Request, folder: Path) -> Request:
    """The same request with every file that it names found from `folder` on."""
    if request.name not in plugins.names(package):
        return request
    files = {key for key, kind in _kinds(plugins.load(package, request.name)).items() if kind is Path}
    return Request(
        request.name,
        {
            key: str(folder / _path(value)) if value and key in files else value
            for key, value in request.options.items()
        },
    )


def needs_options(kind: type[Any]) -> bool:
    """Whether the plug-in says nothing before it is given an option."""
    return bool(_required(kind))


def built(package: str, request: Request) -> Any:
    """The plug-in with its options.

    Raises:
        UsageError: no such plug-in or option, a value of another type, or an option is missing.
        SetupError: the plug-in needs a package that is not installed.
    """
    kind = plugins.load(package, request.name)
    values = checked(kind, request)
    return kind(**{key.replace("-", "_"): value for key, value in values.items()})


def checked(kind: type[Any], request: Request) -> dict[str, Any]:
    """The typed value of each option of `request` to the plug-in `kind`.

    Raises:
        UsageError: there is no such option, a value has another type, or an option is missing.
    """
    known = _kinds(kind)
    # First, as a required option may only be misspelt.
    values = {key: _value(request.name, key, text, known) for key, text in request.options.items()}
    missing = [key for key in _required(kind) if key not in request.options]
    if missing:
        shown = Request(request.name, {key: key.upper() for key in missing})
        raise UsageError("QK1053", f"{request.name} needs {' and '.join(missing)}", hints=[f"write {shown}"])
    return values


def _kinds(kind: type[Any]) -> dict[str, Any]:
    """Option → its type, without `None`."""
    hints = get_type_hints(kind)
    return {_key(entry): _without_none(hints[entry.name]) for entry in fields(kind) if entry.init}


def _without_none(hint: Any) -> Any:
    chosen = [part for part in get_args(hint) if part is not type(None)]
    return chosen[0] if len(chosen) == 1 else hint


def _required(kind: type[Any]) -> list[str]:
    entries = [entry for entry in fields(kind) if entry.init]
    return [_key(entry) for entry in entries if entry.default is MISSING and entry.default_factory is MISSING]


def _key(entry: Field[Any]) -> str:
    return entry.name.replace("_", "-")


def _truth(text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    return words[text.lower()]


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError(text)
    try:
        return Path(text).expanduser()
    except RuntimeError:
        # Without a home folder a tilde is an ordinary character.
        return Path(text)


_READERS: Mapping[Any, tuple[Callable[[str], Any], str]] = {
    str: (str, "a text"),
    Path: (_path, "a path"),
    int: (int, "a whole number"),
    float: (float, "a number"),
    bool: (_truth, "true or false"),
}


def _value(plugin: str, key: str, text: str, known: Mapping[str, Any]) -> Any:
    if key not in known:
        hints = [*plugins.did_you_mean(key, list(known)), f"it has: {', '.join(known) or 'no options'}"]
        raise UsageError("QK1053", f"{plugin} has no option {key!r}", hints=hints)
    read, what = _READERS[known[key]]
    try:
        return read(text)
    except (ValueError, KeyError):
        raise UsageError(
            "QK1053",
            f"{plugin}: {key}={text} is not {what}",
            hints=["write NAME:KEY=VALUE, and commas between several"],
        ) from None

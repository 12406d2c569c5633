"""From the words of a command line to what was typed for each option."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import NoReturn

from quantkit.cli.options.fields import Option
from quantkit.cli.options.values import BadValueError
from quantkit.core import plugins
from quantkit.core.errors import UsageError

Typed = dict[str, tuple[str, ...]]
"""Option name → the texts typed for it."""

SET = "set"
_SEVERAL = ",..."
_NEVER_SET = frozenset({SET, "config", "show_config"})

# Flags that other tools have, and that are missing here for a reason.
_WITHHELD = {
    "--trust-pickle": "a pickle is a program, and none is ever loaded here, on nobody's word: "
    "save arrays with np.savez, and a model as ONNX"
}


def normalised(words: Sequence[str]) -> list[str]:
    """The words with ``--like_this`` written ``--like-this``; values, and what follows ``--``, stay as they are.

    >>> normalised(["--max_samples=a_b", "c_d", "--", "--e_f"])
    ['--max-samples=a_b', 'c_d', '--', '--e_f']
    """
    flags, rest = split(words)
    return [_dashed(word) for word in flags] + rest


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words up to a ``--``, and it and what follows: names there may begin with a dash."""
    end = words.index("--") if "--" in words else len(words)
    return list(words[:end]), list(words[end:])


def _dashed(word: str) -> str:
    if not word.startswith("--"):
        return word
    flag, equals, value = word.partition("=")
    return flag.replace("_", "-") + equals + value


def typed(
    options: Sequence[Option], words: Sequence[str], *, prog: str, homes: Mapping[str, str] | None = None
) -> Typed:
    """What the words say about each option.

    Args:
        options: what may be typed.
        words: the command line behind the command's name.
        prog: how the command was called, for hints.
        homes: flag → a command that has it, for whoever types it to another one.

    Raises:
        UsageError: an unknown flag, a flag without its value, a word too many, or a flag given twice.
    """
    flags, rest = split(normalised(words))
    try:
        found, loose = _parser(options).parse_known_args(_completed(options, flags))
    except argparse.ArgumentError as refusal:
        raise UsageError("QK1073", str(refusal), hints=[f"{prog} --help"]) from None
    for word in loose:
        if word.startswith("-") and word != "-":
            raise _unknown_flag(word, options, prog, homes or {})
    by_flag = {name: tuple(texts) for name, texts in vars(found).items()}
    for option in options:
        _refuse_repetition(option, by_flag.get(option.name, ()))
    counts = {option.name for option in options if option.kind == "count"}
    counted = {name: (str(len(texts)),) if name in counts else texts for name, texts in by_flag.items()}
    everything = counted | _placed([option for option in options if option.positional], loose + rest[1:], prog)
    return everything | _assigned(options, everything.pop(SET, ()), everything, prog)


def _completed(options: Sequence[Option], flags: Sequence[str]) -> list[str]:
    """The words with the implied value behind each flag that may go without one and does."""
    lone = {option.flag: option for option in options if option.implied}
    return [
        f"{word}={lone[word].implied}" if word in lone and not _is_value(lone[word], following) else word
        for word, following in zip_longest(flags, flags[1:], fillvalue="")
    ]


def _is_value(option: Option, word: str) -> bool:
    try:
        option.parse(word)
    except BadValueError:
        return False
    return True


def _assigned(options: Sequence[Option], texts: Sequence[str], typed: Typed, prog: str) -> Typed:
    """What ``--set KEY=VALUE`` says, as if ``--KEY VALUE`` had been typed."""
    known = {option.key: option for option in options if option.name not in _NEVER_SET}
    found: Typed = {}
    for text in texts:
        key, equals, value = text.partition("=")
        option = known.get(key.replace("_", "-"))
        if not equals:
            raise UsageError("QK1076", f"--{SET} {text!r} is not KEY=VALUE", hints=["such as --set max-samples=256"])
        if option is None:
            hints = [*plugins.did_you_mean(key, list(known)), f"{prog} --show-config lists all"]
            raise UsageError("QK1072", f"--{SET}: there is no option {key!r}", hints=hints)
        if option.name in typed or option.name in found:
            raise UsageError("QK1075", f"--{SET} {text}: {option.flag} is given twice", hints=["keep one"])
        try:
            found[option.name] = option.texts(value)
        except BadValueError as refusal:
            raise UsageError(
                "QK1076", f"--{SET} {text!r} {refusal.reason}", hints=["put values with blanks in quotes"]
            ) from None
    return found


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise argparse.ArgumentError(None, message)


def _parser(options: Sequence[Option]) -> argparse.ArgumentParser:
    parser = _Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    for option in options:
        # argparse misplaces positional words that follow a flag; `_placed` does not.
        if not option.positional:
            _declare(parser, option)
    return parser


def _declare(parser: argparse.ArgumentParser, option: Option) -> None:
    if option.kind in ("switch", "count"):
        parser.add_argument(*option.flags, dest=option.name, action="append_const", const="true")
    elif option.kind == "many":
        parser.add_argument(*option.flags, dest=option.name, action="extend", nargs="+")
    else:  # each has one value
        parser.add_argument(*option.flags, dest=option.name, action="append")
    for shorthand, text in option.shorthands.items():
        parser.add_argument(shorthand, dest=option.name, action="append_const", const=text)


def _placed(options: Sequence[Option], words: Sequence[str], prog: str) -> Typed:
    """Positional words, one to each option in turn; an option with several values takes the rest."""
    left = list(words)
    placed: Typed = {}
    for option in options:
        taken = left if option.kind == "many" else left[:1]
        left = left[len(taken) :]
        if taken:
            placed[option.name] = tuple(taken)
    if left:
        known = ", ".join(f"{option.metavar} is {placed[option.name][0]!r}" for option in options)
        raise UsageError("QK1074", f"{left[0]!r} is one word too many", cause=known, hints=[f"{prog} --help"])
    return placed


def _refuse_repetition(option: Option, texts: tuple[str, ...]) -> None:
    """A value that another one silently replaces is a mistake that nobody sees."""
    if option.kind in ("value", "switch") and len(set(texts)) > 1:
        title = f"{option.flag} is given twice, as {texts[0]!r} and as {texts[1]!r}"
        both = [f"or both in one: {option.flag} {texts[0]},{texts[1]}"] if option.metavar.endswith(_SEVERAL) else []
        raise UsageError("QK1075", title, hints=["keep one", *both])


def _unknown_flag(word: str, options: Sequence[Option], prog: str, homes: Mapping[str, str]) -> UsageError:
    flag = word.partition("=")[0]
    title, last = f"there is no option {flag}", f"{prog} --help lists all"
    if flag in _WITHHELD:
        return UsageError("QK1072", title, hints=[_WITHHELD[flag]])
    if flag in homes:
        return UsageError("QK1072", f"{title} here", hints=[f"quantkit {homes[flag]} has it", last])
    known = [name for option in options if not option.positional for name in (*option.flags, *option.shorthands)]
    return UsageError("QK1072", title, hints=[*plugins.did_you_mean(flag, known), last])

"""Arguments of the public functions, held to their annotations: a mistake is told where it was made, with a remedy."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, wraps
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from quantkit.core.errors import UsageError
from quantkit.core.text import printable, shortened

_P = ParamSpec("_P")
_R = TypeVar("_R")

# Kinds that Python writes in more than one way → what is taken for each, and how it is called.
_PLAIN: Mapping[type, tuple[tuple[type, ...], str]] = {
    str: ((str,), "a string"),
    bool: ((bool,), "True or False"),
    int: ((Integral,), "a whole number"),
    float: ((Real,), "a number"),
    Path: ((os.PathLike,), "a path"),
    os.PathLike: ((os.PathLike,), "a path"),
    NoneType: ((NoneType,), "None"),
}

# Class → where a reader of a message gets one from.
_WAYS = {
    "Statistics": "what quantkit.collect returned, or quantkit.Statistics.load(path)",
    "Calibration": "what quantkit.calibrate_ranges returned, or quantkit.Calibration.load(path)",
    "Calibrator": "a rule's name, such as 'entropy', or a rule with options, as in help(quantkit.calibrate_ranges)",
    "Artifact": "what quantkit.quantize returned, or the model's path",
    "Model": "the path of an ONNX file, or what quantkit.load_model or quantkit.from_torch returned",
    "Comparison": "what quantkit.compare returned, or quantkit.load_run(path)",
    "Judgement": "what quantkit.judge returned",
    "Baseline": "quantkit.load_baseline(path)",
    "Tolerance": "quantkit.Tolerance(min_ratio=0.99)",
    "Drop": 'quantkit.Drop(1, "pp")',
    "Exclusion": 'quantkit.Exclusion(nodes=("/head/*",))',
    "Rules": "quantkit.Rules(...)",
    "Collecting": "quantkit.Collecting(...)",
    "Comparing": "quantkit.Comparing(...)",
    "Sensing": "quantkit.Sensing(...)",
    "Tracing": "quantkit.Tracing(...)",
    "Labelling": "quantkit.Labelling(pattern=...), or labels='val.csv' for a CSV file",
    "Selection": "quantkit.Selection(max_samples=500)",
    "Reading": "quantkit.Reading(batch_size=16)",
    "Preprocessing": "a preset's name, such as 'imagenet', or quantkit.Preprocessing(...)",
    "Path": "the path of a file",
    "PathLike": "the path of a file or a folder",
}


def checked(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The same function; arguments that its annotations do not allow are refused before it begins.

    A tuple may be given as a list, and any kind of number as a number. What a container holds is looked at too.
    Protocols that cannot be asked at run time, and what is annotated as `Any`, are left to the function.

    Raises:
        UsageError: names function, argument and value; by the function that is returned.
    """
    return _held(function, function.__qualname__)


def checked_as(name: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """The same for a function that is public under another name."""
    return lambda function: _held(function, name)


def _held(function: Callable[_P, _R], name: str) -> Callable[_P, _R]:
    signature, owner = inspect.signature(function), f"{name}()"

    @wraps(function)
    def held(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError:
            # Too many, too few or unknown ones: Python itself says so best.
            return function(*args, **kwargs)
        annotations = _annotations(function)
        for argument, value in given.items():
            _refuse_stray(owner, argument, value, annotations.get(argument, Any))
        return function(*args, **kwargs)

    return held


def hold_fields(record: object) -> None:
    """The same for the fields of a record of options; its ``__post_init__`` calls it first."""
    kind: Any = type(record)
    for name, annotation in _annotations(kind).items():
        _refuse_stray(kind.__name__, name, getattr(record, name), annotation)


def hold_least(record: object, **least: int) -> None:
    """Refuses numbers in fields of a record that are below what is named here; those that are None pass."""
    for name, bound in least.items():
        value = getattr(record, name)
        # NaN is below and above nothing.
        if value is not None and not value >= bound:
            raise refused(type(record).__name__, name, value, f"{bound} or more")


def refused(owner: str, name: str, value: object, wanted: str) -> UsageError:
    """The error for a value of the right kind that means nothing.

    >>> print(refused("Rules", "alpha", 5, "a chance above 0 and below 1"))
    error[QK1096]: Rules: alpha is 5
    hint:  give a chance above 0 and below 1
    """
    return UsageError("QK1096", f"{owner}: {name} is {_shown(value)}", hints=[f"give {wanted}"])


@cache
def _annotations(thing: Any) -> Mapping[str, Any]:
    return {name: kind for name, kind in get_type_hints(thing).items() if name != "return"}


def _refuse_stray(owner: str, name: str, value: object, annotation: Any) -> None:
    stray = _stray(name, value, annotation)
    if stray is not None:
        title = f"{owner}: {stray.name} is {_shown(stray.value)}, not {_wanted(stray.annotation)}"
        raise UsageError("QK1096", title, hints=[_remedy(owner, stray)])


@dataclass(frozen=True, slots=True)
class _Stray:
    """A value that its annotation does not allow, and how its place is called."""

    name: str
    value: object
    annotation: Any


def _stray(name: str, value: object, annotation: Any) -> _Stray | None:
    """The first part of `value` that does not fit; none where all of it does."""
    strays = [_stray_of(name, value, kind) for kind in _kinds(annotation)]
    if None in strays:
        return None
    # An entry that does not fit is found in a container that does, which is what was meant.
    return next((stray for stray in strays if stray and stray.name != name), _Stray(name, value, annotation))


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """The members of a union; anything else is the only one of itself."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _stray_of(name: str, value: object, kind: Any) -> _Stray | None:
    origin = get_origin(kind)
    if origin in (None, Literal, Callable):
        return None if _is(value, kind) else _Stray(name, value, kind)
    kinds = get_args(kind)
    # A string is a sequence to Python, of letters, which are never what was meant.
    if isinstance(value, str) or not isinstance(value, (tuple, list) if origin is tuple else origin):
        return _Stray(name, value, kind)
    if origin is tuple and kinds[-1] is not ... and len(value) != len(kinds):
        return _Stray(name, value, kind)
    return next(filter(None, (_stray(*entry) for entry in _entries(name, value, kinds))), None)


def _entries(name: str, held: Any, kinds: tuple[Any, ...]) -> Iterator[tuple[str, object, Any]]:
    """What a container holds, each entry with its name and its annotation."""
    if isinstance(held, Mapping):
        for key, entry in held.items():
            yield f"a key of {name}", key, kinds[0]
            yield f"{name}[{key!r}]", entry, kinds[1]
    elif isinstance(held, tuple | list):
        for at, entry in enumerate(held):
            yield f"{name}[{at}]", entry, kinds[0] if len(kinds) == 1 or kinds[1] is ... else kinds[at]


def _is(value: object, kind: Any) -> bool:
    if kind in _PLAIN:
        return _is_plain(value, kind)
    if get_origin(kind) is Literal:
        return any(type(value) is type(word) and value == word for word in get_args(kind))
    if get_origin(kind) is Callable:
        return callable(value)
    if kind is Any or not isinstance(kind, type):
        return True
    if getattr(kind, "_is_protocol", False):
        # A class has the methods of its instances, and is none.
        return not getattr(kind, "_is_runtime_protocol", False) or (
            isinstance(value, kind) and not isinstance(value, type)
        )
    return isinstance(value, kind)


def _is_plain(value: object, kind: type) -> bool:
    if kind is bool and type(value).__module__ == "numpy":
        # Asked by name: what needs no arrays, such as help, is not to wait for the import of NumPy.
        return type(value).__name__ in ("bool", "bool_")
    # True is a whole number to Python, and never what was meant by one.
    return isinstance(value, _PLAIN[kind][0]) and (kind is bool or not isinstance(value, bool))


def _shown(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if value is None or isinstance(value, str | int | float | Path):
        return printable(shortened(repr(value), 80))
    return _with_article(type(value).__name__)


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def _wanted(annotation: Any) -> str:
    """
    >>> _wanted(float | tuple[str, ...] | None)
    'a number or a tuple of strings'
    """
    kinds = [kind for kind in _kinds(annotation) if kind is not NoneType]
    if str in kinds and any((get_origin(kind) or kind) in (Path, os.PathLike) for kind in kinds):
        kinds.remove(str)
    return " or ".join(dict.fromkeys(_called(kind) for kind in kinds))


def _called(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if (origin or kind) in _PLAIN:
        return _PLAIN[origin or kind][1]
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if origin is Callable:
        return "a function"
    if origin is tuple:
        many = f"{_called(arguments[0]).partition(' ')[2]}s"
        return f"a tuple of {many}" if arguments[-1] is ... else f"{len(arguments)} {many}"
    name = getattr(origin or kind, "__name__", str(kind))
    return _with_article(name.lower() if origin else name)


def _remedy(owner: str, stray: _Stray) -> str:
    kinds = _kinds(stray.annotation)
    if any(get_origin(kind) is tuple and _stray("", [stray.value], kind) is None for kind in kinds):
        return f"give ({_shown(stray.value)},)"
    if hasattr(stray.value, "SerializeToString"):
        return "onnx.save(model, 'model.onnx'), and give the path"
    if hasattr(stray.value, "state_dict"):
        return "quantkit.from_torch(module, example) makes a model of it"
    ways = [_WAYS[kind.__name__] for kind in kinds if getattr(kind, "__name__", None) in _WAYS]
    return f"give {ways[0]}" if ways else f"help(quantkit.{owner.removesuffix('()')}) says what it takes"

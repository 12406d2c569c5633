"""From a decoded image to the numbers a model was trained on, as a declared record."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from quantkit.core import arguments, toml
from quantkit.core.errors import UsageError
from quantkit.core.files import readable
from quantkit.core.plugins import did_you_mean
from quantkit.core.text import printable

CHANNELS = {"rgb": 3, "bgr": 3, "gray": 1}
LAYOUTS = ("nchw", "nhwc")
INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
SIZING = ("resize", "resize_short", "crop")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an image becomes a model's input: colour, resize, crop, then ``(x·scale − mean) / std``, then layout.

    x runs from 0 to 255 and each step of the formula is rounded to float32.

    Args:
        color: ``"rgb"``, ``"bgr"`` or ``"gray"``, which has one channel.
        resize: exact (height, width), whatever the aspect ratio was.
        resize_short: length of the shorter side; the longer one keeps the aspect ratio, rounded down.
        crop: (height, width) cut from the centre; offsets are ``round((size − crop) / 2)``, half to even.
        interpolation: a filter's name in Pillow, whose antialiasing resize it is.
        scale: factor, applied first.
        mean: subtracted: no value, one for all channels, or one for each in the order of `color`.
        std: divided by, in the same form.
        layout: ``"nchw"`` or ``"nhwc"``.

    Raises:
        UsageError: a value that no image can be prepared with.

    >>> PRESETS["imagenet"].size
    (224, 224)
    >>> Preprocessing(color="gray", mean=(0.1, 0.2))
    Traceback (most recent call last):
    quantkit.core.errors.UsageError: error[QK1032]: preprocessing: mean has 2 values, channels: 1
    """

    color: str = "rgb"
    resize: tuple[int, int] | None = None
    resize_short: int | None = None
    crop: tuple[int, int] | None = None
    interpolation: str = "bilinear"
    scale: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    layout: str = "nchw"

    def __post_init__(self) -> None:
        """Refuses values that contradict each other or that no image can be prepared with."""
        arguments.hold_fields(self)
        _refuse_unknown_word("color", self.color, CHANNELS)
        _refuse_unknown_word("interpolation", self.interpolation, INTERPOLATIONS)
        _refuse_unknown_word("layout", self.layout, LAYOUTS)
        self._refuse_sizes()
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (0, 1, self.channels):
                raise _refused(f"{name} has {len(values)} values, channels: {self.channels}")
        numbers = (self.scale, *self.mean, *self.std)
        if not all(math.isfinite(number) for number in numbers) or self.scale == 0 or 0 in self.std:
            raise _refused("scale, mean and std must be finite; scale and std not 0")

    def _refuse_sizes(self) -> None:
        if self.resize is not None and self.resize_short is not None:
            raise _refused("resize and resize_short are both given", "keep one of them")
        sizes = (*(self.resize or ()), *(self.crop or ()), *(() if self.resize_short is None else (self.resize_short,)))
        if any(size < 1 for size in sizes):
            raise _refused("a size is below 1")
        if self.resize and self.crop and not _covers(self.resize, self.crop):
            raise _refused(f"crop {self.crop} is larger than resize {self.resize}")
        if self.resize_short and self.crop and self.resize_short < min(self.crop):
            raise _refused(f"crop {self.crop} is larger than resize_short {self.resize_short}")

    @property
    def channels(self) -> int:
        """How many channels the model's input has."""
        return CHANNELS[self.color]

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) of every result, or ``None`` where it depends on the image."""
        return self.crop or self.resize

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """The (height, width) that an image has before it is cropped.

        >>> Preprocessing(resize_short=256).resized(375, 500)
        (256, 341)
        """
        if self.resize is not None:
            return self.resize
        if self.resize_short is None:
            return height, width
        short = min(height, width)
        return self.resize_short * height // short, self.resize_short * width // short

    def shape(self, height: int, width: int) -> tuple[int, int, int]:
        """The shape, without the batch axis, that an image of `height` and `width` gets."""
        rows, columns = self.crop or self.resized(height, width)
        return (self.channels, rows, columns) if self.layout == "nchw" else (rows, columns, self.channels)

    def record(self) -> dict[str, Any]:
        """The fields that are set, as JSON values; `from_record` takes it back."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        return {name: value for name, value in plain.items() if value is not None} | {"dtype": "float32"}


def resolved(name_or_path: str | Path) -> Preprocessing:
    """The preset called so, or what the TOML file there says.

    Raises:
        UsageError: neither a preset nor a file, or the file is refused.
    """
    name = str(name_or_path)
    if ALIASES.get(name, name) in PRESETS:
        return PRESETS[ALIASES.get(name, name)]
    path = Path(name_or_path)
    if path.suffix.lower() == ".toml" or path.is_file():
        return from_toml(path)
    known = [*PRESETS, *ALIASES]
    raise UsageError(
        "QK1031",
        f"there is no preprocessing called {printable(name)!r}",
        hints=[*did_you_mean(name, known), f"there are: {', '.join(known)}; or give a TOML file"],
    )


def from_toml(path: Path) -> Preprocessing:
    """What a TOML file says: the fields of `Preprocessing`, and ``preset`` for the ones it leaves out.

    Any of resize, resize_short and crop replaces the preset's sizes as a whole.

    Raises:
        UsageError: not TOML, an unknown key, a value of the wrong type, or one that is refused.
    """
    with readable(path):
        content = path.read_bytes()
    try:
        document = toml.parsed(content)
    except ValueError as reason:
        raise UsageError(
            "QK1032",
            "the preprocessing is not TOML",
            where=str(path),
            cause=str(reason),
            hints=["calib_data/digits/preprocess.toml is an example"],
        ) from reason
    try:
        return _based(document)
    except UsageError as refusal:
        raise refusal.located(str(path)) from refusal.__cause__


def _based(document: Mapping[str, object]) -> Preprocessing:
    own = dict(document)
    preset = own.pop("preset", None)
    if preset is None:
        return from_record(own)
    name = str(preset)
    _refuse_unknown_word("preset", name, (*PRESETS, *ALIASES))
    base = PRESETS[ALIASES.get(name, name)]
    if own.keys() & set(SIZING):
        base = replace(base, resize=None, resize_short=None, crop=None)
    if "color" in own and CHANNELS.get(str(own["color"])) != base.channels:
        base = replace(base, color=str(own["color"]), mean=(), std=())
    return from_record({**base.record(), **own})


def from_record(record: Mapping[str, object]) -> Preprocessing:
    """The preprocessing that `Preprocessing.record` wrote, or that a file says.

    Raises:
        UsageError: an unknown key, or a value of the wrong type.
    """
    values: dict[str, Any] = {}
    for key, value in record.items():
        _refuse_unknown_word("the key", key, [*_READERS, "preset"])
        values[key] = _READERS[key](key, value)
    if values.pop("dtype", "float32") != "float32":
        raise _refused(f"dtype is {record['dtype']!r}", "inputs are float32")
    return Preprocessing(**values)


def canonical(record: Mapping[str, Any]) -> str:
    """A record as JSON that is equal for equal records.

    >>> canonical({"b": 1, "a": [2.0]})
    '{"a":[2.0],"b":1}'
    """
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong_type(key, value, "a text")
    return value


def _whole(key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type(key, value, "a whole number")
    return value


def _number(key: str, value: object) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise _wrong_type(key, value, "a number")
    try:
        return float(value)
    except OverflowError as reason:
        raise _wrong_type(key, value, "a number") from reason


def _pair(key: str, value: object) -> tuple[int, int]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise _wrong_type(key, value, "[height, width]")
    return _whole(key, value[0]), _whole(key, value[1])


def _numbers(key: str, value: object) -> tuple[float, ...]:
    if not isinstance(value, (list, tuple)):
        raise _wrong_type(key, value, "a list of numbers")
    return tuple(_number(key, number) for number in value)


_READERS: Mapping[str, Callable[[str, object], object]] = {
    "color": _text,
    "resize": _pair,
    "resize_short": _whole,
    "crop": _pair,
    "interpolation": _text,
    "scale": _number,
    "mean": _numbers,
    "std": _numbers,
    "layout": _text,
    "dtype": _text,
}


def _covers(outer: tuple[int, int], inner: tuple[int, int]) -> bool:
    return inner[0] <= outer[0] and inner[1] <= outer[1]


def _refuse_unknown_word(name: str, word: str, known: Mapping[str, int] | list[str] | tuple[str, ...]) -> None:
    if word not in known:
        hints = [*did_you_mean(word, list(known)), f"there are: {', '.join(known)}"]
        raise _refused(f"{name} {printable(word)!r} is unknown", *hints)


def _wrong_type(key: str, value: object, wanted: str) -> UsageError:
    return _refused(f"{key} must be {wanted}, not {value!r:.60}")


def _refused(title: str, *hints: str) -> UsageError:
    return UsageError("QK1032", f"preprocessing: {title}", hints=hints)


PRESETS: Mapping[str, Preprocessing] = {
    "imagenet": Preprocessing(
        resize_short=256,
        crop=(224, 224),
        scale=1 / 255,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    ),
    "tensorflow": Preprocessing(resize_short=256, crop=(224, 224), scale=1 / 127.5, mean=(1.0,)),
    "caffe": Preprocessing(color="bgr", resize_short=256, crop=(224, 224), mean=(103.939, 116.779, 123.68)),
    "none": Preprocessing(),
}
"""The conventions of torchvision, TensorFlow's slim models, Caffe's ImageNet models, and pixels as they are."""

ALIASES = {"imagenet-torch": "imagenet"}

"""Whether images prepared as declared fit a model's input, before any is read."""

from __future__ import annotations

from quantkit.core.artifact import TensorSpec, shape_text
from quantkit.core.errors import DataError
from quantkit.core.text import printable
from quantkit.data.inputs import fixed
from quantkit.data.preprocessing import LAYOUTS, Preprocessing


def fitted(preprocessing: Preprocessing, spec: TensorSpec) -> Preprocessing:
    """`preprocessing` itself, once it is sure to give what the model's input `spec` takes.

    Free dimensions fit anything; sizes that depend on the image are checked when it is read.

    Raises:
        DataError: other channels, another layout or another size; the message holds the change that helps.
    """
    if len(spec.shape) != 4:
        raise DataError(
            "QK2113",
            f"input {printable(str(spec))} has {len(spec.shape)} dimensions, images need 4: batch, channels and size",
            hints=["give the data as arrays: .npy, .npz or a Python iterable"],
        )
    height, width = preprocessing.size or (None, None)
    made = _laid_out(preprocessing.layout, preprocessing.channels, height, width)
    # A free axis fits any channels; where the other end says how many there are, channels are there.
    if not _agree(made, spec) or _likely_layout(spec) not in (None, preprocessing.layout):
        raise _misfit(preprocessing, made, spec)
    return preprocessing


Dimensions = tuple[int | None, int | None, int | None]


def _laid_out(layout: str, channels: int | None, height: int | None, width: int | None) -> Dimensions:
    return (channels, height, width) if layout == "nchw" else (height, width, channels)


def _agree(made: Dimensions, spec: TensorSpec) -> bool:
    pairs = zip(made, map(fixed, spec.shape[1:]), strict=True)
    return all(mine is None or theirs is None or mine == theirs for mine, theirs in pairs)


def _misfit(preprocessing: Preprocessing, made: Dimensions, spec: TensorSpec) -> DataError:
    return DataError(
        "QK2113",
        f"input {printable(str(spec))} takes {shape_text(tuple(map(fixed, spec.shape[1:])))}, "
        f"the preprocessing gives {shape_text(made)} in layout {preprocessing.layout}",
        hints=_remedies(preprocessing, spec),
    )


def _remedies(preprocessing: Preprocessing, spec: TensorSpec) -> list[str]:
    height, width = preprocessing.size or (None, None)
    other = next(layout for layout in LAYOUTS if layout != preprocessing.layout)
    if _agree(_laid_out(other, preprocessing.channels, height, width), spec):
        return [f"--layout {other}"]
    layout = _likely_layout(spec) or preprocessing.layout
    channels, rows, columns = _wanted(spec, layout)
    changes = []
    if channels not in (None, preprocessing.channels):
        changes.append(f'color = "{"gray" if channels == 1 else "rgb"}"')
    if rows and columns and preprocessing.size not in (None, (rows, columns)):
        changes.append(f"resize = [{rows}, {columns}]")
    if layout != preprocessing.layout:
        changes.append(f'layout = "{layout}"')
    return [
        f"put into a TOML file, beside preset = … or the other keys, and give it as --preprocess: {', '.join(changes)}"
    ]


def _likely_layout(spec: TensorSpec) -> str | None:
    """The layout in which exactly one side of the shape could be channels."""
    first, last = fixed(spec.shape[1]) in (1, 3), fixed(spec.shape[3]) in (1, 3)
    if first == last:
        return None
    return "nchw" if first else "nhwc"


def _wanted(spec: TensorSpec, layout: str) -> Dimensions:
    first, second, third = map(fixed, spec.shape[1:])
    return (first, second, third) if layout == "nchw" else (third, first, second)
